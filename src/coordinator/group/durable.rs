//! The durable state of a shard: what replaying its partition yields, and nothing else.
//!
//! Invariant: it changes by [`Durable::apply`] alone, which cannot fail: whatever the log holds is taken.
use std::collections::BTreeMap;

use super::names::{GroupId, TopicName};
use super::record::{CommittedOffset, GroupMetadata, GroupRecord, OffsetKey};
use crate::types::PartitionIndex;

/// The committed offsets of one group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupOffsets {
    pub by_topic: BTreeMap<TopicName, BTreeMap<PartitionIndex, CommittedOffset>>,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Durable {
    /// Every group, with its newest metadata; `None` for one that has only committed offsets so far.
    groups: BTreeMap<GroupId, Option<GroupMetadata>>,
    offsets: BTreeMap<GroupId, GroupOffsets>,
    offset_count: usize,
    assignment_bytes: usize,
    offset_note_bytes: usize,
}

impl Durable {
    /// Makes the record so. A committed offset brings its group into being; a group's tombstone removes the
    /// group and leaves its offsets to tombstones of their own.
    pub fn apply(&mut self, record: &GroupRecord) {
        match record {
            GroupRecord::GroupMetadata { group, value: Some(metadata) } => {
                let before = self.groups.insert(group.clone(), Some(metadata.clone()));
                self.assignment_bytes += metadata.assignment_bytes();
                self.assignment_bytes -= assignment_bytes(before.as_ref());
            }
            GroupRecord::GroupMetadata { group, value: None } => {
                let before = self.groups.remove(group);
                self.assignment_bytes -= assignment_bytes(before.as_ref());
            }
            GroupRecord::OffsetCommit { key, value: Some(offset) } => {
                self.groups.entry(key.group.clone()).or_default();
                let topics = &mut self.offsets.entry(key.group.clone()).or_default().by_topic;
                let partitions = topics.entry(key.topic.clone()).or_default();
                let before = partitions.insert(key.partition, offset.clone());
                self.offset_note_bytes += offset.metadata.len();
                match before {
                    Some(before) => self.offset_note_bytes -= before.metadata.len(),
                    None => self.offset_count += 1,
                }
            }
            GroupRecord::OffsetCommit { key, value: None } => self.remove_offset(key),
        }
    }

    fn remove_offset(&mut self, key: &OffsetKey) {
        let Some(topics) = self.offsets.get_mut(&key.group).map(|offsets| &mut offsets.by_topic) else {
            return;
        };
        let Some(partitions) = topics.get_mut(&key.topic) else { return };
        if let Some(before) = partitions.remove(&key.partition) {
            self.offset_count -= 1;
            self.offset_note_bytes -= before.metadata.len();
        }
        if partitions.is_empty() {
            topics.remove(&key.topic);
        }
        if topics.is_empty() {
            self.offsets.remove(&key.group);
        }
    }

    /// Every group with its newest metadata, in the order of their ids.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, Option<&GroupMetadata>)> {
        self.groups.iter().map(|(id, metadata)| (id, metadata.as_ref()))
    }

    #[must_use]
    pub fn contains(&self, group: &GroupId) -> bool {
        self.groups.contains_key(group)
    }

    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The newest metadata of a group; `None` also where the group has only committed offsets.
    #[must_use]
    pub fn metadata(&self, group: &GroupId) -> Option<&GroupMetadata> {
        self.groups.get(group).and_then(Option::as_ref)
    }

    /// Every group that has offsets.
    pub fn offsets(&self) -> impl Iterator<Item = (&GroupId, &GroupOffsets)> {
        self.offsets.iter()
    }

    /// A group's offsets; `None` if it has none.
    #[must_use]
    pub fn offsets_of(&self, group: &GroupId) -> Option<&GroupOffsets> {
        self.offsets.get(group)
    }

    /// Committed offsets in all.
    #[must_use]
    pub fn offset_count(&self) -> usize {
        self.offset_count
    }

    /// Bytes of all groups' assignments.
    #[must_use]
    pub fn assignment_bytes(&self) -> usize {
        self.assignment_bytes
    }

    /// Bytes of the notes that clients left with their offsets.
    #[must_use]
    pub fn offset_note_bytes(&self) -> usize {
        self.offset_note_bytes
    }
}

fn assignment_bytes(group: Option<&Option<GroupMetadata>>) -> usize {
    group.and_then(Option::as_ref).map_or(0, GroupMetadata::assignment_bytes)
}

impl GroupOffsets {
    #[must_use]
    pub fn get(&self, topic: &TopicName, partition: PartitionIndex) -> Option<&CommittedOffset> {
        self.by_topic.get(topic)?.get(&partition)
    }

    /// Every offset with its key's latter parts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicName, PartitionIndex, &CommittedOffset)> {
        self.by_topic.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(&partition, offset)| (topic, partition, offset))
        })
    }
}
