//! Producers whose batch was refused for the moment: what they had sent behind it has to wait, too.
//!
//! An idempotent producer has up to five batches under way. If the first is refused for a reason that passes (nobody leads, the
//! disk is full) and the reason is gone when the second comes, that one does not follow the log: its producer would be told that its
//! sequences are out of order, and librdkafka then begins a new epoch and sends again under it whatever it has no answer for, on other
//! partitions, too, where it may be written already. And a producer of which a partition knows nothing would be taken at its second
//! batch's word, and the first, when it comes again, be out of order for ever. So whoever refuses a batch keeps in mind which, and
//! refuses for the same reason what its producer sends behind it, until it comes again.
//!
//! In memory alone, bounded in number and time: what is forgotten is answered as Kafka does.
use std::collections::BTreeMap;
use std::time::Duration;

use super::request::{AppendError, LeadershipError};
use crate::log::producers::ProducerEntry;
use crate::types::{Instant, ProducerEpoch, ProducerId};
use crate::wire::batch::{BatchHeader, NO_SEQUENCE, sequence_plus};

/// How long a refusal is kept in mind: longer than what was under way with the refused batch can be held back or on its way.
const LASTS: Duration = Duration::from_secs(60);
/// How many producers' refusals a partition keeps in mind at most.
const PRODUCERS_MAX: usize = 128;
/// Of sequences, which go round, those up to so many further on count as later.
const LATER_MAX: u32 = 1 << 30;

/// Of each producer the first batch that was refused and has not come again.
#[derive(Default)]
pub(super) struct Refused {
    first: BTreeMap<ProducerId, RefusedBatch>,
}

struct RefusedBatch {
    epoch: ProducerEpoch,
    sequence: i32,
    error: AppendError,
    until: Instant,
}

impl RefusedBatch {
    /// Whether a batch of this epoch and sequence was sent behind it.
    fn is_before(&self, header: &BatchHeader) -> bool {
        let ahead = header.base_sequence.wrapping_sub(self.sequence).cast_unsigned() & (u32::MAX >> 1);
        self.epoch == header.producer_epoch && (1..LATER_MAX).contains(&ahead)
    }

    /// Whether it is what the log lacks of this producer, as far as the log knows it.
    fn is_next(&self, known: Option<&ProducerEntry>) -> bool {
        match known {
            None => true,
            Some(entry) if entry.epoch() == self.epoch => {
                // After −1, of an epoch that has written nothing, comes 0.
                let last = entry.last_sequence();
                self.sequence == if last == NO_SEQUENCE { 0 } else { sequence_plus(last, 1) }
            }
            Some(entry) => self.epoch > entry.epoch() && self.sequence == 0,
        }
    }
}

/// Whether the same batch may be taken a moment later.
fn passes(error: &AppendError) -> bool {
    matches!(
        error,
        AppendError::TimedOut
            | AppendError::DiskFull(_)
            | AppendError::Leadership(
                LeadershipError::Unknown | LeadershipError::NotLeader | LeadershipError::Starting
            )
    )
}

impl Refused {
    /// A batch was refused, and nothing of it is in the log.
    pub(super) fn note(&mut self, header: &BatchHeader, error: &AppendError, now: Instant) {
        if !header.has_producer_id() || header.base_sequence == NO_SEQUENCE || !passes(error) {
            return;
        }
        let id = header.producer_id;
        if self.first.get(&id).is_some_and(|first| now < first.until && first.is_before(header)) {
            return;
        }
        if self.first.len() >= PRODUCERS_MAX && !self.first.contains_key(&id) {
            self.first.retain(|_, first| now < first.until);
            let soonest = self.first.iter().min_by_key(|(_, first)| first.until).map(|(id, _)| *id);
            if let Some(soonest) = soonest.filter(|_| self.first.len() >= PRODUCERS_MAX) {
                self.first.remove(&soonest);
            }
        }
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        self.first
            .insert(id, RefusedBatch { epoch, sequence, error: error.clone(), until: now.after(LASTS) });
    }

    /// A batch of this producer was taken: whatever was refused before has come again, or is given up.
    pub(super) fn taken(&mut self, id: ProducerId) {
        if !self.first.is_empty() {
            self.first.remove(&id);
        }
    }

    /// Why a batch that does not follow what is `known` of its producer is to wait: the refusal of the one before it.
    pub(super) fn before(
        &self,
        header: &BatchHeader,
        known: Option<&ProducerEntry>,
        now: Instant,
    ) -> Option<AppendError> {
        let first = self.first.get(&header.producer_id)?;
        (now < first.until && first.is_before(header) && first.is_next(known))
            .then(|| AppendError::Behind { sequence: first.sequence, refusal: Box::new(first.error.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::producers::{ProducerLimits, Producers};
    use crate::types::{Offset, Timestamp};
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ProducerStamp};

    /// A batch of two records.
    fn batch(epoch: i16, base_sequence: i32) -> BatchHeader {
        let producer = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(epoch), base_sequence };
        let mut builder = BatchBuilder::new(BatchOptions { producer, ..BatchOptions::plain(1024) });
        for _ in 0..2 {
            let record =
                NewRecord { timestamp: Timestamp(1), key: None, value: Some(b"value"), headers: &[] };
            builder.append(record).expect("it fits");
        }
        *builder.build().header()
    }

    /// What is known of the producer once it has written these, one behind the other.
    fn known(batches: &[BatchHeader]) -> Option<ProducerEntry> {
        let limits = ProducerLimits { producers_max: 2, expiration_ms: i64::MAX };
        let mut producers = Producers::new(limits, Offset::ZERO);
        for (header, at) in batches.iter().zip((0..).step_by(2)) {
            producers.apply(&BatchHeader { base_offset: Offset(at), ..*header });
        }
        producers.get(ProducerId(7)).cloned()
    }

    fn at(seconds: u64) -> Instant {
        Instant(0).after(Duration::from_secs(seconds))
    }

    fn refused(header: &BatchHeader) -> Refused {
        let mut refused = Refused::default();
        refused.note(header, &AppendError::TimedOut, at(0));
        refused
    }

    #[test]
    fn what_was_sent_behind_a_refused_batch_is_refused_for_the_same_reason() {
        let known = known(&[batch(0, 0)]);
        let refused = refused(&batch(0, 2));
        let before = |header| refused.before(&header, known.as_ref(), at(59));
        let error = before(batch(0, 4)).expect("the one before it is missing");
        assert_eq!(error, AppendError::Behind { sequence: 2, refusal: Box::new(AppendError::TimedOut) });
        assert!(error.to_string().contains("of sequence 2"), "{error}");
        assert!(before(batch(0, 6)).is_some(), "so is that behind the next one");
        assert_eq!(before(batch(0, 2)), None, "it comes again");
        assert_eq!(before(batch(1, 4)), None, "of another epoch");
        assert_eq!(refused.before(&batch(0, 4), known.as_ref(), at(60)), None, "that was long ago");
    }

    #[test]
    fn a_gap_that_the_refusal_did_not_make_is_the_producers_own() {
        let refused = refused(&batch(0, 4));
        let before = |known: &[BatchHeader], sequence| {
            refused.before(&batch(0, sequence), self::known(known).as_ref(), at(1))
        };
        assert_eq!(before(&[batch(0, 0)], 8), None, "2 and 3 are missing, too");
        assert_eq!(before(&[batch(0, 0), batch(0, 2), batch(0, 4)], 8), None, "it came another way");
        assert!(before(&[batch(0, 0), batch(0, 2)], 8).is_some());
    }

    #[test]
    fn of_an_unknown_producer_and_of_a_new_epoch_the_first_comes_first() {
        let behind = |first: BatchHeader, later: BatchHeader, known: Option<&ProducerEntry>| {
            refused(&first).before(&later, known, at(1)).is_some()
        };
        assert!(behind(batch(0, 0), batch(0, 2), None));
        assert!(behind(batch(0, 10), batch(0, 12), None), "its earlier ones may have been deleted");
        let known = known(&[batch(3, 0)]);
        assert!(behind(batch(4, 0), batch(4, 2), known.as_ref()));
        assert!(!behind(batch(4, 2), batch(4, 4), known.as_ref()), "an epoch begins with 0");
        assert!(!behind(batch(2, 2), batch(2, 4), known.as_ref()), "an older one is fenced");
        let marker_only = ProducerEntry::clone(known.as_ref().expect("it wrote"));
        assert!(behind(batch(3, 2), batch(3, 4), Some(&marker_only)));
        assert!(behind(batch(0, i32::MAX - 1), batch(0, 0), None), "sequences go round");
    }

    #[test]
    fn the_first_of_several_is_kept_until_one_is_taken() {
        let mut refused = refused(&batch(0, 4));
        refused.note(&batch(0, 6), &AppendError::TimedOut, at(1));
        assert!(refused.before(&batch(0, 6), None, at(1)).is_some(), "4 is still missing");
        refused.note(&batch(0, 2), &AppendError::TimedOut, at(2));
        assert!(refused.before(&batch(0, 4), None, at(2)).is_some(), "2 was refused later, and is earlier");
        refused.taken(ProducerId(8));
        assert!(refused.before(&batch(0, 4), None, at(2)).is_some());
        refused.taken(ProducerId(7));
        assert_eq!(refused.before(&batch(0, 4), None, at(2)), None);
    }

    #[test]
    fn what_does_not_pass_and_what_has_no_sequence_is_not_kept() {
        let mut refused = Refused::default();
        refused.note(&batch(0, 2), &LeadershipError::Storage.into(), at(0));
        refused.note(&batch(0, 2), &AppendError::Journal, at(0));
        refused.note(&batch(0, NO_SEQUENCE), &AppendError::TimedOut, at(0));
        let anonymous = BatchHeader { producer_id: ProducerId::NONE, ..batch(0, 2) };
        refused.note(&anonymous, &AppendError::TimedOut, at(0));
        assert!(refused.first.is_empty());
    }

    #[test]
    fn the_number_of_producers_is_bounded_and_the_oldest_goes() {
        let mut refused = Refused::default();
        let of =
            |id: usize| BatchHeader { producer_id: ProducerId(i64::try_from(id).unwrap()), ..batch(0, 2) };
        for id in 0..PRODUCERS_MAX {
            refused.note(&of(id), &AppendError::TimedOut, at(u64::try_from(id).unwrap() / 100));
        }
        refused.note(&of(PRODUCERS_MAX), &AppendError::TimedOut, at(2));
        assert_eq!(refused.first.len(), PRODUCERS_MAX);
        assert!(!refused.first.contains_key(&ProducerId(0)), "the oldest");
        refused.note(&of(PRODUCERS_MAX + 1), &AppendError::TimedOut, at(60));
        assert!(refused.first.len() < PRODUCERS_MAX, "those whose time is up");
    }
}
