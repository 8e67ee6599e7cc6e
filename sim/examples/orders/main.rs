//! A small order-processing service beside a simulated broker, once with a mistake that many services make, and
//! once without.
//!
//! ```text
//! cargo run --profile sim --example orders -- run --seeds 16 --scenario orders-hasty
//! cargo run --profile sim --example orders -- schedules
//! cargo run --profile sim --example orders -- replay --case sim/examples/orders/schedules/committed-with-the-poll.json
//! ```
use std::process::ExitCode;

mod service;

use ordain_sim::cli::Program;
use service::Commit;

fn main() -> ExitCode {
    let scenarios = vec![
        service::scenario("orders", Commit::AfterShipping).leak(),
        service::scenario("orders-hasty", Commit::WithThePoll).mistaken_form_of("orders").leak(),
    ];
    Program::new("cargo run --profile sim --example orders --", scenarios)
        .schedules("sim/examples/orders/schedules")
        .main()
}
