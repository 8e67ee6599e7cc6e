//! Rows of the two sparse indexes, in Kafka's layout, and the search in them.
use bytes::Buf;

use crate::probe::{Mutant, mutant};
use crate::types::{Offset, Timestamp};

pub(crate) const OFFSET_ROW_BYTES: usize = 8;
pub(crate) const TIME_ROW_BYTES: usize = 12;

pub(crate) fn offset_row(relative: u32, position: u32) -> [u8; OFFSET_ROW_BYTES] {
    let mut row = [0; OFFSET_ROW_BYTES];
    row[..4].copy_from_slice(&relative.to_be_bytes());
    row[4..].copy_from_slice(&position.to_be_bytes());
    row
}

pub(crate) fn time_row(timestamp: Timestamp, relative: u32) -> [u8; TIME_ROW_BYTES] {
    let mut row = [0; TIME_ROW_BYTES];
    row[..8].copy_from_slice(&timestamp.0.to_be_bytes());
    row[8..].copy_from_slice(&relative.to_be_bytes());
    row
}

/// A row of the offset index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OffsetRow {
    /// The last offset of the batch at `position`.
    pub(crate) last_offset: Offset,
    pub(crate) position: u64,
}

/// Where to start walking for `offset`: the last row that is not above it, if there is one.
pub(crate) fn row_for_offset(rows: &[u8], base: Offset, offset: Offset) -> Option<OffsetRow> {
    let relative = |mut row: &[u8]| i64::from(row.get_u32());
    let before = rows_before(rows, OFFSET_ROW_BYTES, |row| relative(row) <= offset.since(base));
    let mut row = nth_row(rows, OFFSET_ROW_BYTES, before.checked_sub(1)?)?;
    let last_offset = Offset(base.0.saturating_add(i64::from(row.get_u32())));
    Some(OffsetRow { last_offset, position: u64::from(row.get_u32()) })
}

/// An entry of a time index: no record before the batch that ends at `last_offset` is newer than that batch's newest one,
/// which is of `timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimeRow {
    pub(crate) timestamp: Timestamp,
    pub(crate) last_offset: Offset,
}

/// Before which batch's end no record can have `timestamp` or a later one: the last row whose timestamp is below it, if there
/// is one.
pub(crate) fn row_for_timestamp(rows: &[u8], base: Offset, timestamp: Timestamp) -> Option<TimeRow> {
    let before = rows_before(rows, TIME_ROW_BYTES, |mut row| row.get_i64() < timestamp.0);
    let last = if mutant(Mutant::TimeIndexOffByOne) { Some(before) } else { before.checked_sub(1) };
    let mut row = nth_row(rows, TIME_ROW_BYTES, last?)?;
    let timestamp = Timestamp(row.get_i64());
    Some(TimeRow { timestamp, last_offset: Offset(base.0.saturating_add(i64::from(row.get_u32()))) })
}

/// For how many rows `is_before` holds, given that it holds for the first rows alone.
fn rows_before(rows: &[u8], size: usize, is_before: impl Fn(&[u8]) -> bool) -> usize {
    let (mut low, mut high) = (0, rows.len() / size);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(&rows[middle * size..]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn nth_row(rows: &[u8], size: usize, nth: usize) -> Option<&[u8]> {
    rows.get(nth * size..(nth + 1) * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_not_above_is_found() {
        let rows: Vec<u8> =
            [(4, 100), (9, 200), (20, 300)].iter().flat_map(|&(r, p)| offset_row(r, p)).collect();
        let find = |offset: i64| {
            row_for_offset(&rows, Offset(1000), Offset(1000 + offset)).map_or(0, |row| row.position)
        };
        assert_eq!([find(0), find(3), find(4), find(8), find(9), find(500)], [0, 0, 100, 100, 200, 300]);
        assert_eq!(row_for_offset(&[], Offset(0), Offset(5)), None);
    }

    #[test]
    fn a_search_by_time_starts_below_it() {
        let rows: Vec<u8> = [(50, 4), (70, 9)].iter().flat_map(|&(t, r)| time_row(Timestamp(t), r)).collect();
        let find =
            |time| row_for_timestamp(&rows, Offset(1000), Timestamp(time)).map(|row| row.last_offset.0);
        assert_eq!([find(50), find(51), find(70), find(71)], [None, Some(1004), Some(1004), Some(1009)]);
    }
}
