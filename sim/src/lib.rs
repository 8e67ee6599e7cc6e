//! The deterministic simulator: the seam's twins (`clock`, `net`, `disk`, `rng`, `spawn`) on madsim as
//! executor, and what is built on them.
//!
//! Invariants:
//! - Whatever happens follows from the seed: one ordered queue of events (`timers`), ordered maps, a random
//!   stream of its own for every concern (`rng`), and madsim's seeded choice among the ready tasks.
//! - Nothing that a dead incarnation of a node began takes effect after its death: every handle carries its
//!   incarnation, and asks before each effect (`world`).
//! - No lock is held while a task is woken, dropped or polled.
//! - One seed, one process: a second simulation in the same process may differ from the first.
#[cfg(not(madsim))]
compile_error!(
    "ordain-sim needs --cfg madsim, which .cargo/config.toml sets; an environment variable RUSTFLAGS overrides it: unset it"
);

pub mod application;
pub mod case;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod disk;
pub mod fault_atlas;
pub mod faults;
pub mod history;
pub mod logs;
pub mod net;
pub mod report;
pub mod rng;
pub mod scenarios;
pub mod schedules;
pub mod shrink;
mod spawn;
mod standing_faults;
pub mod standings;
mod time;
mod timers;
pub mod trace;
mod world;

pub use application::Application;
pub use cluster::{Cluster, Crashed, NodeHandle, Outcome, Simulation, TaskPanic};
pub use time::SimTime;
pub use trace::{TraceHash, TraceMode};
pub use world::NodeIndex;
