//! `cargo sim`.
use std::process::ExitCode;

/// A seed allocates some tens of times per request: an allocator for many small pieces pays here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ordain_sim::cli::main("cargo sim", ordain_sim::scenarios::all())
}
