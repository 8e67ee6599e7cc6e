use std::collections::VecDeque;

use super::journal::{EntryBody, EntryNumber, Position};
use super::state::Vote;
use super::voters::VoterSets;
use crate::raft::{self, VoterSet};
use crate::types::EpochHistory;
use crate::types::{LeaderEpoch, Offset, Uuid};

/// What a log's durable entries say apart from the batches themselves: what a checkpoint may say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub(crate) number: EntryNumber,
    pub(crate) log_start: Offset,
    /// Where the log ends, batches that are only in the journal included.
    pub(crate) log_end: Offset,
    pub(crate) vote: Option<Vote>,
    pub(crate) directory: Option<Uuid>,
    pub(crate) epochs: EpochHistory,
    pub(crate) voters: VoterSets,
}

/// What one entry says apart from a batch's records.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fact {
    Batch {
        epoch: LeaderEpoch,
        start: Offset,
        log_end: Offset,
        voters: Option<VoterSet>,
    },
    Epoch {
        epoch: LeaderEpoch,
        start: Offset,
    },
    Vote(Vote),
    Directory(Uuid),
    LogStart(Offset),
    Truncated {
        log_end: Offset,
        last_epoch: LeaderEpoch,
        /// The entry of the first batch that it takes back.
        dropped: Option<EntryNumber>,
    },
    Reset {
        to: raft::Position,
        voters: VoterSet,
    },
    Nothing,
}

/// What is known of an entry beside its bytes.
#[derive(Default)]
pub(crate) struct Beside {
    /// The set that a batch holds.
    pub(crate) voters: Option<VoterSet>,
    /// The entry of the first batch that a truncation takes back.
    pub(crate) dropped: Option<EntryNumber>,
}

/// Entries that were given out and are not known to be durable.
#[derive(Default, Debug)]
pub(crate) struct Pending {
    entries: VecDeque<(EntryNumber, Position, Fact)>,
}

impl Pending {
    /// `beside` is what the entry's own bytes do not tell.
    pub(crate) fn push(&mut self, number: EntryNumber, journal: Position, body: &EntryBody, beside: Beside) {
        let fact = match body {
            EntryBody::Batch(_) | EntryBody::Placed(_) => {
                let header = body.header().expect("both have one");
                let (epoch, start) = (header.partition_leader_epoch, header.base_offset);
                Fact::Batch { epoch, start, log_end: header.next_offset(), voters: beside.voters }
            }
            EntryBody::EpochStart { epoch, start_offset } => {
                Fact::Epoch { epoch: *epoch, start: *start_offset }
            }
            EntryBody::Vote { epoch, candidate } => Fact::Vote(Vote { epoch: *epoch, candidate: *candidate }),
            EntryBody::ReplicaDirectory { directory } => Fact::Directory(*directory),
            EntryBody::LogStartMoved { log_start } => Fact::LogStart(*log_start),
            EntryBody::Truncated { log_end, last_epoch } => {
                Fact::Truncated { log_end: *log_end, last_epoch: *last_epoch, dropped: beside.dropped }
            }
            EntryBody::LogReset { to, voters, producers: _ } => {
                Fact::Reset { to: *to, voters: voters.clone() }
            }
            EntryBody::LogCreated { .. } | EntryBody::LogDeleted | EntryBody::BatchAgain(_) => Fact::Nothing,
        };
        if self.entries.is_empty() {
            // An idle log has had one at a time, if any, and there may be very many of them.
            self.entries.reserve_exact(1);
        }
        self.entries.push_back((number, journal, fact));
    }

    /// The place before which the journal holds none of them.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.entries.front().map(|(_, position, _)| *position)
    }

    /// The entry of the first batch that is taken back, though that is not durable: a start may give it back.
    pub(crate) fn first_dropped(&self) -> Option<EntryNumber> {
        let dropped = |fact: &Fact| match fact {
            Fact::Truncated { dropped, .. } => *dropped,
            _ => None,
        };
        self.entries.iter().filter_map(|(_, _, fact)| dropped(fact)).min()
    }

    /// Batches whose entries have numbers up to `upto` have been written anew, from `first` on: those that are taken back, too.
    pub(crate) fn carried_over(&mut self, upto: EntryNumber, first: EntryNumber) {
        for (_, _, fact) in &mut self.entries {
            if let Fact::Truncated { dropped: Some(dropped), .. } = fact
                && *dropped <= upto
            {
                *dropped = first;
            }
        }
    }

    /// Moves entries up to `number` into the durable facts. True if they say more than batches do.
    pub(crate) fn settle(&mut self, number: EntryNumber, facts: &mut Facts) -> bool {
        let mut changed = false;
        while self.entries.front().is_some_and(|(next, _, _)| *next <= number) {
            let (next, _, fact) = self.entries.pop_front().expect("it was just there");
            facts.number = next;
            changed |= facts.take(fact);
        }
        if changed && self.entries.is_empty() {
            // A log that takes batches keeps the room for the next one; a vote or an epoch comes seldom.
            self.entries = VecDeque::new();
        }
        changed
    }
}

impl Facts {
    /// Takes in the next entry's. True if that is more than where a batch ends.
    fn take(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Batch { epoch, start, log_end, voters } => {
                let epochs = self.epochs.entries().len();
                self.epochs.assign(epoch, start);
                self.log_end = log_end;
                let is_news = self.epochs.entries().len() != epochs || voters.is_some();
                if let Some(voters) = voters {
                    self.voters.push(raft::Position { epoch, end: log_end }, voters);
                }
                return is_news;
            }
            Fact::Epoch { epoch, start } => {
                self.epochs.assign(epoch, start);
                self.log_end = start;
            }
            Fact::Vote(vote) => self.vote = Some(vote),
            Fact::Directory(directory) => self.directory = Some(directory),
            Fact::LogStart(log_start) => {
                self.log_start = self.log_start.max(log_start);
                self.epochs.advance_start(self.log_start);
                self.voters.advance_start(self.log_start);
            }
            Fact::Truncated { log_end, last_epoch, dropped: _ } => {
                self.log_end = log_end;
                self.epochs.truncate(log_end, last_epoch);
                self.voters.truncate(log_end, last_epoch);
            }
            Fact::Reset { to, voters } => {
                self.log_start = to.end;
                self.log_end = to.end;
                self.epochs = EpochHistory::beginning(to.epoch, to.end);
                self.voters = VoterSets::begin(to, voters);
            }
            Fact::Nothing => {}
        }
        true
    }
}
