//! How a change is written into the metadata log: whole, or as good as not at all.
use bytes::Bytes;
use tracing::warn;

use super::ControllerUnavailable;
use super::task::{Controller, METADATA_PARTITION};
use crate::partition::{AppendRequest, AppendTerms};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::limits::METADATA_BATCH_BYTES_MAX;
use crate::types::{LeaderEpoch, Offset, Timestamp};
use crate::wire::MetadataRecord;
use crate::wire::batch::{BatchBuilder, BatchFull, BatchOptions, NewRecord, ValidatedBatch};
use crate::wire::messages::{AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord};

impl Controller {
    /// Appends the records of a change; where they begin and end in the log once they are committed. Those of a change that takes
    /// several batches hold once all are there.
    pub(super) async fn append(
        &mut self,
        records: &[MetadataRecord],
        epoch: Option<LeaderEpoch>,
    ) -> Result<(Offset, Offset), ControllerUnavailable> {
        let batches = in_whole(records, self.config.start.metadata.batch_bytes, self.io.clock.wall())?;
        if batches.len() > 1 {
            sometimes(Condition::ClusterChangeOfSeveralBatches);
        }
        let epoch = epoch.filter(|_| !mutant(Mutant::ControllerWithoutEpoch));
        let terms = AppendTerms { epoch, ..AppendTerms::COMMITTED };
        let (mut first, mut end) = (None, self.reader.next());
        for batch in batches {
            let bytes = batch.batch().len() as u64;
            // It is at offset 0 still.
            let count = batch.batch().header().next_offset().0;
            let append = AppendRequest { id: METADATA_PARTITION, batch, replicas_min: 0 };
            let appended = self.partitions.append_one(append, terms).await?;
            if self.clustered && appended.is_err() && self.active_epoch() != epoch {
                sometimes(Condition::ClusterChangeLostController);
            }
            let appended = appended?;
            if first.is_some() && appended.base_offset != end {
                // Something came between: whoever reads on sees it.
                first = Some(Offset(-1));
            }
            first.get_or_insert(appended.base_offset);
            end = Offset(appended.base_offset.0 + count);
            self.snapshots.grown(bytes);
        }
        Ok((first.unwrap_or(self.reader.next()), end))
    }

    /// Reads on to the log's end. A change of which not all is there by now will never be whole, since this node alone decides: it is
    /// given up, so that what is decided next does not become part of it.
    pub(super) async fn end_what_is_begun(
        &mut self,
        epoch: Option<LeaderEpoch>,
    ) -> Result<(), ControllerUnavailable> {
        self.catch_up(None).await?;
        if !self.reader.is_within_change() || mutant(Mutant::ClusterChangeGoesOn) {
            return Ok(());
        }
        sometimes(Condition::ClusterChangeGivenUp);
        warn!(
            at = self.reader.end().0,
            "a change of the metadata was cut off before its end was written: none of it holds"
        );
        let abort = AbortTransactionRecord::default().into();
        self.append(&[abort], epoch).await?;
        self.catch_up(None).await
    }
}

/// The batches of a change; of several the first begins with a record that says so, and the last ends with one.
fn in_whole(
    records: &[MetadataRecord],
    batch_bytes: usize,
    wall: Timestamp,
) -> Result<Vec<ValidatedBatch>, ControllerUnavailable> {
    let mut values = records.iter().map(MetadataRecord::encode).collect::<Result<Vec<Bytes>, _>>()?;
    let batches = in_batches(&values, batch_bytes, wall)?;
    if batches.len() <= 1 {
        return Ok(batches);
    }
    values.insert(0, MetadataRecord::from(BeginTransactionRecord::default()).encode()?);
    values.push(MetadataRecord::from(EndTransactionRecord::default()).encode()?);
    Ok(in_batches(&values, batch_bytes, wall)?)
}

/// Batches of no more than `batch_bytes` each, but for a record that takes more by itself.
fn in_batches(
    values: &[Bytes],
    batch_bytes: usize,
    wall: Timestamp,
) -> Result<Vec<ValidatedBatch>, BatchFull> {
    let mut batches = Vec::new();
    let mut open: Option<BatchBuilder> = None;
    for value in values {
        let record = NewRecord { timestamp: wall, key: None, value: Some(value), headers: &[] };
        if let Some(batch) = &mut open
            && batch.plain_bytes() + value.len() <= batch_bytes
            && batch.append(record).is_ok()
        {
            continue;
        }
        batches.extend(open.take().map(BatchBuilder::build));
        let mut batch = BatchBuilder::new(BatchOptions::plain(METADATA_BATCH_BYTES_MAX));
        batch.append(record)?;
        open = Some(batch);
    }
    batches.extend(open.map(BatchBuilder::build));
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::{ConfigRecord, PartitionRecord};

    /// The records of each batch.
    fn written(records: &[MetadataRecord], batch_bytes: usize) -> Vec<Vec<MetadataRecord>> {
        let batches = in_whole(records, batch_bytes, Timestamp(0)).expect("they are written");
        let records = |batch: &ValidatedBatch| {
            let records = batch.batch().records(METADATA_BATCH_BYTES_MAX).expect("it is readable");
            let values = records.map(|record| record.expect("it is readable").value.expect("it has a value"));
            values.map(|value| MetadataRecord::decode(value).expect("it is one")).collect()
        };
        batches.iter().map(records).collect()
    }

    fn configs(count: usize, value_bytes: usize) -> Vec<MetadataRecord> {
        let value = Some("v".repeat(value_bytes).into());
        vec![ConfigRecord { value, ..ConfigRecord::default() }.into(); count]
    }

    #[test]
    fn a_change_of_one_batch_says_nothing_of_where_it_begins_and_ends() {
        assert_eq!(written(&configs(8, 90), 1000), [configs(8, 90)]);
        assert_eq!(written(&configs(1, 5000), 1000), [configs(1, 5000)], "a record alone may take more");
    }

    #[test]
    fn a_change_of_several_batches_begins_and_ends() {
        let batches = written(&configs(30, 90), 1000);
        assert!(batches.len() > 2, "{}", batches.len());
        let mut records = batches.concat();
        assert_eq!(records.remove(0), BeginTransactionRecord::default().into());
        assert_eq!(records.pop(), Some(EndTransactionRecord::default().into()));
        assert_eq!(records, configs(30, 90));
    }

    #[test]
    fn what_records_take_beside_their_values_counts() {
        // The values alone are less than a batch may have.
        let records = configs(10_000, 93);
        let values: usize = records.iter().map(|record| record.encode().expect("it is written").len()).sum();
        assert!(values < METADATA_BATCH_BYTES_MAX, "{values}");
        let batches = written(&records, METADATA_BATCH_BYTES_MAX);
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[0].first(), Some(&BeginTransactionRecord::default().into()));
        assert_eq!(batches[1].last(), Some(&EndTransactionRecord::default().into()));
    }

    #[test]
    fn a_record_that_fits_nowhere_is_refused_before_anything_is_written() {
        let mut records = configs(30, 90);
        records.push(PartitionRecord { replicas: vec![1; 300_000], ..PartitionRecord::default() }.into());
        let refused = in_whole(&records, 1000, Timestamp(0)).map(|_| ()).expect_err("it is too large");
        assert!(matches!(refused, ControllerUnavailable::TooLarge(_)), "{refused}");
    }
}
