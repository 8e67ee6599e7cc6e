use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use hashbrown::HashTable;

use crate::types::Offset;

/// What an entry counts beside its key, in bytes: its slot, at the lowest load a growing table has.
const ENTRY_BYTES: usize = 40;

/// The latest offset of each key in a stretch of the log. Keys are held whole, so two keys are never taken
/// for one; the memory for keys and entries is bounded.
pub struct OffsetMap {
    table: HashTable<Entry>,
    keys: Vec<u8>,
    seed: u64,
    bytes_max: usize,
    end_offset: Offset,
}

#[derive(Clone, Copy)]
struct Entry {
    key_start: u32,
    key_bytes: u32,
    offset: Offset,
}

/// The map has no room for one more key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the map of keys is full: {entries} keys in {bytes_max} bytes")]
pub struct MapFull {
    pub entries: usize,
    pub bytes_max: usize,
}

impl OffsetMap {
    /// An empty map. Keys and entries take at most `bytes_max` bytes, and while the map grows up to twice
    /// that; `seed` is random, so that no producer can choose keys that collide.
    ///
    /// # Panics
    /// If the bound passes 4 GiB.
    #[must_use]
    pub fn new(bytes_max: usize, seed: u64) -> OffsetMap {
        assert!(u32::try_from(bytes_max).is_ok(), "keys lie at 32-bit positions, {bytes_max} is beyond them");
        OffsetMap { table: HashTable::new(), keys: Vec::new(), seed, bytes_max, end_offset: Offset::ZERO }
    }

    /// Notes that `key` has a record at `offset`; the greatest counts.
    ///
    /// # Errors
    /// [`MapFull`] for a new key beyond the bound; the map stays as it was.
    pub fn note(&mut self, key: &[u8], offset: Offset) -> Result<(), MapFull> {
        let hash = hash(self.seed, key);
        let keys = &self.keys;
        if let Some(entry) = self.table.find_mut(hash, |entry| entry.key(keys) == key) {
            entry.offset = entry.offset.max(offset);
            return Ok(());
        }
        let entries = self.table.len();
        if self.bytes() + ENTRY_BYTES + key.len() > self.bytes_max {
            return Err(MapFull { entries, bytes_max: self.bytes_max });
        }
        let position = |at: usize| u32::try_from(at).expect("within the bound, which fits 32 bits");
        let entry = Entry { key_start: position(self.keys.len()), key_bytes: position(key.len()), offset };
        self.keys.extend_from_slice(key);
        let (keys, seed) = (&self.keys, self.seed);
        self.table.insert_unique(hash, entry, |entry| self::hash(seed, entry.key(keys)));
        Ok(())
    }

    /// The latest offset noted for `key`.
    #[must_use]
    pub fn latest(&self, key: &[u8]) -> Option<Offset> {
        let found = self.table.find(hash(self.seed, key), |entry| entry.key(&self.keys) == key);
        found.map(|entry| entry.offset)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What keys and entries take, in bytes, as the bound counts them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.keys.len() + self.table.len() * ENTRY_BYTES
    }

    /// The offset before which the map knows every record's key from where it was begun; records from it on
    /// are not judged.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// Says that every record before `end_offset` has been noted: after a batch, or over a gap to the next.
    pub fn covers(&mut self, end_offset: Offset) {
        self.end_offset = self.end_offset.max(end_offset);
    }
}

impl Entry {
    fn key(self, keys: &[u8]) -> &[u8] {
        let start = self.key_start as usize;
        &keys[start..start + self.key_bytes as usize]
    }
}

/// SipHash under a secret seed.
fn hash(seed: u64, key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher.write(key);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_offset_counts_and_the_bound_holds() {
        let mut map = OffsetMap::new(2 * (ENTRY_BYTES + 3), 7);
        assert_eq!(map.note(b"one", Offset(5)), Ok(()));
        assert_eq!(map.note(b"two", Offset(6)), Ok(()));
        assert_eq!(map.note(b"six", Offset(7)), Err(MapFull { entries: 2, bytes_max: map.bytes_max }));
        assert_eq!(map.note(b"one", Offset(9)), Ok(()), "a known key takes no room");
        assert_eq!(map.note(b"one", Offset(8)), Ok(()));
        assert_eq!((map.latest(b"one"), map.latest(b"two")), (Some(Offset(9)), Some(Offset(6))));
        assert_eq!(map.latest(b"six"), None);
        assert_eq!(map.bytes(), map.bytes_max);
    }

    #[test]
    fn many_keys_are_told_apart() {
        let mut map = OffsetMap::new(1 << 20, 1);
        for i in 0..10_000i64 {
            map.note(&i.to_le_bytes(), Offset(i)).expect("room for 10,000 keys of 8 bytes");
        }
        assert_eq!(map.len(), 10_000);
        assert!((0..10_000i64).all(|i| map.latest(&i.to_le_bytes()) == Some(Offset(i))));
        assert_eq!(map.note(b"", Offset(3)), Ok(()), "the empty key is a key");
        assert_eq!(map.latest(b""), Some(Offset(3)));
    }
}
