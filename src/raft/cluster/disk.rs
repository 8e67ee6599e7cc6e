use std::fmt;

use crate::raft::{Event, Mistake, Position, Recovered, ReplicaKey, VoterSet};
use crate::types::{EpochHistory, LeaderEpoch, Offset};

/// An entry of a log, with what stands for its content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Entry {
    EpochStart { epoch: LeaderEpoch, start: Offset },
    Record { epoch: LeaderEpoch, offset: Offset, value: u32 },
    Voters { epoch: LeaderEpoch, offset: Offset, voters: VoterSet },
}

impl Entry {
    /// The log's position after it.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Entry::EpochStart { epoch, start } => Position { epoch: *epoch, end: *start },
            Entry::Record { epoch, offset, .. } | Entry::Voters { epoch, offset, .. } => {
                Position { epoch: *epoch, end: offset.plus(1) }
            }
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::EpochStart { epoch, start } => write!(f, "start of epoch {epoch} at {start}"),
            Entry::Record { epoch, offset, value } => {
                write!(f, "record {value} at {offset} in epoch {epoch}")
            }
            Entry::Voters { epoch, offset, voters } => {
                write!(f, "voters {voters} at {offset} in epoch {epoch}")
            }
        }
    }
}

/// Something that goes to disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Write {
    Vote { epoch: LeaderEpoch, candidate: ReplicaKey },
    Append(Vec<Entry>),
    Truncate(Position),
    Reset { to: Position, voters: VoterSet },
    MoveStart(Offset),
}

impl Write {
    /// What to tell the replica once this is durable, in this order.
    pub(super) fn completions(&self, base: Position, mistake: Option<Mistake>) -> Vec<Event> {
        match self {
            Write::Vote { epoch, .. } => vec![Event::VoteDurable { epoch: *epoch }],
            Write::Append(entries) => {
                let position = entries.last().map_or(base, Entry::position);
                vec![Event::Durable { position }]
            }
            Write::Truncate(to) => vec![Event::Durable { position: *to }],
            Write::Reset { to, .. } if mistake == Some(Mistake::ResetStartUntold) => {
                vec![Event::Durable { position: *to }]
            }
            Write::Reset { to, .. } => {
                vec![Event::Durable { position: *to }, Event::LogStartDurable { log_start: to.end }]
            }
            Write::MoveStart(to) => vec![Event::LogStartDurable { log_start: *to }],
        }
    }
}

/// What a disk, or a node's memory, holds of one log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stored {
    /// The position up to which the log is gone, and the voters there.
    pub base: Position,
    pub base_voters: VoterSet,
    pub entries: Vec<Entry>,
    pub vote: Option<(LeaderEpoch, ReplicaKey)>,
}

impl Stored {
    #[must_use]
    pub fn empty(voters: VoterSet) -> Stored {
        Stored { base: Position::ORIGIN, base_voters: voters, entries: Vec::new(), vote: None }
    }

    #[must_use]
    pub fn end(&self) -> Position {
        self.entries.last().map_or(self.base, Entry::position)
    }

    /// Whether the log has a prefix that ends with this position.
    #[must_use]
    pub fn contains(&self, position: Position) -> bool {
        position <= self.base || self.entries.iter().any(|entry| entry.position() == position)
    }

    /// The entries after a prefix.
    #[must_use]
    pub fn after(&self, position: Position) -> &[Entry] {
        let from = self.entries.partition_point(|entry| entry.position() <= position);
        &self.entries[from..]
    }

    pub(super) fn apply(&mut self, write: &Write) {
        match write {
            Write::Vote { epoch, candidate } => self.vote = Some((*epoch, *candidate)),
            Write::Append(entries) => self.entries.extend(entries.iter().cloned()),
            Write::Truncate(to) => self.entries.retain(|entry| entry.position() <= *to),
            Write::Reset { to, voters } => {
                self.entries.clear();
                self.base = *to;
                self.base_voters = voters.clone();
            }
            Write::MoveStart(to) => self.move_start(*to),
        }
    }

    fn move_start(&mut self, to: Offset) {
        // The base is the position after the last record before the start.
        let gone = self
            .entries
            .iter()
            .rposition(|entry| !matches!(entry, Entry::EpochStart { .. }) && entry.position().end <= to);
        let Some(gone) = gone else { return };
        self.base = self.entries[gone].position();
        for entry in self.entries.drain(..=gone) {
            if let Entry::Voters { voters, .. } = entry {
                self.base_voters = voters;
            }
        }
    }

    #[must_use]
    pub fn epochs(&self) -> EpochHistory {
        let mut epochs = EpochHistory::default();
        if self.base.epoch != LeaderEpoch::NONE {
            epochs.assign(self.base.epoch, self.base.end);
        }
        for entry in &self.entries {
            if let Entry::EpochStart { epoch, start } = entry {
                epochs.assign(*epoch, *start);
            }
        }
        epochs
    }

    /// What a replica finds that starts from here.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        let mut voters = vec![(self.base, self.base_voters.clone())];
        for entry in &self.entries {
            if let Entry::Voters { voters: set, .. } = entry {
                voters.push((entry.position(), set.clone()));
            }
        }
        Recovered {
            epoch: self.vote.map_or(LeaderEpoch::NONE, |(epoch, _)| epoch),
            vote: self.vote.map(|(_, candidate)| candidate),
            epochs: self.epochs(),
            log_start: self.base.end,
            log_end: self.end().end,
            high_watermark: self.base.end,
            voters,
        }
    }
}
