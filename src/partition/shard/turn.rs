//! What a shard gives its journal, and what follows once it is durable.
use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

use super::Shard;
use crate::log::{CommitTicket, Entry, EntryNumber, JournalFailed, LogKey, PartitionLog};
use crate::partition::PartitionError;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft::Event;
use crate::types::PartitionId;

/// How many parts of a turn fill a commit of the journal: a turn that has gathered as much ends.
const PARTS_PER_COMMIT: u64 = 4;

/// What one turn of the loop gathers for the journal.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) entries: Vec<Entry>,
    pub(super) once_durable: Vec<OnceDurable>,
    /// What the entries hold.
    bytes: usize,
}

/// What the journal was given, and is not known to be durable.
pub(super) struct InFlight {
    ticket: CommitTicket,
    /// The last entry of each log in it.
    pub(super) last: BTreeMap<LogKey, EntryNumber>,
    pub(super) once_durable: Vec<OnceDurable>,
}

/// What follows from durability.
pub(super) enum OnceDurable {
    Step(PartitionId, Event),
    Gate(u64),
    /// The deletion of these logs: their files may go. Then whoever waits for it is told.
    Remove(Vec<PartitionLog>, Option<oneshot::Sender<Result<(), PartitionError>>>),
}

impl Shard {
    /// An entry for the journal at the end of the turn, counted from now on.
    pub(super) fn gather(&mut self, entry: Entry) {
        self.journal.announce(&entry);
        self.turn.bytes += entry.held_bytes();
        self.turn.entries.push(entry);
    }

    /// Ends the turn early if it has gathered much. What waits for a part of it is told when that part is durable, so that clients
    /// send more while the rest is being written: otherwise those that fill the journal's queue together wait together, and the disk for
    /// them. Not in the midst of what must stand in one turn.
    pub(super) fn end_full_turn(&mut self) {
        let part_bytes = self.journal.commit_bytes_max() / PARTS_PER_COMMIT;
        if (self.turn.bytes as u64) < part_bytes {
            return;
        }
        sometimes(Condition::TurnInParts);
        let before = self.in_flight.len();
        self.end_turn();
        if before > 0 && mutant(Mutant::AcknowledgeWithPartBefore) {
            let InFlight { ticket, last, once_durable } =
                self.in_flight.pop_back().expect("it was just put there");
            drop(ticket);
            let former = self.in_flight.back_mut().expect("there was one before");
            former.last.extend(last);
            former.once_durable.extend(once_durable);
        }
    }

    pub(super) fn end_turn(&mut self) {
        let letters = std::mem::take(&mut self.letters);
        self.post_office.post.leave(self.post_office.shard, letters);
        if self.turn.entries.is_empty() && self.turn.once_durable.is_empty() {
            return;
        }
        let Turn { entries, once_durable, bytes: _ } = std::mem::take(&mut self.turn);
        let last = entries.iter().map(|entry| (entry.log, entry.number)).collect();
        let ticket = self.journal.append_announced(entries);
        self.in_flight.push_back(InFlight { ticket, last, once_durable });
    }

    pub(super) fn committed(
        &mut self,
        result: Result<(), JournalFailed>,
        last: &BTreeMap<LogKey, EntryNumber>,
        once_durable: Vec<OnceDurable>,
    ) {
        match result {
            Ok(()) => self.durable(last),
            Err(_) if mutant(Mutant::AcknowledgeAfterFailure) => self.durable(last),
            Err(failure) => self.fail(&failure),
        }
        for next in once_durable {
            match next {
                OnceDurable::Step(id, event) if !self.failed => self.step(id, event),
                OnceDurable::Step(..) => {}
                OnceDurable::Gate(gate) => self.open(gate),
                OnceDurable::Remove(logs, then) => self.remove(logs, then),
            }
        }
    }

    /// Tells the logs what of them is durable: only that is flushed, and stands in a checkpoint.
    fn durable(&mut self, last: &BTreeMap<LogKey, EntryNumber>) {
        for (key, &number) in last {
            // A log that was deleted, or made anew under the same name, is not meant.
            if let Some(log) = self.log_of(key.partition).filter(|log| log.key() == *key) {
                log.durable(number);
            }
        }
    }
}

/// The outcome of the oldest commit under way.
pub(super) async fn next_commit(in_flight: &mut VecDeque<InFlight>) -> Result<(), JournalFailed> {
    match in_flight.front_mut() {
        Some(first) => (&mut first.ticket).await,
        None => std::future::pending().await,
    }
}
