use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::journal::LogId;
use super::names::Names;
use super::read_ahead::{ReadAhead, Reading};
use super::segment::{FileKind, Segment, SegmentId};
use crate::io::{Disk, File, OpenOptions};
use crate::types::Instant;

/// Segments with bad indexes, and those that cannot be read, that are remembered; more are found again when they are read.
const SUSPECTS_MAX: usize = 1024;

type Key = (SegmentId, FileKind);

/// What readers may hold of all segments.
#[derive(Clone, Copy, Debug)]
pub struct CacheBounds {
    /// Open files.
    pub files_max: usize,
    /// Bytes of indexes.
    pub index_bytes_max: usize,
    /// Bytes that were read before they are asked for.
    pub ahead_bytes_max: usize,
}

/// The segment files that readers have open, and the indexes they have read: both bounded, the least
/// recently used goes first; and what was read ahead of them. Shared by all readers of a node, and by all who make such files; the
/// lock is held for look-ups only.
pub struct FileCache {
    disk: Arc<dyn Disk>,
    files_max: usize,
    index_bytes_max: usize,
    inner: Mutex<Inner>,
    ahead: ReadAhead,
    names: Names,
}

#[derive(Default)]
struct Inner {
    files: Recent<Arc<dyn File>>,
    indexes: Recent<Bytes>,
    index_bytes: usize,
    /// Segments whose indexes are to be made again.
    suspects: BTreeSet<SegmentId>,
    /// Segments of which a reader could not read something.
    wounded: BTreeSet<SegmentId>,
}

/// A map that knows the order of use.
struct Recent<T> {
    entries: BTreeMap<Key, (u64, T)>,
    order: BTreeMap<u64, Key>,
    clock: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent { entries: BTreeMap::new(), order: BTreeMap::new(), clock: 0 }
    }
}

impl<T: Clone> Recent<T> {
    fn get(&mut self, key: Key) -> Option<T> {
        let (used, value) = self.entries.get_mut(&key)?;
        self.order.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.order.insert(self.clock, key);
        Some(value.clone())
    }

    /// Gives back what stood there before.
    fn put(&mut self, key: Key, value: T) -> Option<T> {
        let before = self.remove(key);
        self.clock += 1;
        self.entries.insert(key, (self.clock, value));
        self.order.insert(self.clock, key);
        before
    }

    fn remove(&mut self, key: Key) -> Option<T> {
        let (used, value) = self.entries.remove(&key)?;
        self.order.remove(&used);
        Some(value)
    }

    fn pop_oldest(&mut self) -> Option<T> {
        let (_, key) = self.order.pop_first()?;
        self.entries.remove(&key).map(|(_, value)| value)
    }
}

impl FileCache {
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, bounds: CacheBounds) -> Arc<FileCache> {
        let CacheBounds { files_max, index_bytes_max, ahead_bytes_max } = bounds;
        let ahead = ReadAhead::new(ahead_bytes_max);
        let (inner, names) = (Mutex::default(), Names::default());
        Arc::new(FileCache { disk, files_max, index_bytes_max, inner, ahead, names })
    }

    /// What makes the names of such files durable.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file, from the cache if it is there.
    pub(crate) async fn file(&self, segment: &Segment, kind: FileKind) -> io::Result<Arc<dyn File>> {
        let key = (segment.id, kind);
        if let Some(file) = self.lock().files.get(key) {
            return Ok(file);
        }
        let file = self.disk.open(&segment.path(kind), OpenOptions::default()).await?;
        let mut evicted = Vec::new();
        {
            let mut inner = self.lock();
            if !segment.is_removed() {
                evicted.extend(inner.files.put(key, Arc::clone(&file)));
                while inner.files.entries.len() > self.files_max {
                    evicted.extend(inner.files.pop_oldest());
                }
            }
        }
        // Files are closed outside the lock.
        drop(evicted);
        Ok(file)
    }

    /// The first `bytes` of an index, from the cache if it reaches that far. Fewer if the file is shorter.
    pub(crate) async fn index(&self, segment: &Segment, kind: FileKind, bytes: u64) -> io::Result<Bytes> {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let key = (segment.id, kind);
        if let Some(rows) = self.lock().indexes.get(key)
            && rows.len() >= wanted
        {
            return Ok(rows.slice(..wanted));
        }
        // Read and forgotten at once: indexes are kept as bytes, not as open files.
        let file = self.disk.open(&segment.path(kind), OpenOptions::default()).await?;
        let rows = file.read_at(0, wanted).await?;
        let mut inner = self.lock();
        if !segment.is_removed() {
            inner.index_bytes += rows.len();
            if let Some(before) = inner.indexes.put(key, rows.clone()) {
                inner.index_bytes -= before.len();
            }
            while inner.index_bytes > self.index_bytes_max
                && let Some(oldest) = inner.indexes.pop_oldest()
            {
                inner.index_bytes -= oldest.len();
            }
        }
        Ok(rows)
    }

    /// Where readers stopped, and what was read behind.
    pub(crate) fn ahead(&self) -> &ReadAhead {
        &self.ahead
    }

    /// Begins to read a segment's log, for [`ReadAhead::leave_reading`].
    pub(crate) fn read_ahead(&self, segment: &Segment, position: u64, bytes: usize) -> Reading {
        let open = self.lock().files.get((segment.id, FileKind::Log));
        match open {
            Some(file) => file.read_at(position, bytes),
            None => {
                let opening = self.disk.open(&segment.path(FileKind::Log), OpenOptions::default());
                Box::pin(async move { opening.await?.read_at(position, bytes).await })
            }
        }
    }

    /// Lets go of what was read ahead and nobody has come for in a while. To be called now and then.
    pub fn expire_read_ahead(&self, now: Instant) {
        self.ahead.expire(now);
    }

    /// How many bytes were read ahead and wait for their reader.
    #[must_use]
    pub fn read_ahead_bytes(&self) -> usize {
        self.ahead.held_bytes()
    }

    /// Forgets a segment whose files are being removed.
    pub(crate) fn forget(&self, segment: &Segment) {
        segment.mark_removed();
        self.ahead.forget(segment.id);
        let mut dropped = Vec::new();
        let mut inner = self.lock();
        for kind in FileKind::ALL {
            dropped.extend(inner.files.remove((segment.id, kind)));
            if let Some(rows) = inner.indexes.remove((segment.id, kind)) {
                inner.index_bytes -= rows.len();
            }
        }
        inner.suspects.remove(&segment.id);
        inner.wounded.remove(&segment.id);
        drop(inner);
        drop(dropped);
    }

    /// Forgets the indexes of a segment: others have taken their place.
    pub(crate) fn forget_indexes(&self, segment: &Segment) {
        let mut inner = self.lock();
        for kind in [FileKind::OffsetIndex, FileKind::TimeIndex] {
            if let Some(rows) = inner.indexes.remove((segment.id, kind)) {
                inner.index_bytes -= rows.len();
            }
        }
    }

    /// An index of the segment is short, missing or leads astray.
    pub(crate) fn suspect(&self, segment: &Segment) {
        let mut inner = self.lock();
        if inner.suspects.len() < SUSPECTS_MAX && !segment.is_removed() {
            inner.suspects.insert(segment.id);
        }
    }

    /// A segment of the log whose indexes are to be made again.
    pub(crate) fn take_suspect(&self, log: LogId) -> Option<SegmentId> {
        take_of(&mut self.lock().suspects, log)
    }

    /// Something of the segment cannot be read.
    pub(crate) fn wound(&self, segment: &Segment) {
        let mut inner = self.lock();
        if inner.wounded.len() < SUSPECTS_MAX && !segment.is_removed() {
            inner.wounded.insert(segment.id);
        }
    }

    /// A segment of the log of which something could not be read.
    pub(crate) fn take_wounded(&self, log: LogId) -> Option<SegmentId> {
        take_of(&mut self.lock().wounded, log)
    }

    pub(crate) fn is_wounded(&self, log: LogId) -> bool {
        self.lock().wounded.range(segments_of(log)).next().is_some()
    }

    /// Whether something of any log could not be read.
    #[must_use]
    pub fn has_wounds(&self) -> bool {
        !self.lock().wounded.is_empty()
    }

    /// Whether indexes of any log are to be made again.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        !self.lock().suspects.is_empty()
    }

    /// How many files are open in the cache.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.lock().files.entries.len()
    }
}

fn segments_of(log: LogId) -> RangeInclusive<SegmentId> {
    SegmentId { log, number: 0 }..=SegmentId { log, number: u64::MAX }
}

fn take_of(segments: &mut BTreeSet<SegmentId>, log: LogId) -> Option<SegmentId> {
    let id = *segments.range(segments_of(log)).next()?;
    segments.remove(&id);
    Some(id)
}
