//! I3: an idempotent producer's batches follow each other without a gap (seen broken in Redpanda #3039): of each producer id
//! and epoch the sequences in a log go on one after the other, as the judge finds them at the end.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use crate::scenarios::broker::history::{Batch, Events, Reader};
use crate::scenarios::broker::plan::{Cleanup, cleanup};

/// `judge` tells the reads of one whole look at the end.
pub(super) fn sequences_have_no_gap(events: &Events, judge: Reader) -> Result<(), String> {
    for (at, extent) in &events.extents {
        // Compaction takes whole batches, and what is destroyed tells nothing.
        let is_whole = !events.unreadable.contains_key(at) && !events.down.contains(at);
        if cleanup(&at.topic) == Cleanup::Compact || !is_whole {
            continue;
        }
        let mut last: BTreeMap<(i64, i16), &Batch> = BTreeMap::new();
        let mut upto = None;
        for read in events.reads.iter().filter(|read| read.reader == judge && read.at == *at) {
            if upto.is_some_and(|upto| upto < read.log_start && upto < read.from) {
                // Retention was faster than the judge.
                last.clear();
            }
            upto = Some(read.next);
            let knows_all = !events.several_nodes && !events.rolled_back;
            let fresh = extent.start == Offset(0) && knows_all && read.log_start == Offset(0);
            let stamped = read.batches.iter().filter(|batch| batch.producer >= 0);
            follow(at, stamped, &mut last, fresh)?;
        }
    }
    Ok(())
}

/// `fresh` logs begin with the first batch of each producer.
fn follow<'a>(
    at: &TopicPartition,
    batches: impl Iterator<Item = &'a Batch>,
    last: &mut BTreeMap<(i64, i16), &'a Batch>,
    fresh: bool,
) -> Result<(), String> {
    for batch in batches {
        let before = last.insert((batch.producer, batch.epoch), batch);
        let wanted = match before {
            Some(before) if before.base == batch.base => continue,
            Some(before) => next_of(before.last_sequence),
            // Of a producer nothing of which is committed, or on the older disk, a leader knows nothing, and takes what comes first.
            None if fresh => 0,
            None => continue,
        };
        if batch.first_sequence != wanted {
            return Err(format!(
                "{at} {}: producer {} in epoch {} goes on with sequence {}, and {wanted} was to follow {}",
                batch.base,
                batch.producer,
                batch.epoch,
                batch.first_sequence,
                before.map_or("nothing".to_owned(), |before| format!(
                    "{} at {}",
                    before.last_sequence, before.base
                )),
            ));
        }
    }
    Ok(())
}

/// Sequences begin again behind the last one.
fn next_of(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, events};
    use super::*;
    use crate::scenarios::broker::history::Extent;

    /// Batches of one producer: epoch, base offset, first and last sequence.
    fn history(batches: &[(i16, i64, i32, i32)]) -> Events {
        let mut history = events(&[], &[]);
        history.extents.insert(at(), Extent { start: Offset(0), end: Offset(9) });
        history.reads[0].batches = batches
            .iter()
            .map(|&(epoch, base, first_sequence, last_sequence)| Batch {
                producer: 7,
                epoch,
                base: Offset(base),
                first_sequence,
                last_sequence,
            })
            .collect();
        history
    }

    fn check(history: &Events) -> Result<(), String> {
        sequences_have_no_gap(history, Reader { reader: 1, session: 1 })
    }

    #[test]
    fn a_gap_is_found() {
        assert_eq!(check(&history(&[(0, 0, 0, 2), (0, 3, 3, 3), (0, 3, 3, 3)])), Ok(()), "read twice");
        let gap = check(&history(&[(0, 0, 0, 2), (0, 3, 4, 4)])).unwrap_err();
        assert!(gap.contains("sequence 4, and 3 was to follow 2"), "{gap}");
        assert!(check(&history(&[(0, 0, 0, 2), (0, 3, 2, 4)])).is_err(), "one again");
        assert!(check(&history(&[(0, 0, 1, 2)])).unwrap_err().contains("0 was to follow nothing"));
        assert_eq!(check(&history(&[(0, 0, 0, 2), (1, 3, 0, 0)])), Ok(()), "another epoch");
        assert_eq!(check(&history(&[(0, 0, 0, i32::MAX), (0, 3, 0, 0)])), Ok(()), "all around");
    }

    #[test]
    fn what_is_not_known_is_not_held_against_it() {
        let mut deleted = history(&[(0, 4, 5, 6)]);
        assert!(check(&deleted).is_err());
        deleted.extents.insert(at(), Extent { start: Offset(4), end: Offset(9) });
        assert_eq!(check(&deleted), Ok(()), "the first ones are deleted");
        let mut retained = history(&[(0, 0, 0, 2)]);
        retained.reads[0].next = Offset(3);
        let mut later = retained.reads[0].clone();
        (later.from, later.log_start, later.next) = (Offset(7), Offset(7), Offset(8));
        later.batches[0] = Batch { base: Offset(7), first_sequence: 7, last_sequence: 7, ..later.batches[0] };
        retained.reads.push(later);
        assert_eq!(check(&retained), Ok(()), "retention took what was between");
        retained.reads[1].log_start = Offset(0);
        assert!(check(&retained).is_err());
        let older = Events { rolled_back: true, ..history(&[(0, 4, 5, 6)]) };
        assert_eq!(check(&older), Ok(()), "what came before is on the newer disk");
        let mut moved = history(&[(0, 4, 5, 6)]);
        moved.several_nodes = true;
        assert_eq!(check(&moved), Ok(()), "a leader came that knew nothing of it");
        let first = moved.reads[0].batches[0];
        let later = Batch { first_sequence: 9, last_sequence: 9, base: Offset(7), ..first };
        moved.reads[0].batches.push(later);
        assert!(check(&moved).is_err());
    }
}
