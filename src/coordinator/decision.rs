//! What a coordinator tells its runtime: the vocabulary all coordinators share.
//!
//! A coordinator never appends, waits or sends. It emits [`Effect`]s in order; the runtime carries them out
//! in that order. Three rules bind the runtime:
//!
//! - Records of one [`Effect::Records`] are appended as one batch, and writes in the order of their
//!   [`WriteId`]s. The coordinator has already applied them to its own state, so it may build on them.
//! - A reply `after` a write is sent once that write has been *committed* (on a majority, durably). Commit is
//!   in order, so knowing the latest committed write is enough: [`After::is_met_by`].
//! - If a write fails or leadership is lost, the runtime answers every reply that still waits with an error,
//!   drops the coordinator and loads another from the log. Nothing is rolled back in place.
use crate::types::{Instant, Timestamp};

/// Both clocks, read once per event: timers run on the monotonic one, records carry wall-clock time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    pub instant: Instant,
    pub wall: Timestamp,
}

/// A request that waits for its answer; the runtime's number for it, unique while the coordinator lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestToken(pub u64);

/// The number of a write, counted from 1 by the coordinator that emits it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WriteId(pub u64);

/// What a reply waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// Nothing: the answer tells of no durable state.
    Now,
    /// The commit of this write and of all before it.
    Durable(WriteId),
}

impl After {
    /// Whether a reply may go out when `committed` is the latest committed write (`None`: no write yet).
    #[must_use]
    pub fn is_met_by(self, committed: Option<WriteId>) -> bool {
        match self {
            After::Now => true,
            After::Durable(write) => committed.is_some_and(|committed| committed >= write),
        }
    }
}

/// One thing for the runtime to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<Record, Response> {
    /// Append these records as one batch; report the commit under this number.
    Records { write: WriteId, records: Vec<Record> },
    /// Answer this request once `after` is met. Each token is answered at most once.
    Reply { token: RequestToken, response: Response, after: After },
}

/// The outcome of a command that was decided without changing anything: the records that make it so, and the
/// answer to give once they are committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision<Record, Response> {
    pub records: Vec<Record>,
    pub response: Response,
}

impl<Record, Response> Decision<Record, Response> {
    /// An answer that changes nothing.
    #[must_use]
    pub fn answer(response: Response) -> Self {
        Decision { records: Vec::new(), response }
    }
}

/// Numbers the writes and knows which of them are committed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writes {
    emitted: u64,
    committed: u64,
}

impl Writes {
    /// The number of the next write.
    pub fn issue(&mut self) -> WriteId {
        self.emitted += 1;
        WriteId(self.emitted)
    }

    /// Takes note that `write` and all before it are committed.
    ///
    /// # Panics
    /// If that write was never emitted: the runtime confuses two coordinators.
    pub fn on_durable(&mut self, write: WriteId) {
        assert!(
            write.0 <= self.emitted,
            "commit of {write:?}, but only {} writes were emitted",
            self.emitted
        );
        self.committed = self.committed.max(write.0);
    }

    /// What an answer must wait for that tells of the state as it is now, uncommitted writes included.
    #[must_use]
    pub fn barrier(&self) -> After {
        if self.emitted > self.committed { After::Durable(WriteId(self.emitted)) } else { After::Now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_waits_for_the_last_write_until_it_is_committed() {
        let mut writes = Writes::default();
        assert_eq!(writes.barrier(), After::Now);
        let first = writes.issue();
        let second = writes.issue();
        assert_eq!(writes.barrier(), After::Durable(second));
        writes.on_durable(first);
        assert_eq!(writes.barrier(), After::Durable(second));
        writes.on_durable(second);
        writes.on_durable(first);
        assert_eq!(writes.barrier(), After::Now);
        assert!(!After::Durable(second).is_met_by(Some(first)));
        assert!(After::Durable(second).is_met_by(Some(second)));
        assert!(!After::Durable(first).is_met_by(None));
    }

    #[test]
    #[should_panic(expected = "only 0 writes")]
    fn a_commit_of_an_unknown_write_is_a_bug() {
        Writes::default().on_durable(WriteId(1));
    }
}
