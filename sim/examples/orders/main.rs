//! A small order-processing service beside a simulated broker, once with a mistake that many services make, and
//! once without.
//!
//! ```text
//! cargo run --profile sim --example orders -- run --seeds 16 --scenario orders-hasty
//! cargo run --profile sim --example orders -- replay 9 --scenario orders-hasty
//! cargo run --profile sim --example orders -- shrink 9 --scenario orders-hasty --schedules target/sim/kept
//! ```
use std::process::ExitCode;

mod service;

use service::Commit;

fn main() -> ExitCode {
    let scenarios = vec![
        service::scenario("orders", Commit::AfterShipping).leak(),
        service::scenario("orders-hasty", Commit::WithThePoll).mistaken_form_of("orders").leak(),
    ];
    ordain_sim::cli::main("cargo run --profile sim --example orders --", scenarios)
}
