use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use crate::metadata::MetadataImage;
use crate::types::{Instant, PartitionId, first_names};

/// How often it is said again.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Says which replicas of this node have lost what they held without anybody who could give it back.
#[derive(Default)]
pub(super) struct LostReplicas {
    told: BTreeSet<PartitionId>,
    again_at: Option<Instant>,
}

impl LostReplicas {
    pub(super) fn tell(
        &mut self,
        now: Instant,
        image: &MetadataImage,
        lost: impl Iterator<Item = PartitionId>,
    ) {
        let lost: BTreeSet<PartitionId> = lost.collect();
        let is_more = lost.difference(&self.told).next().is_some();
        if lost.is_empty() {
            if !self.told.is_empty() {
                info!("what the replicas here had lost is given back, or not wanted any more");
            }
        } else if is_more || self.again_at.is_none_or(|at| at <= now) {
            warn!("{}", sentence(image, &lost));
            self.again_at = Some(now.after(TELL_EVERY));
        }
        self.told = lost;
    }
}

fn sentence(image: &MetadataImage, lost: &BTreeSet<PartitionId>) -> String {
    let name = |id: &PartitionId| {
        let topic =
            image.topic_by_id(id.topic).map_or_else(|| id.topic.to_string(), |topic| topic.name.to_string());
        format!("{topic}-{}", id.index.0)
    };
    let (what, them) = match lost.len() {
        1 => ("the replica here of a partition has".to_owned(), "it"),
        count => (format!("the replicas here of {count} partitions have"), "them"),
    };
    format!(
        "{what} lost what this node held, and no other node leads {them} and could give it back: {}. Start the nodes of the other \
         replicas, with their data directories. If those have lost it, too, `ordain cluster recover` lets go on what is left; where \
         nothing is left, delete the topic and create it anew",
        first_names(lost.iter().map(name))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicId};

    fn ids(indexes: std::ops::Range<i32>) -> BTreeSet<PartitionId> {
        indexes.map(|index| PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(index) }).collect()
    }

    #[test]
    fn what_is_lost_is_told_at_once_and_again_after_a_minute() {
        let (mut lost, image) = (LostReplicas::default(), MetadataImage::default());
        let at = |seconds: u64| Instant(seconds * 1_000_000_000);
        let mut tell = |now, ids: BTreeSet<PartitionId>| {
            lost.tell(now, &image, ids.into_iter());
            lost.again_at
        };
        assert_eq!(tell(at(0), ids(0..0)), None);
        assert_eq!(tell(at(2), ids(0..1)), Some(at(62)));
        assert_eq!(tell(at(4), ids(0..1)), Some(at(62)), "the same");
        assert_eq!(tell(at(6), ids(0..2)), Some(at(66)), "another one");
        assert_eq!(tell(at(8), ids(1..2)), Some(at(66)), "fewer");
        assert_eq!(tell(at(66), ids(1..2)), Some(at(126)));
    }

    #[test]
    fn the_sentence_names_some_and_says_what_to_do() {
        let text = sentence(&MetadataImage::default(), &ids(0..7));
        assert!(text.starts_with("the replicas here of 7 partitions have lost"), "{text}");
        assert!(text.contains("-4 and 2 more."), "{text}");
        assert!(text.contains("ordain cluster recover") && text.contains("delete the topic"), "{text}");
    }
}
