use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::SECTOR_BYTES;
use super::state::PowerLoss;
use crate::rng::Stream;

/// A file's bytes: as the machine reads them, as they are on the medium, and the changes between the two.
#[derive(Clone, Debug, Default)]
pub(super) struct FileData {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// In the order in which they were made. Those at the front that are durable have been moved over.
    changes: VecDeque<Change>,
    next_change: u64,
    /// What of the changes is not durable, in bytes.
    dirty_bytes: usize,
    /// Sectors that cannot be read until they are written again.
    bad_sectors: BTreeSet<u64>,
    /// By how many sectors the next write misses its place.
    misdirect: Option<i64>,
    /// The file as it would be if nothing had been done to it, once something has.
    ideal: Option<Box<FileData>>,
}

/// What faults have made of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// What a reader should find, and what it finds.
    pub ideal: Vec<u8>,
    pub live: Vec<u8>,
    /// The places that differ or cannot be read, in order, apart from each other.
    pub ranges: Vec<std::ops::Range<u64>>,
    /// Those of them that cannot be read.
    pub unreadable: Vec<std::ops::Range<u64>>,
}

#[derive(Clone, Debug)]
struct Change {
    number: u64,
    durable: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Write { offset: u64, bytes: Bytes },
    SetLen(u64),
}

/// The names of the changes made up to a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(u64);

/// The number of one change.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeId(u64);

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("a simulated file fits memory")
}

fn put(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = index(offset);
    if bytes.is_empty() {
        return;
    }
    if content.len() < start + bytes.len() {
        content.resize(start + bytes.len(), 0);
    }
    content[start..start + bytes.len()].copy_from_slice(bytes);
}

fn sectors(offset: u64, length: usize) -> std::ops::Range<u64> {
    let sector = SECTOR_BYTES as u64;
    offset / sector..(offset + length as u64).div_ceil(sector)
}

impl Change {
    /// Marks it; gives back the bytes that were dirty until now.
    fn make_durable(&mut self) -> usize {
        if std::mem::replace(&mut self.durable, true) { 0 } else { self.what.bytes() }
    }
}

impl What {
    fn bytes(&self) -> usize {
        match self {
            What::Write { bytes, .. } => bytes.len(),
            What::SetLen(_) => 0,
        }
    }

    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            What::Write { offset, bytes } => put(content, *offset, bytes),
            What::SetLen(length) => content.resize(index(*length), 0),
        }
    }

    /// Applies what a loss of power lets through.
    fn apply_partly(&self, content: &mut Vec<u8>, loss: &PowerLoss, rng: &mut Stream) {
        match self {
            What::SetLen(length) => {
                if rng.chance(loss.kept_per_mille) {
                    content.resize(index(*length), 0);
                }
            }
            What::Write { offset, bytes } => {
                let end = offset + bytes.len() as u64;
                for sector in sectors(*offset, bytes.len()) {
                    if !rng.chance(loss.kept_per_mille) {
                        continue;
                    }
                    let from = (sector * SECTOR_BYTES as u64).max(*offset);
                    let to = ((sector + 1) * SECTOR_BYTES as u64).min(end);
                    put(content, from, &bytes[index(from - offset)..index(to - offset)]);
                }
                // The new length may be on the medium before the bytes are. (Drawn in any case, so that a file and
                // its ideal draw alike.) A write of nothing has none.
                if rng.chance(loss.kept_per_mille / 4) && !bytes.is_empty() && index(end) > content.len() {
                    content.resize(index(end), 0);
                }
            }
        }
    }
}

impl FileData {
    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    /// Reads at most `length` bytes; `None` if one of their sectors is bad.
    pub(super) fn read(&self, offset: u64, length: usize) -> Option<Bytes> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.live.len());
        let end = start.saturating_add(length).min(self.live.len());
        let touched = sectors(start as u64, end - start);
        if end > start && self.bad_sectors.range(touched).next().is_some() {
            return None;
        }
        Some(Bytes::copy_from_slice(&self.live[start..end]))
    }

    /// Where the file would end after such a write.
    pub(super) fn len_after(&self, offset: u64, bytes: usize) -> u64 {
        if bytes == 0 { self.len() } else { self.len().max(offset.saturating_add(bytes as u64)) }
    }

    pub(super) fn write(&mut self, offset: u64, bytes: Bytes) -> ChangeId {
        if let Some(ideal) = &mut self.ideal {
            ideal.write(offset, bytes.clone());
        }
        let offset = self.place(offset);
        self.misdirect = None;
        for sector in sectors(offset, bytes.len()) {
            self.bad_sectors.remove(&sector);
        }
        self.change(What::Write { offset, bytes })
    }

    /// Where a write goes that is meant for `offset`.
    fn place(&self, offset: u64) -> u64 {
        let missed = self.misdirect.unwrap_or(0).saturating_mul(SECTOR_BYTES as i64);
        offset.checked_add_signed(missed).unwrap_or(offset)
    }

    /// Whether a write there would go elsewhere.
    pub(super) fn misses(&self, offset: u64) -> bool {
        self.place(offset) != offset
    }

    pub(super) fn set_len(&mut self, length: u64) {
        if let Some(ideal) = &mut self.ideal {
            ideal.set_len(length);
        }
        self.bad_sectors.retain(|sector| sector * (SECTOR_BYTES as u64) < length);
        self.change(What::SetLen(length));
    }

    fn change(&mut self, what: What) -> ChangeId {
        what.apply(&mut self.live);
        let number = self.next_change;
        self.next_change += 1;
        self.dirty_bytes += what.bytes();
        self.changes.push_back(Change { number, durable: false, what });
        ChangeId(number)
    }

    /// Everything changed so far.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.next_change)
    }

    /// What a sync that began at `mark` has made durable.
    pub(super) fn synced(&mut self, mark: Mark) {
        if let Some(ideal) = &mut self.ideal {
            ideal.synced(mark);
        }
        for change in self.changes.iter_mut().take_while(|change| change.number < mark.0) {
            self.dirty_bytes -= change.make_durable();
        }
        self.settle();
    }

    /// What a durable write has made durable: itself alone, not what was written before.
    pub(super) fn written_durably(&mut self, id: ChangeId) {
        if let Some(ideal) = &mut self.ideal {
            ideal.written_durably(id);
        }
        // It may have been dropped by a failed sync in the meantime.
        if let Some(change) = self.changes.iter_mut().find(|change| change.number == id.0) {
            self.dirty_bytes -= change.make_durable();
        }
        self.settle();
    }

    /// Moves over the durable changes, as far as no other stands before them.
    fn settle(&mut self) {
        while self.changes.front().is_some_and(|change| change.durable) {
            if let Some(change) = self.changes.pop_front() {
                change.what.apply(&mut self.durable);
            }
        }
    }

    /// The bytes that only the page cache holds.
    pub(super) fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    /// The system writes back on its own accord, oldest first, until at most `bytes` are dirty.
    pub(super) fn write_back(&mut self, bytes: usize) {
        if let Some(ideal) = &mut self.ideal {
            ideal.write_back(bytes);
        }
        for change in &mut self.changes {
            if self.dirty_bytes <= bytes {
                break;
            }
            self.dirty_bytes -= change.make_durable();
        }
        self.settle();
    }

    /// A sync failed: some of what was dirty may have reached the medium, all of it counts as clean from now
    /// on, and the page cache either still shows it or (if `evicted`) what is on the medium.
    pub(super) fn sync_failed(&mut self, loss: &PowerLoss, evicted: bool, rng: &mut Stream) {
        self.lose_changes(loss, rng);
        if evicted {
            self.show_medium();
        }
    }

    fn show_medium(&mut self) {
        self.live.clone_from(&self.durable);
        if let Some(ideal) = &mut self.ideal {
            ideal.show_medium();
        }
    }

    fn lose_changes(&mut self, loss: &PowerLoss, rng: &mut Stream) {
        if let Some(ideal) = &mut self.ideal {
            // The same sectors of the same changes.
            ideal.lose_changes(loss, &mut rng.clone());
        }
        self.dirty_bytes = 0;
        for change in std::mem::take(&mut self.changes) {
            if change.durable {
                change.what.apply(&mut self.durable);
            } else {
                change.what.apply_partly(&mut self.durable, loss, rng);
            }
        }
    }

    /// The power goes: only the medium is left.
    pub(super) fn power_fail(&mut self, loss: &PowerLoss, rng: &mut Stream) {
        if self.changes.is_empty() && self.live == self.durable {
            return;
        }
        self.lose_changes(loss, rng);
        self.show_medium();
    }

    /// From now on the file as it should be is kept beside the file as it is.
    fn keep_ideal(&mut self) {
        if self.ideal.is_none() {
            self.ideal = Some(Box::new(FileData { bad_sectors: BTreeSet::new(), ..self.clone() }));
        }
    }

    /// What faults have made of the file; `None` if it is as it should be.
    pub(super) fn damage(&mut self) -> Option<Damage> {
        let ideal = self.ideal.as_ref()?;
        let mut ranges = differences(&ideal.live, &self.live);
        let bad = self.bad_sectors.iter().map(|sector| {
            let from = sector * SECTOR_BYTES as u64;
            from..(from + SECTOR_BYTES as u64).min(self.len().max(from))
        });
        let unreadable: Vec<_> = bad.filter(|range| !range.is_empty()).collect();
        ranges.extend(unreadable.iter().cloned());
        if ranges.is_empty() {
            if self.misdirect.is_none() && ideal.durable == self.durable && ideal.changes.is_empty() {
                self.ideal = None;
            }
            return None;
        }
        Some(Damage {
            ideal: ideal.live.clone(),
            live: self.live.clone(),
            ranges: joined(ranges),
            unreadable,
        })
    }

    /// Makes the file what it should be. False if it is.
    pub(super) fn repair(&mut self) -> bool {
        match self.ideal.take() {
            Some(ideal) => *self = *ideal,
            None => return false,
        }
        true
    }

    pub(super) fn add_bad_sector(&mut self, sector: u64) {
        self.keep_ideal();
        self.bad_sectors.insert(sector);
    }

    /// Flips a bit of what is read and of what is on the medium; false if the file has none there.
    pub(super) fn flip_bit(&mut self, bit: u64) -> bool {
        let byte = index(bit / 8);
        if byte >= self.live.len() {
            return false;
        }
        self.keep_ideal();
        self.live[byte] ^= 1 << (bit % 8);
        if let Some(durable) = self.durable.get_mut(byte) {
            *durable ^= 1 << (bit % 8);
        }
        true
    }

    pub(super) fn misdirect_next_write(&mut self, by_sectors: i64) {
        self.keep_ideal();
        self.misdirect = Some(by_sectors);
    }

    /// A misdirection that has not happened does not happen any more.
    pub(super) fn aim(&mut self) {
        self.misdirect = None;
    }

    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    /// What would be read if the power went now and every unsynced change were lost.
    pub(super) fn surely_durable(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in self.changes.iter().filter(|change| change.durable) {
            change.what.apply(&mut content);
        }
        content
    }
}

/// Where two contents differ; where only one of them reaches, they do.
fn differences(one: &[u8], other: &[u8]) -> Vec<std::ops::Range<u64>> {
    let mut ranges: Vec<std::ops::Range<u64>> = Vec::new();
    let common = one.len().min(other.len()) as u64;
    for (at, (a, b)) in (0..).zip(one.iter().zip(other)) {
        if a == b {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.end == at => last.end = at + 1,
            Some(_) | None => ranges.push(at..at + 1),
        }
    }
    let longest = one.len().max(other.len()) as u64;
    if longest > common {
        ranges.push(common..longest);
    }
    ranges
}

fn joined(mut ranges: Vec<std::ops::Range<u64>>) -> Vec<std::ops::Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<std::ops::Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            Some(_) | None => joined.push(range),
        }
    }
    joined
}
