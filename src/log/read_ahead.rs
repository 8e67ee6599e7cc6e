//! Where readers of segments are, and what lies behind: read before it is asked for.
//!
//! Whoever reads a segment leaves the place at which it stopped. Who goes on from there walks on at that place
//! without a look at the index, and is taken for a reader that goes through the log: from then on what follows is
//! read while the client takes what it was given. Every batch of it is checked when it is served, as if it had just
//! come from the disk; and it is for the next read alone: one that fails is as if there had been none.
//!
//! What was read ahead cannot be out of date: bytes of a segment that were handed to readers are never written again,
//! and a segment's id is never used again. It goes with its segment, when it is used, and when nobody comes for it.
//!
//! Invariants: bounded in places and in bytes; what does not fit is not read ahead, so that readers that are too many
//! do not push out what others are about to use. No task and no clock of its own.
use std::collections::BTreeMap;
use std::future::ready;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::journal::LogId;
use super::segment::SegmentId;
use crate::io::BoxFuture;
use crate::probe::{Condition, sometimes};
use crate::types::{Instant, Offset};

/// How many places are remembered at most.
const PLACES_MAX: usize = 4096;
/// How long a place is kept that nobody comes back to.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// A read that began before somebody wanted it.
pub(crate) type Reading = BoxFuture<io::Result<Bytes>>;

/// Where a reader stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) segment: SegmentId,
    /// Where the next batch begins.
    pub(crate) position: u64,
}

/// A place that somebody comes back to.
pub(crate) struct Resumed {
    pub(crate) place: Place,
    /// What lies there, if it was read ahead.
    pub(crate) reading: Option<Reading>,
}

struct Left {
    place: Place,
    reading: Option<Reading>,
    /// How much of the budget it takes.
    bytes: usize,
    /// When it was first found unused.
    unused_since: Option<Instant>,
}

/// The places of all readers of a node. The lock is held for look-ups only.
pub(crate) struct ReadAhead {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By the offset that the next read asks for.
    places: BTreeMap<(LogId, Offset), Left>,
    bytes: usize,
}

impl Inner {
    fn remove(&mut self, key: (LogId, Offset)) -> Option<Left> {
        let left = self.places.remove(&key)?;
        self.bytes -= left.bytes;
        Some(left)
    }
}

impl ReadAhead {
    /// Reads at most `bytes_max` bytes ahead, for all readers together. A read that is dropped while it is under way
    /// holds its memory a little longer.
    pub(crate) fn new(bytes_max: usize) -> ReadAhead {
        ReadAhead { bytes_max, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place that a read up to `offset` has left. It is the caller's now.
    pub(crate) fn resume(&self, log: LogId, offset: Offset) -> Option<Resumed> {
        let left = self.lock().remove((log, offset))?;
        Some(Resumed { place: left.place, reading: left.reading })
    }

    /// Remembers where a read stopped, for the one that goes on at `offset`.
    pub(crate) fn leave(&self, offset: Offset, place: Place) {
        self.put(offset, Left { place, reading: None, bytes: 0, unused_since: None });
    }

    /// The same, and begins to read `bytes` bytes there, if there is room for them.
    pub(crate) fn leave_reading(
        &self,
        offset: Offset,
        place: Place,
        bytes: usize,
        read: impl FnOnce() -> Reading,
    ) {
        // Taken before the read begins, so that two of them do not both find the last room.
        let has_room = {
            let mut inner = self.lock();
            let has_room = inner.bytes + bytes <= self.bytes_max;
            inner.bytes += if has_room { bytes } else { 0 };
            has_room
        };
        if !has_room {
            return self.leave(offset, place);
        }
        self.put(offset, Left { place, reading: Some(begin(read())), bytes, unused_since: None });
    }

    /// Remembers a place whose bytes are counted already.
    fn put(&self, offset: Offset, left: Left) {
        let key = (left.place.segment.log, offset);
        let mut inner = self.lock();
        // Two readers of a log that go side by side: one of them finds it.
        let before = inner.remove(key);
        let mut refused = None;
        if inner.places.len() < PLACES_MAX {
            inner.places.insert(key, left);
        } else {
            inner.bytes -= left.bytes;
            refused = Some(left);
        }
        drop(inner);
        // Memory is given back outside of the lock.
        drop((before, refused));
    }

    /// Forgets what was read of a segment that is being removed.
    pub(crate) fn forget(&self, segment: SegmentId) {
        let mut inner = self.lock();
        let of_log = (segment.log, Offset(i64::MIN))..=(segment.log, Offset(i64::MAX));
        let gone: Vec<(LogId, Offset)> = inner
            .places
            .range(of_log)
            .filter(|(_, left)| left.place.segment == segment)
            .map(|(&key, _)| key)
            .collect();
        let gone: Vec<Left> = gone.into_iter().filter_map(|key| inner.remove(key)).collect();
        drop(inner);
        if gone.iter().any(|left| left.reading.is_some()) {
            sometimes(Condition::ReadAheadOfRemovedSegment);
        }
    }

    /// Lets go of what nobody has come for in a while. To be called now and then.
    pub(crate) fn expire(&self, now: Instant) {
        let mut inner = self.lock();
        let mut gone = Vec::new();
        for (&key, left) in &mut inner.places {
            let since = *left.unused_since.get_or_insert(now);
            if now.since(since) >= KEPT_FOR {
                gone.push(key);
            }
        }
        let gone: Vec<Left> = gone.into_iter().filter_map(|key| inner.remove(key)).collect();
        drop(inner);
        if gone.iter().any(|left| left.reading.is_some()) {
            sometimes(Condition::ReadAheadUnused);
        }
    }

    /// How many bytes are held, or on their way.
    pub(crate) fn held_bytes(&self) -> usize {
        self.lock().bytes
    }
}

/// Lets an operation of the disk begin: it goes its way from its first poll on, whoever waits for it later.
fn begin(mut reading: Reading) -> Reading {
    match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Box::pin(ready(done)),
        Poll::Pending => reading,
    }
}
