//! Where a node stands in the metadata log, and which of its records hold.
//!
//! A change that takes several batches is whole or nothing (KIP-868): its records hold once the one that ends it has come.
use super::snapshotting::{UnusableCause, UnusableRecord};
use crate::metadata::MetadataImage;
use crate::probe::{Mutant, mutant};
use crate::types::Offset;
use crate::wire::MetadataRecord;
use crate::wire::batch::RecordBatch;

/// What a metadata batch may decompress to; they are written uncompressed.
const DECOMPRESSED_BYTES_MAX: usize = 16 << 20;

/// A change of which not all has come.
#[derive(Clone, Debug)]
struct Begun {
    /// Where its first record stands, the one that begins it.
    at: Offset,
    /// What it says, each with its offset.
    records: Vec<(Offset, MetadataRecord)>,
}

/// A reader of the metadata log.
#[derive(Clone, Debug)]
pub struct LogReader {
    next: Offset,
    begun: Option<Begun>,
}

impl LogReader {
    /// One that has all below an offset, where no change is under way.
    #[must_use]
    pub fn at(next: Offset) -> LogReader {
        LogReader { next, begun: None }
    }

    /// The first offset that was not read.
    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// Up to where the records that were read make an image: a change that is under way is not in it.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.begun.as_ref().map_or(self.next, |begun| begun.at)
    }

    /// Whether a change has begun whose end was not read.
    pub(super) fn is_within_change(&self) -> bool {
        self.begun.is_some()
    }

    /// Whole changes up to `end` were written by this node itself, right behind what was read.
    pub(super) fn wrote(&mut self, end: Offset) {
        self.next = end;
    }

    /// Reads on: applies to an image the records that hold by now, and gives them.
    ///
    /// # Errors
    /// Names the first record that cannot be used. The image has those before it.
    pub fn read(
        &mut self,
        batches: &[RecordBatch],
        image: &mut MetadataImage,
    ) -> Result<Vec<MetadataRecord>, UnusableRecord> {
        let mut applied = Vec::new();
        for batch in batches {
            if !batch.header().attributes.is_control() {
                self.read_batch(batch, image, &mut applied)?;
            }
            self.next = batch.header().next_offset();
        }
        Ok(applied)
    }

    fn read_batch(
        &mut self,
        batch: &RecordBatch,
        image: &mut MetadataImage,
        applied: &mut Vec<MetadataRecord>,
    ) -> Result<(), UnusableRecord> {
        let base = batch.header().base_offset;
        let mut offset = base;
        let records = batch.records(DECOMPRESSED_BYTES_MAX);
        for record in records.map_err(|error| UnusableRecord { offset, cause: error.into() })? {
            let record = record.map_err(|error| UnusableRecord { offset, cause: error.into() })?;
            offset = Offset(base.0 + i64::from(record.offset_delta));
            let Some(value) = record.value else { continue };
            let record = MetadataRecord::decode(value);
            let record = record.map_err(|error| UnusableRecord { offset, cause: error.into() })?;
            self.read_record(offset, record, image, applied)?;
        }
        Ok(())
    }

    fn read_record(
        &mut self,
        offset: Offset,
        record: MetadataRecord,
        image: &mut MetadataImage,
        applied: &mut Vec<MetadataRecord>,
    ) -> Result<(), UnusableRecord> {
        let unusable = |offset, cause| UnusableRecord { offset, cause };
        match (record, &mut self.begun) {
            (MetadataRecord::BeginTransaction(_), begun @ None) => {
                *begun = Some(Begun { at: offset, records: Vec::new() });
            }
            (MetadataRecord::BeginTransaction(_), Some(begun)) => {
                return Err(unusable(offset, UnusableCause::Begun(begun.at)));
            }
            (MetadataRecord::EndTransaction(_), begun @ Some(_)) => {
                for (offset, record) in begun.take().into_iter().flat_map(|begun| begun.records) {
                    image.apply(&record).map_err(|error| unusable(offset, error.into()))?;
                    applied.push(record);
                }
            }
            (MetadataRecord::AbortTransaction(_), begun @ Some(_)) => *begun = None,
            (MetadataRecord::EndTransaction(_) | MetadataRecord::AbortTransaction(_), None) => {
                return Err(unusable(offset, UnusableCause::NotBegun));
            }
            (record, Some(begun)) if !mutant(Mutant::ClusterHalfAChange) => {
                begun.records.push((offset, record))
            }
            (record, _) => {
                image.apply(&record).map_err(|error| unusable(offset, error.into()))?;
                applied.push(record);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};
    use crate::wire::messages::{
        AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, TopicRecord,
    };

    /// A batch of the metadata log that begins at an offset, with these values.
    fn batch(base: i64, values: &[&[u8]]) -> RecordBatch {
        let mut builder = BatchBuilder::new(BatchOptions::plain(10_000));
        for value in values {
            let record = NewRecord {
                timestamp: crate::types::Timestamp(0),
                key: None,
                value: Some(value),
                headers: &[],
            };
            builder.append(record).expect("there is room");
        }
        builder.build().into_batch().placed_at(Offset(base), crate::types::LeaderEpoch(1))
    }

    fn of(base: i64, records: &[MetadataRecord]) -> RecordBatch {
        let values: Vec<_> = records.iter().map(|record| record.encode().expect("it is written")).collect();
        batch(base, &values.iter().map(|value| &value[..]).collect::<Vec<_>>())
    }

    fn topic(number: u8) -> MetadataRecord {
        let name = format!("t{number}").into();
        TopicRecord { name, topic_id: TopicId([number; 16]), ..TopicRecord::default() }.into()
    }

    fn begin() -> MetadataRecord {
        BeginTransactionRecord::default().into()
    }

    fn end() -> MetadataRecord {
        EndTransactionRecord::default().into()
    }

    fn abort() -> MetadataRecord {
        AbortTransactionRecord::default().into()
    }

    /// A reader and what it made.
    fn reading() -> (LogReader, MetadataImage) {
        (LogReader::at(Offset::ZERO), MetadataImage::default())
    }

    #[test]
    fn a_record_that_cannot_be_used_is_named_by_its_offset() {
        let (mut reader, mut image) = reading();
        let first = topic(1).encode().expect("a topic is written");
        let error = reader.read(&[batch(0, &[&first, b"\x01\x7f\x00nonsense"])], &mut image);
        let error = error.expect_err("nonsense");
        assert_eq!(error.offset, Offset(1), "{error}");
        assert!(matches!(error.cause, UnusableCause::Decode(_)), "{error}");
        assert!(error.to_string().contains("logs/AAAAAAAAAAAAAAAAAAAAAQ-0"), "{error}");
        assert_eq!(image.topic_count(), 1, "the one before it");

        let mut reader = LogReader::at(Offset::ZERO);
        let error = reader.read(&[of(0, &[topic(1)])], &mut image).expect_err("a second topic of that name");
        assert!(error.offset == Offset::ZERO && matches!(error.cause, UnusableCause::Image(_)), "{error}");
    }

    #[test]
    fn a_change_of_several_batches_holds_once_its_end_is_there() {
        let (mut reader, mut image) = reading();
        let before = reader.read(&[of(0, &[topic(1), begin(), topic(2)])], &mut image).unwrap();
        assert_eq!(before, [topic(1)]);
        assert_eq!((reader.end(), reader.next(), image.topic_count()), (Offset(1), Offset(3), 1));
        assert!(reader.read(&[of(3, &[topic(3)])], &mut image).unwrap().is_empty());
        assert!(reader.is_within_change());
        let whole = reader.read(&[of(4, &[topic(4), end(), topic(5)])], &mut image).unwrap();
        assert_eq!(whole, [topic(2), topic(3), topic(4), topic(5)]);
        assert_eq!((reader.end(), reader.next(), image.topic_count()), (Offset(7), Offset(7), 5));
    }

    #[test]
    fn nothing_holds_of_a_change_that_is_given_up() {
        let (mut reader, mut image) = reading();
        assert!(reader.read(&[of(0, &[begin(), topic(1)])], &mut image).unwrap().is_empty());
        let after = reader.read(&[of(2, &[abort(), topic(1)])], &mut image).unwrap();
        assert_eq!(after, [topic(1)]);
        assert!(!reader.is_within_change());
    }

    #[test]
    fn a_record_that_does_not_fit_is_named_by_its_own_offset_not_by_the_end_of_its_change() {
        let (mut reader, mut image) = reading();
        let error = reader.read(&[of(7, &[begin(), topic(1), topic(1), end()])], &mut image);
        assert_eq!(error.expect_err("a topic twice").offset, Offset(9));
    }

    #[test]
    fn beginnings_and_ends_that_do_not_match_are_refused() {
        for (records, offset) in [
            (&[begin(), topic(1), begin()][..], 2),
            (&[topic(1), end()], 1),
            (&[abort()], 0),
            (&[begin(), end(), end()], 2),
        ] {
            let (mut reader, mut image) = reading();
            let error = reader.read(&[of(0, records)], &mut image).expect_err("they do not match");
            assert_eq!(error.offset, Offset(offset), "{error}");
        }
    }
}
