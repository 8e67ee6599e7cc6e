//! The load generator proper: one thread, one epoll set, its own bare connections.
//!
//! Owns the wire of a measurement: requests that are encoded once and patched, windows, due times, answers of
//! which only the error is read. Owns no retries and no routing: the first error ends the measurement. It spends
//! a fraction of a microsecond on a request, so that a broker on the other core is what is measured.
mod connection;
mod fetching;
mod frames;
mod outcome;
mod poller;
mod producing;
mod route;
mod run;
mod taking;

pub use fetching::{Ends, FetchSpec};
pub use outcome::Outcome;
pub use producing::{Pace, ProduceSpec};
pub use route::{Route, routes};
pub use run::{Spec, run};
