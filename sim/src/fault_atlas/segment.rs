//! What stands in a segment, by `docs/segment-format.md`.
use std::ops::Range;

use ordain::types::{Offset, PartitionId, PartitionIndex, TopicId};
use ordain::wire::batch::{BatchHeader, HEADER_BYTES};

/// What a file below `logs/` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Records,
    Index,
}

/// Whose file it is and what it holds; `None` if it is none of a log's.
pub(super) fn of(path: &str) -> Option<(PartitionId, Kind)> {
    let (directory, name) = path.strip_prefix("logs/")?.split_once('/')?;
    let (topic, index) = directory.split_at_checked(22)?;
    let topic = TopicId::parse(topic)?;
    let index = PartitionIndex(index.strip_prefix('-')?.parse().ok()?);
    let kind = match name.rsplit_once('.')?.1 {
        "log" => Kind::Records,
        "index" | "timeindex" => Kind::Index,
        _ => return None,
    };
    Some((PartitionId { topic, index }, kind))
}

/// The batches of a segment: where each lies, and its offsets.
pub(super) fn batches(content: &[u8]) -> Vec<(Range<u64>, Range<Offset>)> {
    let mut batches = Vec::new();
    let mut at = 0;
    while let Some(Ok(header)) =
        content.get(at..).filter(|rest| rest.len() >= HEADER_BYTES).map(BatchHeader::parse)
    {
        let Some(length) = header.total_bytes().filter(|length| *length >= HEADER_BYTES) else { break };
        let end = at + length;
        batches.push((at as u64..end as u64, header.base_offset..header.next_offset()));
        at = end;
    }
    batches
}

/// The offsets whose records cannot be served if these bytes are destroyed: up to the next batch that is whole. A
/// single whole batch between two destroyed ones counts with them: nothing proves that it is one of the log's.
pub(super) fn offsets(content: &[u8], ranges: &[Range<u64>]) -> Vec<Range<Offset>> {
    let touches =
        |place: &Range<u64>| ranges.iter().any(|range| range.start < place.end && place.start < range.end);
    let all = batches(content);
    let mut hit: Vec<bool> = all.iter().map(|(place, _)| touches(place)).collect();
    for middle in 1..hit.len().saturating_sub(1) {
        hit[middle] |= hit[middle - 1] && hit[middle + 1];
    }
    let mut lost: Vec<Range<Offset>> = Vec::new();
    for (index, (_, offsets)) in all.iter().enumerate().filter(|(index, _)| hit[*index]) {
        // Where compaction left a gap behind it, nobody can tell how far what is lost went.
        let end = all.get(index + 1).map_or(offsets.end, |(_, next)| next.start);
        match lost.last_mut().filter(|last| last.end == offsets.start) {
            Some(last) => last.end = end,
            None => lost.push(offsets.start..end),
        }
    }
    lost
}

/// The offsets from which a reader first comes to one of these that are lost: with the gap before it, which compaction may have
/// left. `from` is where the log's earlier segments end.
pub(super) fn reach(content: &[u8], lost: &[Range<Offset>], from: Offset) -> Vec<Range<Offset>> {
    let all = batches(content);
    let first = |lost: &Range<Offset>| {
        let before = all.iter().rev().map(|(_, offsets)| offsets.end).find(|end| *end <= lost.start);
        before.unwrap_or(from.min(lost.start))..lost.end
    };
    lost.iter().map(first).collect()
}

/// Where the batches of a segment end; `None` if there are none.
pub(super) fn end(content: &[u8]) -> Option<Offset> {
    batches(content).last().map(|(_, offsets)| offsets.end)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges")]
mod tests {
    use ordain::types::Timestamp;
    use ordain::wire::batch::{BatchBuilder, BatchOptions, NewRecord};

    use super::*;

    fn batch(base: i64, records: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new(BatchOptions::plain(10_000));
        for _ in 0..records {
            let record =
                NewRecord { timestamp: Timestamp(1), key: None, value: Some(b"value"), headers: &[] };
            builder.append(record).unwrap();
        }
        let mut bytes = builder.build().batch().to_bytes().to_vec();
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes
    }

    #[test]
    fn damaged_bytes_are_laid_to_their_batches() {
        let mut content = batch(5, 2);
        let first = content.len() as u64;
        content.extend(batch(7, 1));
        let all = batches(&content);
        assert_eq!(all[0], (0..first, Offset(5)..Offset(7)));
        assert_eq!(all[1].1, Offset(7)..Offset(8));
        assert_eq!(offsets(&content, &[first - 1..first]), [Offset(5)..Offset(7)]);
        assert_eq!(offsets(&content, &[first - 1..first + 1]), [Offset(5)..Offset(8)]);
        assert_eq!(offsets(&content, &[]), []);
        content.extend(batch(10, 1));
        assert_eq!(offsets(&content, &[first..first + 1]), [Offset(7)..Offset(10)], "with the gap behind it");
        let last = content.len() as u64;
        assert_eq!(
            offsets(&content, &[0..1, last - 1..last]),
            [Offset(5)..Offset(11)],
            "with what is between"
        );
    }

    #[test]
    fn a_reader_comes_to_what_is_lost_from_the_gap_before_it() {
        let mut content = batch(5, 2);
        let first = content.len() as u64;
        content.extend(batch(10, 1));
        let lost = offsets(&content, &[first..first + 1]);
        assert_eq!(reach(&content, &lost, Offset(3)), [Offset(7)..Offset(11)], "what is whole ends the gap");
        let lost = offsets(&content, &[0..1]);
        assert_eq!(reach(&content, &lost, Offset(3)), [Offset(3)..Offset(10)], "from the segment before on");
        assert_eq!((end(&content), end(&[])), (Some(Offset(11)), None));
    }

    #[test]
    fn files_are_known_by_their_paths() {
        let id = TopicId([9; 16]);
        let partition = PartitionId { topic: id, index: PartitionIndex(3) };
        let path = |name: &str| format!("logs/{id}-3/{name}");
        assert_eq!(of(&path("00000000000000000000.log")), Some((partition, Kind::Records)));
        assert_eq!(of(&path("00000000000000000000.2.log")), Some((partition, Kind::Records)));
        assert_eq!(of(&path("00000000000000000000.timeindex")), Some((partition, Kind::Index)));
        assert_eq!(of("journal/vouch"), None);
    }
}
