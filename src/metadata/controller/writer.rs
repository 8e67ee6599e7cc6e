//! How a change is written into the metadata log: whole, or as good as not at all.
use bytes::Bytes;
use tracing::warn;

use super::ControllerUnavailable;
use super::task::{Controller, METADATA_PARTITION};
use crate::partition::{AppendRequest, AppendTerms};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::limits::METADATA_BATCH_BYTES_MAX;
use crate::types::{LeaderEpoch, Offset};
use crate::wire::MetadataRecord;
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ValidatedBatch};
use crate::wire::messages::{AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord};

impl Controller {
    /// Appends the records of a change; where they begin and end in the log once they are committed. Those of a change that takes
    /// several batches hold once all are there.
    pub(super) async fn append(
        &mut self,
        records: &[MetadataRecord],
        epoch: Option<LeaderEpoch>,
    ) -> Result<(Offset, Offset), ControllerUnavailable> {
        let mut values = records.iter().map(MetadataRecord::encode).collect::<Result<Vec<Bytes>, _>>()?;
        let batch_bytes = self.config.start.metadata.batch_bytes;
        if values.len() > 1 && values.iter().map(Bytes::len).sum::<usize>() > batch_bytes {
            sometimes(Condition::ClusterChangeOfSeveralBatches);
            values.insert(0, MetadataRecord::from(BeginTransactionRecord::default()).encode()?);
            values.push(MetadataRecord::from(EndTransactionRecord::default()).encode()?);
        }
        let terms = AppendTerms { epoch, ..AppendTerms::COMMITTED };
        let (mut first, mut end) = (None, self.reader.next());
        let mut rest = values.as_slice();
        while !rest.is_empty() {
            let (batch, taken) = self.next_batch(rest, batch_bytes)?;
            rest = &rest[taken..];
            let bytes = batch.batch().len() as u64;
            let append = AppendRequest { id: METADATA_PARTITION, batch, replicas_min: 0 };
            let appended = self.partitions.append_one(append, terms).await?;
            if self.clustered && appended.is_err() && self.active_epoch() != epoch {
                sometimes(Condition::ClusterChangeLostController);
            }
            let appended = appended?;
            let count = i64::try_from(taken).expect("a batch has fewer records than an i64 counts");
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

    /// A batch of the first of these values, and how many: at least one, and more as long as they fit into `batch_bytes`.
    fn next_batch(
        &self,
        values: &[Bytes],
        batch_bytes: usize,
    ) -> Result<(ValidatedBatch, usize), ControllerUnavailable> {
        let wall = self.io.clock.wall();
        let mut batch = BatchBuilder::new(BatchOptions::plain(METADATA_BATCH_BYTES_MAX));
        let (mut taken, mut bytes) = (0, 0);
        for value in values {
            bytes += value.len();
            let record = NewRecord { timestamp: wall, key: None, value: Some(value), headers: &[] };
            if taken > 0 && bytes > batch_bytes {
                break;
            }
            match batch.append(record) {
                Ok(_) => taken += 1,
                Err(_) if taken > 0 => break,
                Err(full) => return Err(full.into()),
            }
        }
        Ok((batch.build(), taken))
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
