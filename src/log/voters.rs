//! Voter sets as a log holds them: control batches with KIP-853's `VotersRecord` (docs/replication.md, "Voter changes").
//!
//! Owns how a set becomes a batch and back, and the history of a log's sets. Who is a voter is decided elsewhere.
use bytes::{Buf, BufMut, BytesMut};

use crate::raft::{Position, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp, Uuid};
use crate::wire::batch::{BatchBuilder, BatchError, BatchKind, BatchOptions, NewRecord, RecordBatch};
use crate::wire::messages::voters_record::{KRaftVersionFeature, Voter, VotersRecord};
use crate::wire::{DecodeError, Message, Reader, Writer};

/// The control record type of a voter set (`KRAFT_VOTERS`).
const RECORD_TYPE: i16 = 6;
/// The largest batch of [`VoterSet::MAX`] voters, with room for the endpoints that others may write, in bytes.
const BATCH_BYTES_MAX: usize = 64 << 10;
/// A voter in the binary form of journal and checkpoint, in bytes.
const VOTER_BYTES: usize = 20;

/// Why a control batch that should hold a voter set does not.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VotersInvalid {
    #[error("its record cannot be read: {0}")]
    Batch(#[from] BatchError),
    #[error("its record has no value, or a key that is cut short")]
    Incomplete,
    #[error("it takes {offsets} offsets, where a voter set takes one")]
    Offsets { offsets: i64 },
    #[error("its value is no VotersRecord: {0}")]
    Record(#[from] DecodeError),
    #[error("it names {voters} voters: there are none, more than {max}, or two of one node", max = VoterSet::MAX)]
    Set { voters: usize },
}

/// The control batch that holds `voters`, at `base` in the log. It takes one offset.
#[must_use]
pub fn batch(voters: &VoterSet, base: Offset, epoch: LeaderEpoch, timestamp: Timestamp) -> RecordBatch {
    let record =
        VotersRecord { version: 0, voters: voters.keys().iter().map(voter).collect(), ..Default::default() };
    let mut writer = Writer::new();
    record.encode(&mut writer, 0).expect("numbers alone always fit");
    let value = writer.finish().concat();
    let key = [[0, 0], RECORD_TYPE.to_be_bytes()].concat();
    let mut builder =
        BatchBuilder::new(BatchOptions { kind: BatchKind::Control, ..BatchOptions::plain(BATCH_BYTES_MAX) });
    let record = NewRecord { timestamp, key: Some(&key), value: Some(&value), headers: &[] };
    builder.append(record).expect("a bounded number of voters fits");
    builder.build().into_batch().placed_at(base, epoch)
}

fn voter(key: &ReplicaKey) -> Voter {
    Voter {
        voter_id: key.node.0,
        voter_directory_id: key.directory,
        // Where nodes are reached stands in the metadata; no version but the first has been there.
        endpoints: Vec::new(),
        kraft_version_feature: KRaftVersionFeature::default(),
        ..Default::default()
    }
}

/// The voter set in a batch; `None` for any other batch.
///
/// # Errors
/// [`VotersInvalid`] for a control batch that says it holds one and does not.
pub fn read(batch: &RecordBatch) -> Result<Option<VoterSet>, VotersInvalid> {
    let header = batch.header();
    // What has a producer ends a transaction.
    if !header.attributes.is_control() || header.has_producer_id() {
        return Ok(None);
    }
    let Some(record) = batch.records(BATCH_BYTES_MAX)?.next().transpose()? else { return Ok(None) };
    let mut key = record.key.filter(|key| key.len() >= 4).ok_or(VotersInvalid::Incomplete)?;
    let _version = key.get_i16();
    if key.get_i16() != RECORD_TYPE {
        return Ok(None);
    }
    if header.last_offset_delta != 0 {
        return Err(VotersInvalid::Offsets { offsets: header.next_offset().since(header.base_offset) });
    }
    let mut reader = Reader::new(record.value.ok_or(VotersInvalid::Incomplete)?);
    let voters = VotersRecord::decode(&mut reader, 0)?.voters;
    let keys = voters
        .iter()
        .map(|voter| ReplicaKey { node: NodeId(voter.voter_id), directory: voter.voter_directory_id });
    VoterSet::of(keys).map(Some).ok_or(VotersInvalid::Set { voters: voters.len() })
}

/// Appends a set in the form of journal and checkpoint: number i32; for each node i32, directory id.
pub(crate) fn put(out: &mut BytesMut, voters: &VoterSet) {
    out.put_u32(u32::try_from(voters.keys().len()).expect("the number of voters is bounded"));
    for key in voters.keys() {
        out.put_i32(key.node.0);
        out.put_slice(&key.directory.0);
    }
}

/// Bytes that [`put`] appends.
pub(crate) fn put_bytes(voters: &VoterSet) -> usize {
    4 + voters.keys().len() * VOTER_BYTES
}

/// Reads what [`put`] has written; `None` if it is cut short or no set.
pub(crate) fn get(from: &mut impl Buf) -> Option<VoterSet> {
    let count = usize::try_from(from.try_get_u32().ok()?).ok()?;
    if count > VoterSet::MAX || from.remaining() < count * VOTER_BYTES {
        return None;
    }
    VoterSet::of((0..count).map(|_| {
        let node = NodeId(from.get_i32());
        ReplicaKey { node, directory: get_uuid(from) }
    }))
}

/// Reads an id. The caller has looked whether it is there.
pub(crate) fn get_uuid(from: &mut impl Buf) -> Uuid {
    let mut id = [0; 16];
    from.copy_to_slice(&mut id);
    Uuid(id)
}

/// The voter sets of a log, each with the position after its entry. The first may be the one in force at the log's
/// start; of a log that nobody has founded none is known until one is appended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct VoterSets {
    sets: Vec<(Position, VoterSet)>,
}

impl VoterSets {
    /// `None` if they are out of order.
    pub(crate) fn from_entries(sets: Vec<(Position, VoterSet)>) -> Option<VoterSets> {
        sets.windows(2).all(|pair| pair[0].0 < pair[1].0).then_some(VoterSets { sets })
    }

    pub(crate) fn entries(&self) -> &[(Position, VoterSet)] {
        &self.sets
    }

    pub(crate) fn push(&mut self, at: Position, voters: VoterSet) {
        assert!(
            self.sets.last().is_none_or(|last| last.0 < at),
            "voter sets come in the order of the log: {at}"
        );
        if self.sets.is_empty() {
            // Most logs have one, and there may be very many of them.
            self.sets.reserve_exact(1);
        }
        self.sets.push((at, voters));
    }

    /// Forgets the sets behind a truncation.
    pub(crate) fn truncate(&mut self, end: Offset, last_epoch: LeaderEpoch) {
        self.sets.retain(|(at, _)| at.end <= end && at.epoch <= last_epoch);
    }

    /// Forgets the sets that were followed by another up to `log_start`.
    pub(crate) fn advance_start(&mut self, log_start: Offset) {
        let in_force = self.sets.partition_point(|(at, _)| at.end <= log_start).saturating_sub(1);
        self.sets.drain(..in_force);
    }

    /// The log begins anew.
    pub(crate) fn begin(at: Position, voters: VoterSet) -> VoterSets {
        VoterSets { sets: vec![(at, voters)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(node: i32, directory: u8) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) }
    }

    #[test]
    fn a_set_is_a_control_batch_and_back() {
        let full = VoterSet::of((0..31).map(|node| key(node, node as u8))).unwrap();
        for voters in [VoterSet::of([key(2, 9)]).unwrap(), full] {
            let batch = batch(&voters, Offset(7), LeaderEpoch(3), Timestamp(5));
            batch.check().unwrap();
            let header = batch.header();
            assert!(header.attributes.is_control() && !header.has_producer_id());
            assert_eq!((header.base_offset, header.next_offset()), (Offset(7), Offset(8)));
            assert_eq!(header.partition_leader_epoch, LeaderEpoch(3));
            assert_eq!(read(&batch).unwrap(), Some(voters));
        }
    }

    /// KIP-853: key version and type 6; value VotersRecord 0, with lengths plus one and empty tagged fields.
    #[test]
    fn the_record_is_kafkas() {
        let voters = VoterSet::of([key(1, 0xAA), key(258, 0xBB)]).unwrap();
        let batch = batch(&voters, Offset(0), LeaderEpoch(0), Timestamp(0));
        let record = batch.records(1024).unwrap().next().unwrap().unwrap();
        assert_eq!(record.key.unwrap(), [0, 0, 0, 6][..]);
        let mut value = vec![0, 0, 3];
        for (node, directory) in [([0, 0, 0, 1], 0xAA), ([0, 0, 1, 2], 0xBB)] {
            value.extend(node);
            value.extend([directory; 16]);
            // No endpoints; versions 0 to 0 and no tagged fields of theirs, none of the voter's.
            value.extend([1, 0, 0, 0, 0, 0, 0]);
        }
        value.push(0);
        assert_eq!(record.value.unwrap(), value[..]);
    }

    #[test]
    fn other_batches_hold_none() {
        use crate::types::{ProducerEpoch, ProducerId};
        use crate::wire::batch::{EndMarker, TransactionResult};
        let marker = EndMarker { result: TransactionResult::Commit, coordinator_epoch: 6 };
        let marker = marker.batch(ProducerId(6), ProducerEpoch(0), Timestamp(0)).into_batch();
        assert_eq!(read(&marker).unwrap(), None);
        let voters = batch(&VoterSet::new([NodeId(1)]), Offset(0), LeaderEpoch(0), Timestamp(0));
        assert_eq!(read(&voters.emptied()).unwrap(), None, "emptied by a compaction");
        let control = |key: &[u8], value: Option<&[u8]>| {
            let options = BatchOptions { kind: BatchKind::Control, ..BatchOptions::plain(1024) };
            let mut builder = BatchBuilder::new(options);
            let record = NewRecord { timestamp: Timestamp(0), key: Some(key), value, headers: &[] };
            builder.append(record).unwrap();
            read(builder.build().batch())
        };
        assert_eq!(control(&[0, 0, 0, 2], Some(b"a leader change")), Ok(None));
        assert_eq!(control(&[0, 0, 0], Some(b"")), Err(VotersInvalid::Incomplete));
        assert_eq!(control(&[0, 0, 0, 6], None), Err(VotersInvalid::Incomplete));
        assert!(matches!(control(&[0, 0, 0, 6], Some(&[0, 0, 2, 0])), Err(VotersInvalid::Record(_))));
        assert_eq!(control(&[0, 0, 0, 6], Some(&[0, 0, 1, 0])), Err(VotersInvalid::Set { voters: 0 }));
    }

    #[test]
    fn the_history_goes_back_and_forgets() {
        let at = |epoch, end| Position { epoch: LeaderEpoch(epoch), end: Offset(end) };
        let set = |n: i32| VoterSet::new((1..=n).map(NodeId));
        let mut sets = VoterSets::begin(at(0, 0), set(3));
        sets.push(at(1, 5), set(4));
        sets.push(at(2, 9), set(5));
        let whole = sets.clone();
        sets.truncate(Offset(8), LeaderEpoch(2));
        assert_eq!(sets.entries(), &whole.entries()[..2]);
        let mut sets = whole.clone();
        sets.truncate(Offset(9), LeaderEpoch(1));
        assert_eq!(sets.entries(), &whole.entries()[..2], "by the epoch alone");
        let mut sets = whole.clone();
        sets.advance_start(Offset(4));
        assert_eq!(sets, whole);
        sets.advance_start(Offset(8));
        assert_eq!(sets.entries(), &whole.entries()[1..], "the one in force at the start stays");
        assert_eq!(VoterSets::from_entries(vec![(at(1, 5), set(3)), (at(1, 5), set(4))]), None);
    }
}
