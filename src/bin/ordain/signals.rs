//! How the system and the user ask a process that serves to stop.
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::failure::Failure;

/// What comes again this soon is the same wish: `timeout` and shells signal a process and then its whole group.
const SAME_WITHIN: Duration = Duration::from_millis(300);

/// SIGTERM and SIGINT.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    last: Option<(&'static str, Instant)>,
}

impl Signals {
    pub fn install() -> Result<Signals, Failure> {
        let install = |kind| {
            signal(kind)
                .map_err(|error| Failure::Message(format!("cannot install a signal handler: {error}")))
        };
        Ok(Signals {
            terminate: install(SignalKind::terminate())?,
            interrupt: install(SignalKind::interrupt())?,
            last: None,
        })
    }

    /// The name of the next one. Nothing is lost if it is dropped before it completes.
    pub async fn next(&mut self) -> &'static str {
        loop {
            let name = tokio::select! {
                biased;
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            };
            let now = Instant::now();
            let is_same = |(last, at)| last == name && now.duration_since(at) < SAME_WITHIN;
            if !self.last.is_some_and(is_same) {
                self.last = Some((name, now));
                return name;
            }
        }
    }
}
