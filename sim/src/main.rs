//! `cargo sim`.
use std::process::ExitCode;

use ordain_sim::cli::Program;

/// A seed allocates some tens of times per request: an allocator for many small pieces pays here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Program::new("cargo sim", ordain_sim::scenarios::all()).schedules("sim/schedules").main()
}
