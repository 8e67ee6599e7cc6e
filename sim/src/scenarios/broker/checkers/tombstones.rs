//! I21: a tombstone stays readable for `delete.retention.ms` after a compaction has first seen it, so at least for
//! that long after it was written: whoever reads a topic meanwhile learns that the key is gone.
use std::time::Duration;

use crate::scenarios::broker::history::{Content, Events, Fate, Read, RecordId, Sent};
use crate::scenarios::broker::plan::{Cleanup, cleanup};
use ordain::types::Offset;

pub(super) fn tombstones_stay(events: &Events) -> Result<(), String> {
    let Some(stay) = events.tombstones_stay else { return Ok(()) };
    let of_topic = |sent: &Sent| cleanup(&sent.at.topic) == Cleanup::Compact;
    for (id, sent) in events.sent.iter().filter(|(_, sent)| of_topic(sent)) {
        let (Content::Tombstone, Fate::Acknowledged(Some(offset))) = (sent.content, &sent.fate) else {
            continue;
        };
        if is_last_word(events, *id, sent, *offset) {
            let mut reads = events.reads.iter().filter(|read| read.at == sent.at);
            if let Some(read) = reads.find(|read| misses(read, sent, *offset, stay)) {
                return Err(format!(
                    "{id} at {} {offset} says that its key is gone and stays for {stay:?}; it was written after {}, \
                     and a fetch from {} to {} at {} did not bring it",
                    sent.at, sent.began, read.from, read.next, read.time
                ));
            }
        }
    }
    Ok(())
}

/// Whether nothing else of its key may stand behind it.
fn is_last_word(events: &Events, id: RecordId, sent: &Sent, offset: Offset) -> bool {
    !events.sent.iter().any(|(other, sent_too)| {
        let behind = match sent_too.fate {
            Fate::Acknowledged(Some(found)) => found > offset,
            Fate::Acknowledged(None) | Fate::Unknown | Fate::Open => true,
        };
        *other != id && sent_too.at == sent.at && sent_too.key == sent.key && behind
    })
}

/// Whether a fetch that went over the offset came without what stands there, and too early for that.
fn misses(read: &Read, sent: &Sent, offset: Offset, stay: Duration) -> bool {
    read.from <= offset
        && offset < read.next
        && read.log_start <= offset
        && read.time < sent.began.after(stay)
        && !read.records.iter().any(|(found, _)| *found == offset)
}

#[cfg(test)]
mod tests {
    use ordain::client::TopicPartition;

    use super::super::testing::{events, id};
    use super::*;
    use crate::scenarios::broker::plan::COMPACTED;
    use crate::time::SimTime;

    #[test]
    fn a_tombstone_that_goes_too_early_is_found() {
        let history = |keys: [u32; 2], brought: bool, read_at: u64| {
            let mut history = events(&[0, 1], &[1, 2]);
            let at = TopicPartition::new(COMPACTED, 0);
            for (number, key) in (1..).zip(keys) {
                let sent = history.sent.get_mut(&id(number)).unwrap();
                (sent.at, sent.key, sent.content) = (at.clone(), Some(key), Content::Tombstone);
            }
            (history.reads[0].at, history.reads[0].time) = (at, SimTime(read_at));
            if !brought {
                history.reads[0].records.retain(|(offset, _)| *offset != Offset(0));
            }
            history.tombstones_stay = Some(Duration::from_nanos(100));
            history
        };
        assert_eq!(tombstones_stay(&history([1, 2], true, 50)), Ok(()));
        assert!(tombstones_stay(&history([1, 2], false, 50)).unwrap_err().contains("did not bring it"));
        assert_eq!(tombstones_stay(&history([1, 2], false, 150)), Ok(()), "its time was over");
        assert_eq!(tombstones_stay(&history([1, 1], false, 50)), Ok(()), "another took its place");
        let mut dishonest = history([1, 2], false, 50);
        dishonest.tombstones_stay = None;
        assert_eq!(tombstones_stay(&dishonest), Ok(()));
    }
}
