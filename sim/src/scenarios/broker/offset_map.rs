//! A map from offsets, for offsets that lie close together and are asked for often.
use std::collections::BTreeMap;

use ordain::types::Offset;

/// So many offsets share a page.
const PAGE: i64 = 256;

/// Values by offset, in pages: one step of a search tree leads to 256 neighbours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct OffsetMap<T> {
    pages: BTreeMap<i64, Vec<Option<T>>>,
}

impl<T> Default for OffsetMap<T> {
    fn default() -> OffsetMap<T> {
        OffsetMap { pages: BTreeMap::new() }
    }
}

impl<T> OffsetMap<T> {
    /// Puts a value; gives the one that was there.
    pub(in crate::scenarios) fn insert(&mut self, offset: Offset, value: T) -> Option<T> {
        let (page, place) = place(offset);
        let page = self.pages.entry(page).or_insert_with(|| {
            let mut slots = Vec::new();
            slots.resize_with(place_of(PAGE), || None);
            slots
        });
        page[place].replace(value)
    }

    pub(in crate::scenarios) fn get(&self, offset: &Offset) -> Option<&T> {
        let (page, place) = place(*offset);
        self.pages.get(&page)?[place].as_ref()
    }

    pub(in crate::scenarios) fn contains_key(&self, offset: &Offset) -> bool {
        self.get(offset).is_some()
    }

    /// By offset, upwards.
    pub(in crate::scenarios) fn iter(&self) -> impl DoubleEndedIterator<Item = (Offset, &T)> {
        self.pages.iter().flat_map(|(page, slots)| {
            let offsets = (page * PAGE..=page * PAGE + (PAGE - 1)).map(Offset);
            let slots: Vec<_> =
                offsets.zip(slots).filter_map(|(at, slot)| Some((at, slot.as_ref()?))).collect();
            slots
        })
    }

    pub(in crate::scenarios) fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }
}

/// The page of an offset, and its place there.
fn place(offset: Offset) -> (i64, usize) {
    (offset.0.div_euclid(PAGE), place_of(offset.0.rem_euclid(PAGE)))
}

fn place_of(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_by_offset() {
        let mut map = OffsetMap::default();
        let offsets = [0, 255, 256, 7, i64::MAX, -1, 1 << 40];
        for offset in offsets {
            assert_eq!(map.insert(Offset(offset), offset), None);
        }
        assert_eq!(map.insert(Offset(7), 8), Some(7));
        assert_eq!(map.get(&Offset(7)), Some(&8));
        assert!(map.contains_key(&Offset(-1)) && !map.contains_key(&Offset(1)));
        let all: Vec<i64> = map.iter().map(|(offset, _)| offset.0).collect();
        assert_eq!(all, [-1, 0, 7, 255, 256, 1 << 40, i64::MAX]);
        assert_eq!(map.values().next_back(), Some(&i64::MAX));
    }
}
