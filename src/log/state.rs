use bytes::Bytes;

use super::journal::{EntryNumber, LogKey};
use super::segment::SegmentState;
use super::voters::VoterSets;
use crate::raft::ReplicaKey;
use crate::types::EpochHistory;
use crate::types::{LeaderEpoch, Offset, Uuid};

/// The last epoch that the node has seen for a partition, and whom it voted for in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vote {
    pub epoch: LeaderEpoch,
    pub candidate: Option<ReplicaKey>,
}

/// What the checkpoint keeps of a log: its state after the entry `number`, except that batches from `end` on
/// are only in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogState {
    pub log: LogKey,
    pub number: EntryNumber,
    /// Entries of batches below it are not needed: their batches are in segments, were taken back, or have been written to the
    /// journal anew.
    pub batches_from: EntryNumber,
    /// Something of it is known to be lost: it serves nothing.
    pub damaged: bool,
    /// The directory id was drawn anew since the damage was found: a reset makes the log sound again.
    pub renewed: bool,
    pub log_start: Offset,
    /// Up to where the segments reach.
    pub end: Offset,
    /// Where the log ends, batches that are only in the journal included.
    pub log_end: Offset,
    pub high_watermark: Offset,
    /// Up to where compaction has been.
    pub cleaned_to: Offset,
    pub vote: Option<Vote>,
    /// The directory id of this log's replica, if it is not the data directory's.
    pub directory: Option<Uuid>,
    pub epochs: EpochHistory,
    pub(crate) voters: VoterSets,
    pub segments: Vec<SegmentState>,
    /// [`super::producers::Producers::snapshot`] as of `end`.
    pub producers: Bytes,
}
