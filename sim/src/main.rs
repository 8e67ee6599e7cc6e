//! `cargo sim`: runs seeds, replays one, shrinks one, lists what can be simulated.
use std::process::ExitCode;

fn main() -> ExitCode {
    ordain_sim::cli::main("cargo sim", ordain_sim::scenarios::of_the_broker())
}
