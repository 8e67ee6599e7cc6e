//! I13: data is deleted only by a committed decision (seen broken in NATS #7556): retention by size takes no more
//! than what is beyond the size.
use ordain::types::Offset;

use crate::scenarios::broker::history::Events;
use crate::scenarios::broker::plan::{Cleanup, cleanup};

/// Where retention has moved a partition's start, at least `retention_bytes` are left. `judge` tells the reads of
/// one whole look at the end.
pub(super) fn retention_leaves_its_size(
    events: &Events,
    retention_bytes: u64,
    judge: crate::scenarios::broker::history::Reader,
) -> Result<(), String> {
    for (at, extent) in &events.extents {
        let is_whole = !events.unreadable.contains_key(at) && !events.down.contains(at);
        if cleanup(&at.topic) != Cleanup::Retain || extent.start == Offset(0) || !is_whole {
            continue;
        }
        let reads = events.reads.iter().filter(|read| read.reader == judge && read.at == *at);
        let left: u64 = reads.map(|read| read.bytes).sum();
        if left < retention_bytes {
            return Err(format!(
                "{at} begins at {}, and of the {retention_bytes} bytes to retain {left} are left",
                extent.start
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ordain::client::TopicPartition;

    use super::super::testing::events;
    use super::*;
    use crate::scenarios::broker::history::{Extent, Reader};
    use crate::scenarios::broker::plan::SHORT;

    #[test]
    fn a_retention_that_takes_too_much_is_found() {
        let check = |start: i64, bytes: u64| {
            let mut history = events(&[], &[1, 2]);
            let at = TopicPartition::new(SHORT, 0);
            history.extents.insert(at.clone(), Extent { start: Offset(start), end: Offset(9) });
            (history.reads[0].at, history.reads[0].bytes) = (at, bytes);
            retention_leaves_its_size(&history, 1000, Reader { reader: 1, session: 1 })
        };
        assert_eq!(check(0, 10), Ok(()), "nothing was deleted");
        assert_eq!(check(5, 1000), Ok(()));
        assert!(check(5, 999).unwrap_err().contains("999 are left"));
    }
}
