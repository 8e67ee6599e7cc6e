//! Writes the blocks of batches that are written once, side by side, before their entries go to the journal.
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::entry::LogKey;
use super::handle::{JournalFailed, Shared};
use super::placed::{PlacedBatch, parts};
use crate::io::{Access, AlignedBuffer, Disk, Durability, OpenOptions, Spawn};
use crate::log::segment::{FileKind, file_path};
use crate::log::shortage::is_full;
use crate::probe::{Condition, sometimes};

/// How many are written side by side: one fills the disk, the others fill the time between two of its writes.
const SIDE_BY_SIDE: usize = 4;
/// What one write holds at most, in bytes: a batch of the default `max.message.bytes` is one.
const WRITE_BYTES_MAX: usize = 2 << 20;

pub(super) struct Placer {
    disk: Arc<dyn Disk>,
    spawn: Arc<dyn Spawn>,
    permits: Semaphore,
    /// Used again and again: the first touch of fresh memory is slower than the disk.
    buffers: Mutex<Vec<AlignedBuffer>>,
}

/// However its task ends, the batch has an outcome.
struct Told {
    placed: PlacedBatch,
    shared: Arc<Shared>,
    is_written: bool,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.placed.ended(self.is_written);
        self.shared.placed.notify_one();
    }
}

impl Placer {
    pub(super) fn new(disk: Arc<dyn Disk>, spawn: Arc<dyn Spawn>) -> Placer {
        Placer { disk, spawn, permits: Semaphore::new(SIDE_BY_SIDE), buffers: Mutex::default() }
    }

    /// Begins to write a batch's blocks. The journal's task is told when they are durable, or can no longer become so.
    pub(super) fn begin(self: &Arc<Self>, log: LogKey, placed: PlacedBatch, shared: Arc<Shared>) {
        let placer = Arc::clone(self);
        let task = async move {
            let mut told = Told { placed, shared, is_written: false };
            // The semaphore is never closed.
            let Ok(_permit) = placer.permits.acquire().await else { return };
            let place = told.placed.place();
            let path = file_path(log.partition, place.segment, place.cleaning, FileKind::Log);
            match placer.write(&path, &told.placed).await {
                Ok(()) => told.is_written = true,
                // What the device has lost by that is not known: a sync of whoever wrote beside it may not tell.
                Err((Some(offset), error)) if !is_full(&error) => {
                    told.shared.poison(JournalFailed::Write {
                        file: path,
                        offset,
                        reason: error.to_string(),
                    });
                }
                // No room, or no file: the log may have been deleted or reset meanwhile.
                Err((_, error)) => {
                    sometimes(Condition::PlacedWriteFailed);
                    tracing::debug!(%path, %error, "a large batch goes to the journal as a whole");
                }
            }
        };
        drop(self.spawn.spawn("large-batch", Box::pin(task)));
    }

    /// With an error, at which place of the file it came: none if that could not be opened.
    async fn write(&self, path: &str, placed: &PlacedBatch) -> Result<(), (Option<u64>, io::Error)> {
        let batch = placed.batch().expect("a batch is placed before its entry is written");
        let options = OpenOptions { write: true, access: Access::Direct, ..OpenOptions::default() };
        let blocks = placed.blocks();
        let file = self.disk.open(path, options).await.map_err(|error| (None, error))?;
        let mut at = blocks.start;
        while at < blocks.end {
            let length =
                usize::try_from(blocks.end - at).map_or(WRITE_BYTES_MAX, |rest| rest.min(WRITE_BYTES_MAX));
            let mut buffer = self.buffer(length);
            let from = usize::try_from(at - placed.place().position).expect("less than a batch");
            let mut filled = 0;
            for piece in parts(batch, from..from + length) {
                buffer[filled..filled + piece.len()].copy_from_slice(&piece);
                filled += piece.len();
            }
            assert_eq!(filled, length, "blocks lie within their batch");
            let (result, buffer) = file.write_aligned_at(at, buffer, length, Durability::Now).await;
            self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
            result.map_err(|error| (Some(at), error))?;
            at += length as u64;
        }
        Ok(())
    }

    fn buffer(&self, length: usize) -> AlignedBuffer {
        let kept = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.filter(|buffer| buffer.len() >= length).unwrap_or_else(|| AlignedBuffer::zeroed(length))
    }
}
