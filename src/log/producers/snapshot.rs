//! The byte format of `docs/producer-snapshot.md`, version 1.
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::entry::{ProducerEntry, RememberedBatch};
use super::{ProducerLimits, Producers};
use crate::types::limits::{PRODUCER_BATCHES_REMEMBERED, PRODUCER_STATE_BYTES_MAX, PRODUCERS_MAX};
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::batch::{NO_SEQUENCE, crc32c};

const VERSION: u16 = 1;
const CRC_BYTES: usize = 4;
const HEADER_BYTES: usize = 18;
const PRODUCER_BYTES: usize = 39;
const BATCH_BYTES: usize = 24;

const _: () = assert!(
    HEADER_BYTES + PRODUCERS_MAX * (PRODUCER_BYTES + PRODUCER_BATCHES_REMEMBERED * BATCH_BYTES)
        <= PRODUCER_STATE_BYTES_MAX
);

/// Why a snapshot cannot be used; the log is replayed instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("the producer snapshot is cut short: {available_bytes} bytes where {needed_bytes} are due")]
    Truncated { needed_bytes: usize, available_bytes: usize },
    #[error("the producer snapshot is corrupt: its CRC is {stored:#010x}, its bytes give {computed:#010x}")]
    Crc { stored: u32, computed: u32 },
    #[error("the producer snapshot has version {version}, this release reads {VERSION}")]
    Version { version: u16 },
    #[error("the producer snapshot is malformed: {field} is {value}")]
    Field { field: &'static str, value: i64 },
    #[error("{extra_bytes} bytes follow the producer snapshot")]
    TrailingBytes { extra_bytes: usize },
}

impl Producers {
    /// The state as bytes, for a file.
    #[must_use]
    pub fn snapshot(&self) -> Bytes {
        let batches: usize = self.iter().map(|(_, entry)| entry.batches.len()).sum();
        let bytes = HEADER_BYTES + self.len() * PRODUCER_BYTES + batches * BATCH_BYTES;
        let mut out = BytesMut::with_capacity(bytes);
        out.put_u32(0);
        out.put_u16(VERSION);
        out.put_i64(self.end_offset.0);
        out.put_u32(u32::try_from(self.len()).expect("the number of producers is bounded"));
        for (producer_id, entry) in self.iter() {
            out.put_i64(producer_id.0);
            put_entry(&mut out, entry);
        }
        assert_eq!(out.len(), bytes, "the format's sizes are what was written");
        let crc = crc32c(&out[CRC_BYTES..]);
        out[..CRC_BYTES].copy_from_slice(&crc.to_be_bytes());
        out.freeze()
    }

    /// Reads a snapshot. The batches from [`Producers::end_offset`] on are to be replayed. Expired producers
    /// are still there: call [`Producers::expire`].
    ///
    /// # Errors
    /// [`SnapshotError`] for bytes that [`Producers::snapshot`] did not write.
    pub fn restore(limits: ProducerLimits, snapshot: &[u8]) -> Result<Producers, SnapshotError> {
        need(snapshot, HEADER_BYTES)?;
        let mut from = snapshot;
        let stored = from.get_u32();
        let computed = crc32c(from);
        if stored != computed {
            return Err(SnapshotError::Crc { stored, computed });
        }
        let version = from.get_u16();
        if version != VERSION {
            return Err(SnapshotError::Version { version });
        }
        let end_offset = Offset(at_least("end offset", from.get_i64(), 0)?);
        let mut producers = Producers::new(limits, end_offset);
        let mut above = ProducerId::NONE;
        for _ in 0..from.get_u32() {
            need(from, PRODUCER_BYTES)?;
            let producer_id = ProducerId(at_least("producer id", from.get_i64(), above.0.saturating_add(1))?);
            let entry = get_entry(&mut from, end_offset)?;
            let epoch = entry.epoch;
            producers.update(producer_id, epoch, |new| *new = entry);
            above = producer_id;
        }
        match from.len() {
            0 => Ok(producers),
            extra_bytes => Err(SnapshotError::TrailingBytes { extra_bytes }),
        }
    }
}

fn put_entry(out: &mut BytesMut, entry: &ProducerEntry) {
    out.put_i16(entry.epoch.0);
    out.put_i64(entry.last_timestamp.0);
    out.put_i64(entry.updated_at.0);
    out.put_i32(entry.coordinator_epoch);
    out.put_i64(entry.transaction_first_offset.unwrap_or(Offset::NONE).0);
    out.put_u8(u8::try_from(entry.batches.len()).expect("at most five batches"));
    for batch in &entry.batches {
        out.put_i32(batch.last_sequence);
        out.put_i64(batch.last_offset.0);
        out.put_i32(batch.offset_delta);
        out.put_i64(batch.timestamp.0);
    }
}

fn get_entry(from: &mut &[u8], end_offset: Offset) -> Result<ProducerEntry, SnapshotError> {
    let epoch = ProducerEpoch(from.get_i16());
    at_least("producer epoch", i64::from(epoch.0), 0)?;
    let mut entry = ProducerEntry::new(epoch);
    entry.last_timestamp = Timestamp(from.get_i64());
    entry.updated_at = before("last write", Offset(from.get_i64()), end_offset)?;
    entry.coordinator_epoch = from.get_i32();
    let first_offset = Offset(at_least("transaction's first offset", from.get_i64(), Offset::NONE.0)?);
    entry.transaction_first_offset = (first_offset != Offset::NONE).then_some(first_offset);
    let batches = from.get_u8();
    if usize::from(batches) > PRODUCER_BATCHES_REMEMBERED {
        return Err(SnapshotError::Field { field: "number of batches", value: i64::from(batches) });
    }
    for _ in 0..batches {
        need(from, BATCH_BYTES)?;
        let last_sequence = from.get_i32();
        at_least("sequence", i64::from(last_sequence), i64::from(NO_SEQUENCE))?;
        let last_offset = before("last offset", Offset(from.get_i64()), end_offset)?;
        let offset_delta = from.get_i32();
        at_least("offset delta", i64::from(offset_delta), 0)?;
        at_least("base offset", last_offset.0 - i64::from(offset_delta), 0)?;
        let timestamp = Timestamp(from.get_i64());
        entry.batches.push_back(RememberedBatch { last_sequence, last_offset, offset_delta, timestamp });
    }
    Ok(entry)
}

fn need(from: &[u8], needed_bytes: usize) -> Result<(), SnapshotError> {
    let available_bytes = from.len();
    if available_bytes < needed_bytes {
        return Err(SnapshotError::Truncated { needed_bytes, available_bytes });
    }
    Ok(())
}

fn at_least(field: &'static str, value: i64, least: i64) -> Result<i64, SnapshotError> {
    if value < least { Err(SnapshotError::Field { field, value }) } else { Ok(value) }
}

fn before(field: &'static str, offset: Offset, end_offset: Offset) -> Result<Offset, SnapshotError> {
    let value = at_least(field, offset.0, 0)?;
    if offset >= end_offset { Err(SnapshotError::Field { field, value }) } else { Ok(offset) }
}
