//! I21: compaction keeps the last value of each key, at every crash point (seen broken in etcd and in Redpanda
//! #24637), and takes away nothing else than what a later record of its key replaces.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use super::records::Values;
use crate::scenarios::broker::history::{Content, Events, Fate, RecordId};
use crate::scenarios::broker::plan::{Cleanup, cleanup};

/// `last_look` is what the judge read at the end.
pub(super) fn the_last_value_of_each_key_stays(events: &Events, values: &Values) -> Result<(), String> {
    for (at, extent) in &events.extents {
        if cleanup(&at.topic) != Cleanup::Compact || events.down.contains(at) {
            continue;
        }
        let last_look = last_look(events, at);
        let mut newest: BTreeMap<u32, (Offset, RecordId)> = BTreeMap::new();
        for (id, sent) in events.sent.iter().filter(|(_, sent)| sent.at == *at) {
            let Fate::Acknowledged(Some(offset)) = sent.fate else { continue };
            let Some(key) = sent.key else { continue };
            let known = newest.entry(key).or_insert((offset, *id));
            *known = (*known).max((offset, *id));
        }
        for (key, (offset, id)) in newest {
            let is_tombstone = events.sent.get(&id).is_some_and(|sent| sent.content == Content::Tombstone);
            // How long a tombstone stays is another checker's.
            if offset < extent.start || is_tombstone {
                continue;
            }
            let later = last_look.iter().find(|(found, record)| {
                **found >= offset && events.sent.get(record).is_some_and(|sent| sent.key == Some(key))
            });
            let lost =
                events.unreadable.get(at).is_some_and(|lost| lost.iter().any(|lost| lost.end > offset));
            if later.is_none() && !lost && !may_be_gone(events, at, key) {
                let was = values.get(at).and_then(|values| values.get(&offset));
                return Err(format!(
                    "{at}: {id} at {offset} ({was:?}) is the last of key {key}, and of that key nothing is left \
                     from there to {}",
                    extent.end
                ));
            }
        }
    }
    Ok(())
}

/// Whether somebody may have said of a key that it is gone, without having been told so: such a tombstone may have stood behind the
/// last value that is known, and may be gone itself by now.
fn may_be_gone(events: &Events, at: &TopicPartition, key: u32) -> bool {
    events.sent.values().any(|sent| {
        let is_tombstone = sent.content == Content::Tombstone && sent.key == Some(key) && sent.at == *at;
        is_tombstone && !matches!(sent.fate, Fate::Acknowledged(Some(_)))
    })
}

fn last_look(events: &Events, at: &TopicPartition) -> BTreeMap<Offset, RecordId> {
    let judge = events.reads.iter().map(|read| read.reader).max();
    let reads = events.reads.iter().filter(|read| Some(read.reader) == judge && read.at == *at);
    reads.flat_map(|read| read.records.iter()).filter_map(|(offset, id)| Some((*offset, (*id)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::records::one_value_per_offset;
    use super::super::testing::{events, id};
    use super::*;
    use crate::scenarios::broker::history::Extent;
    use crate::scenarios::broker::plan::COMPACTED;

    #[test]
    fn a_lost_last_value_is_found() {
        let check_with = |left: &[i64], tombstone: bool| {
            let mut history = events(&[0, 1, 2], &[1, 2, 3]);
            let at = TopicPartition::new(COMPACTED, 0);
            for (number, key) in [(1, 7), (2, 8), (3, 7)] {
                let sent = history.sent.get_mut(&id(number)).unwrap();
                (sent.key, sent.at) = (Some(key), at.clone());
            }
            if tombstone {
                let mut sent = history.sent[&id(2)].clone();
                (sent.content, sent.fate) = (Content::Tombstone, Fate::Unknown);
                history.sent.insert(id(4), sent);
            }
            history.extents = BTreeMap::from([(at.clone(), Extent { start: Offset(0), end: Offset(3) })]);
            history.reads[0].at = at;
            history.reads[0].records.retain(|(offset, _)| left.contains(&offset.0));
            the_last_value_of_each_key_stays(&history, &one_value_per_offset(&history)?)
        };
        let check = |left: &[i64]| check_with(left, false);
        assert_eq!(check(&[0, 1, 2]), Ok(()));
        assert_eq!(check(&[1, 2]), Ok(()), "compacted");
        assert!(check(&[0, 1]).unwrap_err().contains("the last of key 7"), "the older is no replacement");
        assert!(check(&[0, 2]).unwrap_err().contains("key 8"));
        assert_eq!(
            check_with(&[0, 2], true),
            Ok(()),
            "a tombstone of which nobody was told has come and gone"
        );
        assert!(check_with(&[0, 1], true).unwrap_err().contains("key 7"), "it was of another key");
    }
}
