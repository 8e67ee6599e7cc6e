//! A log that is dropped and begun anew at another place (docs/replication.md, "Log start").
use std::sync::Arc;

use bytes::Bytes;

use super::{LogError, PartitionLog, producer_limits};
use crate::log::journal::{Entry, EntryBody, Position};
use crate::log::producers::Producers;
use crate::log::segment::Segment;
use crate::log::voters::VoterSets;
use crate::raft::{self, VoterSet};
use crate::types::{EpochHistory, Offset};

impl PartitionLog {
    /// Drops everything: the log begins, empty, at `to`, with this voter set and this producer state
    /// (`docs/producer-snapshot.md`, of the offset `to.end`; no bytes: no producer). All of it is committed elsewhere.
    ///
    /// A damaged log is sound again from here on, if it has another directory id since it was found to be
    /// ([`PartitionLog::renew_directory`]). A crash before the entry is durable gives the old log back, damage and all.
    /// The journal takes no entry of more than [`super::super::JournalHandle::entry_bytes_max`]: see
    /// [`PartitionLog::reset_bytes`].
    ///
    /// # Errors
    /// If that would take back committed records of a sound log, the log is damaged and has its old directory id, or
    /// the producer state cannot be used. Nothing has changed then.
    pub fn reset(
        &mut self,
        to: raft::Position,
        voters: VoterSet,
        producer_state: Bytes,
        journal: Position,
    ) -> Result<Entry, LogError> {
        match &self.damage {
            Some(damage) if damage.renewed_at.is_none() => {
                return Err(LogError::Damaged(damage.what.clone()));
            }
            None if to.end < self.high_watermark => {
                return Err(LogError::BelowHighWatermark { to: to.end, high_watermark: self.high_watermark });
            }
            Some(_) | None => {}
        }
        let producers = self.producers_at(to.end, &producer_state)?;
        // Until the reset is durable, a start gives the old log back: the journal keeps what only it has.
        if let Some(first) = self.tail.unflushed().next() {
            self.flush.note(first.journal);
        }
        let old = self.begin_anew(to, voters.clone(), producers);
        self.garbage.extend(old);
        self.damage = None;
        let entry = self.entry(EntryBody::LogReset { to, voters, producers: producer_state }, journal);
        self.flush.overtake(entry.number);
        Ok(entry)
    }

    /// Length in bytes of the journal entry of such a reset.
    #[must_use]
    pub fn reset_bytes(voters: &VoterSet, producer_state: &Bytes) -> usize {
        EntryBody::reset_bytes(voters, producer_state)
    }

    /// The producer state as of the log's start, as far as it can still be told (`docs/producer-snapshot.md`): what a
    /// replica needs that is reset to there and then takes all batches from there on.
    #[must_use]
    pub fn producers_before_start(&self) -> Bytes {
        self.producers.before(self.log_start).snapshot()
    }

    /// # Errors
    /// As [`PartitionLog::replay`]: the log is damaged.
    pub(super) fn replay_reset(
        &mut self,
        to: raft::Position,
        voters: VoterSet,
        producer_state: &[u8],
    ) -> Result<(), LogError> {
        let producers = self.producers_at(to.end, producer_state)?;
        // The start removes the files, before anything can have their names.
        drop(self.begin_anew(to, voters, producers));
        if self.damage.as_ref().is_some_and(|damage| damage.renewed_at.is_some()) {
            self.damage = None;
        }
        Ok(())
    }

    fn producers_at(&self, to: Offset, snapshot: &[u8]) -> Result<Producers, LogError> {
        let limits = producer_limits(&self.config);
        if snapshot.is_empty() {
            return Ok(Producers::new(limits, to));
        }
        let producers = Producers::restore(limits, snapshot)?;
        match producers.end_offset() {
            found if found == to => Ok(producers),
            found => Err(LogError::ProducerStateElsewhere { to, found }),
        }
    }

    /// Gives the segments that there were.
    fn begin_anew(
        &mut self,
        to: raft::Position,
        voters: VoterSet,
        producers: Producers,
    ) -> Vec<Arc<Segment>> {
        self.tail.clear();
        self.forget_places();
        (self.log_start, self.log_end, self.flushed_end) = (to.end, to.end, to.end);
        (self.high_watermark, self.remembered_watermark) = (to.end, to.end);
        self.recorded_end = None;
        self.epochs = EpochHistory::beginning(to.epoch, to.end);
        self.voters = VoterSets::begin(to, voters);
        self.flushed_producers = producers.clone();
        self.producers = producers;
        self.cleaned_to = to.end;
        self.file_number = self.compaction.begin_anew();
        self.segments.drain(..).map(|held| held.segment).collect()
    }
}
