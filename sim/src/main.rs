//! `cargo sim`.
use std::process::ExitCode;

fn main() -> ExitCode {
    ordain_sim::cli::main("cargo sim", ordain_sim::scenarios::all())
}
