//! A map from offsets, for offsets that lie close together and are asked for often.
use ordain::types::Offset;

/// So many offsets share a page.
const PAGE: i64 = 256;

/// Values by offset, in pages of 256 neighbours. The page that was written last is found at once.
#[derive(Clone, Debug)]
pub(in crate::scenarios) struct OffsetMap<T> {
    /// In the order of their numbers.
    pages: Vec<Page<T>>,
    /// The place of the page that was written last.
    last: usize,
}

#[derive(Clone, Debug)]
struct Page<T> {
    number: i64,
    slots: Vec<Option<T>>,
}

impl<T> Default for OffsetMap<T> {
    fn default() -> OffsetMap<T> {
        OffsetMap { pages: Vec::new(), last: 0 }
    }
}

impl<T> OffsetMap<T> {
    /// Where a page is, or would be.
    fn find(&self, number: i64) -> Result<usize, usize> {
        match self.pages.get(self.last) {
            Some(page) if page.number == number => Ok(self.last),
            Some(_) | None => self.pages.binary_search_by_key(&number, |page| page.number),
        }
    }

    /// Puts a value; gives the one that was there.
    pub(in crate::scenarios) fn insert(&mut self, offset: Offset, value: T) -> Option<T> {
        let (number, place) = place(offset);
        self.last = match self.find(number) {
            Ok(found) => found,
            Err(between) => {
                let mut slots = Vec::new();
                slots.resize_with(place_of(PAGE), || None);
                self.pages.insert(between, Page { number, slots });
                between
            }
        };
        self.pages[self.last].slots[place].replace(value)
    }

    pub(in crate::scenarios) fn get(&self, offset: &Offset) -> Option<&T> {
        let (number, place) = place(*offset);
        let found = self.find(number).ok()?;
        self.pages[found].slots[place].as_ref()
    }

    pub(in crate::scenarios) fn contains_key(&self, offset: &Offset) -> bool {
        self.get(offset).is_some()
    }

    /// By offset, upwards.
    pub(in crate::scenarios) fn iter(&self) -> impl DoubleEndedIterator<Item = (Offset, &T)> {
        self.pages.iter().flat_map(|Page { number, slots }| {
            let offset = move |place: usize| Offset(number * PAGE + i64::try_from(place).unwrap_or(0));
            let slots = slots.iter().enumerate();
            slots.filter_map(move |(place, slot)| Some((offset(place), slot.as_ref()?)))
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
