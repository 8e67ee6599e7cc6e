//! Batches made from batches: with fewer records (compaction) or with another codec. Offsets, sequences,
//! producer and leader epoch stay as they were.
use super::builder::{RecordFields, RecordsWriter};
use super::error::BatchError;
use super::header::BatchHeader;
use super::owned::RecordBatch;
use super::record::Record;
use super::validate::ValidatedBatch;
use crate::probe::{Mutant, mutant};
use crate::types::Timestamp;
use crate::wire::compression::{Codec, Compression, compress, decompress};

impl RecordBatch {
    /// The batch with only these of its records, compressed as it was. Base offset, last offset and sequences
    /// stay, so that positions and the producer's state can still be read from it. With `delete_horizon` the
    /// base timestamp becomes that horizon and the records' deltas follow (KIP-534); `None` leaves as it is
    /// what the batch has.
    ///
    /// # Errors
    /// [`BatchError::UnknownCodec`].
    pub fn retaining(
        &self,
        records: &[Record],
        delete_horizon: Option<Timestamp>,
    ) -> Result<RecordBatch, BatchError> {
        let old = *self.header();
        if records.is_empty() {
            return Ok(self.emptied());
        }
        let (attributes, mut base_timestamp) = match delete_horizon {
            Some(horizon) => (old.attributes.with_delete_horizon(), horizon),
            None => (old.attributes, old.base_timestamp),
        };
        // Deltas keep their meaning modulo 2^64, whatever the timestamps.
        let shift = old.base_timestamp.0.wrapping_sub(base_timestamp.0);
        let first = &records[0];
        if mutant(Mutant::CompactionShiftsTimestamps)
            && first.offset_delta > 0
            && !attributes.has_delete_horizon()
        {
            base_timestamp = old.record_timestamp(first.timestamp_delta);
        }
        let mut writer = RecordsWriter::default();
        let mut max_timestamp = Timestamp::NONE;
        for record in records {
            let fields = RecordFields::of(record);
            let headers = if mutant(Mutant::CompactionDropsHeaders) { &[][..] } else { fields.headers };
            let timestamp_delta = record.timestamp_delta.wrapping_add(shift);
            writer.put(&RecordFields { timestamp_delta, headers, ..fields });
            max_timestamp = max_timestamp.max(old.record_timestamp(record.timestamp_delta));
        }
        let header =
            BatchHeader { attributes, base_timestamp, max_timestamp, record_count: writer.count(), ..old };
        Ok(RecordBatch::assemble(header, &writer.packed(self.codec()?)))
    }

    /// The batch without its records: what tells where the log goes on, and a producer's last sequence.
    #[must_use]
    pub fn emptied(&self) -> RecordBatch {
        let old = *self.header();
        let attributes = old.attributes.with_codec(Codec::None.number()).without_delete_horizon();
        let header = BatchHeader { attributes, base_timestamp: Timestamp::NONE, record_count: 0, ..old };
        RecordBatch::assemble(header, &[])
    }
}

impl ValidatedBatch {
    /// The same batch under a topic's own codec (`compression.type`), unchanged if it has that already: like Kafka, at
    /// whatever level its producer chose.
    ///
    /// # Errors
    /// [`BatchError::Compression`] if the records pass `decompressed_bytes_max`, in bytes.
    pub fn recompressed(
        self,
        compression: Compression,
        decompressed_bytes_max: usize,
    ) -> Result<ValidatedBatch, BatchError> {
        let batch = self.batch();
        let codec = compression.codec();
        if batch.codec()? == codec {
            return Ok(self);
        }
        let plain = decompress(batch.codec()?, &batch.payload(), decompressed_bytes_max)?;
        let attributes = batch.header().attributes.with_codec(codec.number());
        let header = BatchHeader { attributes, ..*batch.header() };
        let packed = compress(compression, &plain);
        Ok(ValidatedBatch::built(RecordBatch::assemble(header, &packed)))
    }
}
