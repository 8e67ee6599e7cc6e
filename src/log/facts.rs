use std::collections::VecDeque;

use super::journal::{EntryBody, EntryNumber, Position};
use super::state::Vote;
use crate::types::EpochHistory;
use crate::types::{LeaderEpoch, Offset};

/// What a log's durable entries say apart from the batches themselves: what a checkpoint may say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub(crate) number: EntryNumber,
    pub(crate) log_start: Offset,
    pub(crate) vote: Option<Vote>,
    pub(crate) epochs: EpochHistory,
}

/// What one entry says apart from a batch's records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fact {
    Epoch { epoch: LeaderEpoch, start: Offset },
    Vote(Vote),
    LogStart(Offset),
    Truncated { log_end: Offset, last_epoch: LeaderEpoch },
    Nothing,
}

/// Entries that were given out and are not known to be durable.
#[derive(Default, Debug)]
pub(crate) struct Pending {
    entries: VecDeque<(EntryNumber, Position, Fact)>,
}

impl Pending {
    pub(crate) fn push(&mut self, number: EntryNumber, journal: Position, body: &EntryBody) {
        let fact = match body {
            EntryBody::Batch(batch) => Fact::Epoch {
                epoch: batch.header().partition_leader_epoch,
                start: batch.header().base_offset,
            },
            EntryBody::EpochStart { epoch, start_offset } => {
                Fact::Epoch { epoch: *epoch, start: *start_offset }
            }
            EntryBody::Vote { epoch, candidate } => Fact::Vote(Vote { epoch: *epoch, candidate: *candidate }),
            EntryBody::LogStartMoved { log_start } => Fact::LogStart(*log_start),
            EntryBody::Truncated { log_end, last_epoch } => {
                Fact::Truncated { log_end: *log_end, last_epoch: *last_epoch }
            }
            EntryBody::LogCreated { .. } | EntryBody::LogDeleted => Fact::Nothing,
        };
        self.entries.push_back((number, journal, fact));
    }

    /// The place before which the journal holds none of them.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.entries.front().map(|(_, position, _)| *position)
    }

    /// Moves entries up to `number` into the durable facts. True if they say more than batches do.
    pub(crate) fn settle(&mut self, number: EntryNumber, facts: &mut Facts) -> bool {
        let mut changed = false;
        while let Some((next, _, fact)) = self.entries.front().copied()
            && next <= number
        {
            self.entries.pop_front();
            facts.number = next;
            let epochs = facts.epochs.entries().len();
            match fact {
                Fact::Epoch { epoch, start } => facts.epochs.assign(epoch, start),
                Fact::Vote(vote) => facts.vote = Some(vote),
                Fact::LogStart(log_start) => {
                    facts.log_start = facts.log_start.max(log_start);
                    facts.epochs.advance_start(facts.log_start);
                }
                Fact::Truncated { log_end, last_epoch } => facts.epochs.truncate(log_end, last_epoch),
                Fact::Nothing => {}
            }
            changed |= !matches!(fact, Fact::Epoch { .. }) || facts.epochs.entries().len() != epochs;
        }
        changed
    }
}
