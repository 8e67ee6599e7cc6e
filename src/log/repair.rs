//! Segments of which something cannot be read, written again beside the present ones with what another replica holds.
//!
//! Owns the work between [`super::PartitionLog::take_repair`] and [`super::PartitionLog::repaired`]; where else the
//! records are is the caller's ([`RepairSource`]).
//! Invariants: no existing file is changed, and what is written counts for nothing before a checkpoint names it; all of
//! it was committed, and its checksums, order and epochs are what this log knows of them; of a log that is or was
//! compacted everything from its start on comes from one state of one replica.
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use super::cleaning::{Output, OutputLimits, Source, WriteFailed};
use super::file_cache::FileCache;
use super::journal::{LogId, LogKey};
use super::segment::{FileKind, SegmentId, SegmentState};
use super::stored_read::{ReadError, StoredRead};
use super::walker::{SegmentView, Walker};
use crate::io::Disk;
use crate::types::{EpochHistory, NodeId, Offset};
use crate::wire::batch::{BatchCheck, BatchError, BatchHeader, BatchIterator, RecordBatch};

/// How much is read, and asked for, at a time, in bytes.
const READ_BYTES: usize = 1 << 20;

/// What is asked of another replica: whole batches from the one that holds `offset` on, as far as they end at or before `up_to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RepairRead {
    pub offset: Offset,
    pub up_to: Offset,
    pub bytes_max: usize,
}

/// What it gives.
#[derive(Clone, Debug)]
pub struct RepairPiece {
    /// Record batches; none if it holds nothing from the offset on, though it knows of all that is committed below the limit.
    pub batches: Bytes,
    /// Whose they are.
    pub from: NodeId,
    pub version: FilesVersion,
}

/// What a replica's files hold: another one before, during and after each compaction, and in each log of the same partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilesVersion {
    pub log: LogId,
    /// It rises when files begin to be written anew, and when that has ended.
    pub rewrites: u32,
}

/// Where else the records of a partition are.
pub trait RepairSource: Sync {
    /// Some of them.
    ///
    /// # Errors
    /// In words for people, if nobody gives them now.
    fn read(&self, wanted: RepairRead) -> impl Future<Output = Result<RepairPiece, String>> + Send;
}

/// Segments of one log that are to be written again. Made by [`super::PartitionLog::take_repair`].
#[must_use = "a repair that was taken must be run and its outcome told to the log"]
pub struct RepairWork {
    pub(super) key: LogKey,
    /// Part of the names of the files that are written; no others of the log have it.
    pub(super) cleaning: u32,
    pub(super) cache: Arc<FileCache>,
    pub(super) epochs: EpochHistory,
    pub(super) log_start: Offset,
    /// A run of the log's segments; something in the last of them cannot be read.
    pub(super) sources: Vec<Source>,
    /// All of it is to come from the other replica: which records a compaction has left is each replica's own.
    pub(super) whole: bool,
    pub(super) limits: OutputLimits,
}

/// A repair has come to its end, and waits for the log to take it over.
#[must_use = "tell the log"]
pub struct RepairDone {
    pub(super) key: LogKey,
    pub(super) cleaning: u32,
    /// What is to be replaced. Empty if all could be read this time.
    pub(super) sources: Vec<SegmentId>,
    /// Nothing of these is this log's own any more.
    pub(super) whole: bool,
    pub(super) outputs: Vec<SegmentState>,
    pub(super) from: Option<NodeId>,
    pub(super) bytes_from_there: u64,
}

/// What a log made of a repair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repaired {
    /// The segments are whole again, with so many bytes from another node.
    Replaced { from: NodeId, bytes: u64 },
    /// Everything could be read this time.
    Sound,
    /// The log's segments changed meanwhile: the work is thrown away.
    Discarded,
}

/// A repair failed. The log is as it was.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be repaired: {reason}")]
#[must_use = "tell the log"]
pub struct RepairFailed {
    pub(super) key: LogKey,
    pub path: String,
    #[source]
    pub reason: RepairFailure,
    pub(super) cleaning: u32,
    pub(super) segment: SegmentId,
    /// The bases of segments that were begun.
    pub(super) leftover: Vec<Offset>,
}

/// Why a repair failed.
#[derive(Debug, thiserror::Error)]
pub enum RepairFailure {
    #[error("no other replica gives what it holds from offset {offset} on: {why}")]
    NotGiven { offset: Offset, why: String },
    #[error("what node {from} gives cannot be used: {what}")]
    Wrong { from: NodeId, what: String },
    #[error("what node {from} gives cannot be read: {source}")]
    Unreadable { from: NodeId, source: BatchError },
    #[error("the other replica was compacted meanwhile")]
    Moved,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteFailed),
}

impl RepairDone {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }
}

impl RepairFailed {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }
}

/// What has been taken so far.
struct Taken {
    /// The next batch is the one that holds it.
    next: Offset,
    from: Option<(NodeId, FilesVersion)>,
    bytes_from_there: u64,
}

impl RepairWork {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }

    /// The file that cannot be read, for a message.
    #[must_use]
    pub fn path(&self) -> String {
        self.wounded().view.segment.path(FileKind::Log)
    }

    fn wounded(&self) -> &Source {
        self.sources.last().expect("a repair is of a segment")
    }

    /// Reads what can be read and gets the rest, and writes both, durably, beside the present segments. Dropping the future
    /// leaves files that nothing names; the next start removes them.
    ///
    /// # Errors
    /// [`RepairFailed`] if nobody gives what is missing, or it cannot be written. Nothing of the log has changed then.
    pub async fn run(
        self,
        disk: &dyn Disk,
        elsewhere: &impl RepairSource,
    ) -> Result<RepairDone, RepairFailed> {
        let mut output =
            Output::new(disk, self.cache.names(), self.key.partition, self.cleaning, self.limits);
        match self.repair(elsewhere, &mut output).await {
            Ok(done) => Ok(done),
            Err(reason) => Err(RepairFailed {
                key: self.key,
                path: self.path(),
                reason,
                cleaning: self.cleaning,
                segment: self.wounded().view.segment.id,
                leftover: output.into_begun(),
            }),
        }
    }

    async fn repair(
        &self,
        elsewhere: &impl RepairSource,
        output: &mut Output<'_>,
    ) -> Result<RepairDone, RepairFailure> {
        let (key, cleaning) = (self.key, self.cleaning);
        let nothing = RepairDone {
            key,
            cleaning,
            sources: Vec::new(),
            whole: self.whole,
            outputs: Vec::new(),
            from: None,
            bytes_from_there: 0,
        };
        if self.is_sound().await? {
            return Ok(nothing);
        }
        let first = self.sources.first().map_or(Offset::ZERO, |source| source.view.segment.base);
        let end = self.wounded().view.end;
        let mut taken = Taken { next: first.max(self.log_start), from: None, bytes_from_there: 0 };
        while taken.next < end {
            if !self.whole
                && let Some(batches) = self.read_here(taken.next).await?
            {
                for batch in batches {
                    self.take(&batch, &mut taken, output).await?;
                }
                continue;
            }
            if !self.take_from(elsewhere, end, &mut taken, output).await? {
                break;
            }
        }
        let outputs = output.finish().await?;
        let sources = self.sources.iter().map(|source| source.view.segment.id).collect();
        let from = taken.from.map(|(node, _)| node);
        Ok(RepairDone { sources, outputs, from, bytes_from_there: taken.bytes_from_there, ..nothing })
    }

    /// Whether all of what could not be read can be now: an error of the disk may pass.
    async fn is_sound(&self) -> Result<bool, RepairFailure> {
        let mut walker = Walker::new(&self.cache, &self.epochs, &self.wounded().view, None, READ_BYTES);
        loop {
            match walker.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(true),
                Err(error) if error.is_damage() => return Ok(false),
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Batches from the one that holds the offset on; `None` if it cannot be read.
    async fn read_here(&self, offset: Offset) -> Result<Option<Vec<RecordBatch>>, RepairFailure> {
        let view: &SegmentView = &self.wounded().view;
        let read = StoredRead {
            cache: Arc::clone(&self.cache),
            epochs: self.epochs.clone(),
            segments: vec![view.clone()],
            offset,
            max_bytes: READ_BYTES,
            up_to: view.end,
            at_least_one: true,
        };
        match read.run().await {
            Ok(pieces) => {
                let batches = BatchIterator::new(pieces.concat().into(), BatchCheck::Trust);
                let batches: Result<Vec<RecordBatch>, BatchError> = batches.collect();
                // They were checked when they were read.
                Ok(batches.ok().filter(|batches| !batches.is_empty()))
            }
            Err(error) if error.is_damage() => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// Takes what another replica gives; false if that has nothing more.
    async fn take_from(
        &self,
        elsewhere: &impl RepairSource,
        end: Offset,
        taken: &mut Taken,
        output: &mut Output<'_>,
    ) -> Result<bool, RepairFailure> {
        let wanted = RepairRead { offset: taken.next, up_to: end, bytes_max: READ_BYTES };
        let given = elsewhere.read(wanted).await;
        let piece = given.map_err(|why| RepairFailure::NotGiven { offset: taken.next, why })?;
        let from = piece.from;
        if self.whole && taken.from.is_some_and(|before| before != (from, piece.version)) {
            return Err(RepairFailure::Moved);
        }
        taken.from = Some((from, piece.version));
        let mut given = 0;
        for batch in BatchIterator::new(piece.batches, BatchCheck::Verify) {
            let batch = batch.map_err(|source| RepairFailure::Unreadable { from, source })?;
            if batch.header().base_offset >= end {
                break;
            }
            if let Some(what) = self.contradicts(batch.header(), taken.next, end) {
                return Err(RepairFailure::Wrong { from, what });
            }
            given += batch.len();
            self.take(&batch, taken, output).await?;
        }
        taken.bytes_from_there += given as u64;
        if given == 0 && !self.whole {
            let what = format!("it holds nothing at offset {}, and this log does", taken.next);
            return Err(RepairFailure::Wrong { from, what });
        }
        Ok(given > 0)
    }

    /// Why a batch of another replica cannot be the one that stands in this log from `next` on.
    fn contradicts(&self, header: &BatchHeader, next: Offset, end: Offset) -> Option<String> {
        let (base, last) = (header.base_offset, header.last_offset());
        let follows = if self.whole { last >= next } else { base <= next && last >= next };
        // The log may begin inside a batch.
        let first = self.sources.first().map_or(next, |source| source.view.segment.base);
        let begins = if next == self.log_start { first } else { next };
        if !follows || base < begins || header.next_offset() > end {
            return Some(format!("a batch of offsets {base} to {last} in the place of the one with {next}"));
        }
        let epoch = self.epochs.epoch_at(base).filter(|epoch| *epoch != header.partition_leader_epoch)?;
        Some(format!("the batch at {base} is of epoch {}, not {epoch}", header.partition_leader_epoch))
    }

    async fn take(
        &self,
        batch: &RecordBatch,
        taken: &mut Taken,
        output: &mut Output<'_>,
    ) -> Result<(), RepairFailure> {
        let base = batch.header().base_offset;
        let source = self.sources.iter().find(|source| base < source.view.end);
        let created = source.unwrap_or(self.wounded()).created;
        output.add(batch, created).await?;
        taken.next = batch.header().next_offset();
        Ok(())
    }
}
