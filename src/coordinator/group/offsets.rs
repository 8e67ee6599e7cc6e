//! OffsetCommit, OffsetFetch, OffsetDelete: decided on the durable state and the group's phase.
use std::collections::BTreeSet;

use super::classic::Phase;
use super::command::{
    CommitPartition, CommittedTopic, DeletedOffsets, FetchTopic, FetchedGroup, FetchedOffset, FetchedTopic,
    GroupError, GroupResponse, OffsetCommit, OffsetDelete, OffsetFetch,
};
use super::durable::GroupOffsets;
use super::names::TopicName;
use super::record::{CommittedOffset, GroupRecord, OffsetKey};
use super::{GroupEffect, GroupShard};
use crate::coordinator::decision::{Decision, Now, RequestToken};
use crate::probe::{Mutant, mutant};
use crate::types::limits::{STRING_BYTES_MAX, TOPIC_NAME_BYTES_MAX};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::wire::Text;

impl GroupShard {
    /// Commits offsets. A commit also keeps a member's session alive.
    pub(super) fn commit_offsets(
        &mut self,
        now: Now,
        token: RequestToken,
        command: OffsetCommit,
        effects: &mut Vec<GroupEffect>,
    ) {
        let decision = match self.admit_commit(&command) {
            Ok(()) => self.decide_commit(&command, now.wall),
            Err(error) => Decision::answer(Err(error)),
        };
        if decision.response.is_ok() {
            self.on_group(now, &command.group_id, effects, |turn, group| {
                if matches!(group.phase, Phase::Stable | Phase::Preparing { .. }) {
                    turn.renew_session(group, &command.member_id);
                }
            });
        }
        self.stats.offset_commits += decision.records.len() as u64;
        // In one write: a client's commit is not to be seen by halves.
        self.write_as_one(now, decision.records, effects);
        let response = GroupResponse::CommitOffsets(decision.response);
        if mutant(Mutant::CommitBeforeDurable) {
            return super::reply_now(effects, token, response);
        }
        self.reply_after_all(token, response, effects);
    }

    /// Whether this client may commit now. Without membership it may while the group has no members.
    fn admit_commit(&self, command: &OffsetCommit) -> Result<(), GroupError> {
        if command.group_id.as_str().len() > STRING_BYTES_MAX {
            return Err(GroupError::InvalidGroupId);
        }
        let Some(group) = self.groups.get(&command.group_id) else {
            return if command.generation_id < 0 {
                Ok(())
            } else if command.knows_group_id_not_found {
                Err(GroupError::GroupIdNotFound)
            } else {
                Err(GroupError::IllegalGeneration { got: command.generation_id, current: -1 })
            };
        };
        if command.generation_id < 0 && group.is_empty() {
            return Ok(());
        }
        let tells_membership = command.generation_id >= 0
            || !command.member_id.is_empty()
            || command.group_instance_id.is_some();
        if tells_membership {
            group.validate_member(&command.member_id, command.group_instance_id.as_ref())?;
            group.validate_generation(command.generation_id)?;
        } else if !group.is_empty() {
            return Err(GroupError::UnknownMemberId);
        }
        match group.phase {
            // The member knows the generation, so it has joined; but what it consumed is no longer its own.
            Phase::Completing { .. } => Err(GroupError::RebalanceInProgress),
            Phase::Empty | Phase::Preparing { .. } | Phase::Stable => Ok(()),
        }
    }

    fn decide_commit(
        &self,
        command: &OffsetCommit,
        now: Timestamp,
    ) -> Decision<GroupRecord, Result<Vec<CommittedTopic>, GroupError>> {
        let expire_timestamp = command.retention_time_ms.map(|ms| now.plus_ms(ms));
        let mut records = Vec::new();
        let mut response = Vec::with_capacity(command.topics.len());
        for topic in &command.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let error = self.refuse_offset(&topic.topic, partition);
                let is_refused = error.is_some();
                partitions.push((partition.partition, error));
                if is_refused {
                    continue;
                }
                let key = OffsetKey {
                    group: command.group_id.clone(),
                    topic: topic.topic.clone(),
                    partition: partition.partition,
                };
                let value = CommittedOffset::new(partition, topic.topic_id, now, expire_timestamp);
                records.push(GroupRecord::OffsetCommit { key, value: Some(value) });
            }
            let (topic, topic_id) = (topic.topic.clone(), topic.topic_id);
            response.push(CommittedTopic { topic, topic_id, partitions });
        }
        match self.room_for(command, &records) {
            Ok(()) => Decision { records, response: Ok(response) },
            Err(error) => Decision::answer(Err(error)),
        }
    }

    /// What is wrong with one offset, if anything.
    fn refuse_offset(&self, topic: &TopicName, partition: &CommitPartition) -> Option<GroupError> {
        if topic.as_str().len() > TOPIC_NAME_BYTES_MAX {
            return Some(GroupError::TopicNameTooLong { max: TOPIC_NAME_BYTES_MAX });
        }
        let metadata = partition.metadata.as_deref().unwrap_or_default();
        let max = self.config.offset_metadata_max_bytes;
        // No string has more UTF-16 units than bytes, so most need no count.
        let is_too_long = metadata.len() > max && metadata.encode_utf16().count() > max;
        (is_too_long || metadata.len() > STRING_BYTES_MAX)
            .then_some(GroupError::OffsetMetadataTooLarge { max })
    }

    /// Whether the records fit the bounds of the shard.
    fn room_for(&self, command: &OffsetCommit, records: &[GroupRecord]) -> Result<(), GroupError> {
        if records.is_empty() {
            return Ok(());
        }
        let max = self.limits.write_bytes_max;
        if records.iter().map(GroupRecord::encoded_bytes_max).sum::<usize>() > max {
            return Err(GroupError::CommitTooLarge { max });
        }
        let (groups_max, offsets_max) = (self.limits.groups_max, self.limits.offsets_max);
        if !self.groups.contains_key(&command.group_id) {
            if self.groups.len() >= groups_max {
                return Err(GroupError::TooManyGroups { max: groups_max });
            }
            let max = self.limits.members_bytes_max;
            if self.said_bytes + command.group_id.as_str().len() > max {
                return Err(GroupError::MembersTooLarge { max });
            }
        }
        let known = self.durable.offsets_of(&command.group_id);
        let is_new = |record: &&GroupRecord| match record {
            GroupRecord::OffsetCommit { key, value: Some(_) } => {
                known.and_then(|offsets| offsets.get(&key.topic, key.partition)).is_none()
            }
            GroupRecord::OffsetCommit { value: None, .. } | GroupRecord::GroupMetadata { .. } => false,
        };
        let added = records.iter().filter(is_new).count();
        if added > 0 && self.durable.offset_count() + added > offsets_max {
            return Err(GroupError::TooManyOffsets { max: offsets_max });
        }
        let note = |record: &GroupRecord| match record {
            GroupRecord::OffsetCommit { key, value: Some(offset) } => {
                let before = known.and_then(|offsets| offsets.get(&key.topic, key.partition));
                (offset.metadata.len(), before.map_or(0, |before| before.metadata.len()))
            }
            GroupRecord::OffsetCommit { value: None, .. } | GroupRecord::GroupMetadata { .. } => (0, 0),
        };
        let (after, before) =
            records.iter().map(note).fold((0, 0), |sum: (usize, usize), one| (sum.0 + one.0, sum.1 + one.1));
        let max = self.limits.offset_notes_bytes_max;
        if after > before && self.durable.offset_note_bytes() + after > max.saturating_add(before) {
            return Err(GroupError::OffsetNotesTooLarge { max });
        }
        Ok(())
    }

    /// The committed offsets that are asked for; those of an unknown group are none.
    pub(super) fn fetch_offsets(&self, command: &OffsetFetch) -> FetchedGroup {
        let offsets = self.durable.offsets_of(&command.group_id);
        let topics = match &command.topics {
            Some(topics) => topics.iter().map(|topic| fetched_topic(offsets, topic)).collect(),
            None => offsets.map(all_topics).unwrap_or_default(),
        };
        FetchedGroup { group_id: command.group_id.clone(), topics }
    }

    /// Tombstones for offsets that nobody in the group consumes by, one for each however often it is named.
    pub(super) fn decide_delete_offsets(
        &self,
        command: &OffsetDelete,
    ) -> Decision<GroupRecord, Result<Vec<DeletedOffsets>, GroupError>> {
        if command.group_id.is_empty() {
            return Decision::answer(Err(GroupError::InvalidGroupId));
        }
        let Some(group) = self.groups.get(&command.group_id) else {
            return Decision::answer(Err(GroupError::GroupIdNotFound));
        };
        if !group.is_empty() && !group.uses_consumer_protocol() {
            return Decision::answer(Err(GroupError::NonEmptyGroup));
        }
        let offsets = self.durable.offsets_of(&command.group_id);
        let mut deleted = BTreeSet::new();
        let mut records = Vec::new();
        let mut response = Vec::with_capacity(command.topics.len());
        for (topic, indexes) in &command.topics {
            let is_subscribed = group.is_subscribed_to(topic);
            let mut partitions = Vec::with_capacity(indexes.len());
            for &partition in indexes {
                partitions.push((partition, is_subscribed.then_some(GroupError::GroupSubscribedToTopic)));
                let is_there = offsets.is_some_and(|o| o.get(topic, partition).is_some());
                if !is_subscribed && is_there && deleted.insert((topic, partition)) {
                    let (group, topic) = (command.group_id.clone(), topic.clone());
                    records.push(OffsetKey { group, topic, partition }.tombstone());
                }
            }
            response.push(DeletedOffsets { topic: topic.clone(), partitions });
        }
        let max = self.limits.deletion_bytes_max;
        if records.iter().map(GroupRecord::encoded_bytes_max).sum::<usize>() > max {
            return Decision::answer(Err(GroupError::DeletionTooLarge { max }));
        }
        Decision { records, response: Ok(response) }
    }
}

fn fetched_topic(offsets: Option<&GroupOffsets>, topic: &FetchTopic) -> FetchedTopic {
    let fetch = |&partition: &PartitionIndex| {
        let committed = offsets.and_then(|offsets| offsets.get(&topic.topic, partition));
        // An offset of another topic of this name, which was deleted since, is none of this topic.
        let is_same = |offset: &&CommittedOffset| {
            let ids = [offset.topic_id, topic.topic_id];
            ids.contains(&TopicId::ZERO) || ids[0] == ids[1]
        };
        FetchedOffset::new(partition, committed.filter(is_same))
    };
    FetchedTopic {
        topic: topic.topic.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(fetch).collect(),
    }
}

/// As in Kafka without the topics' ids.
fn all_topics(offsets: &GroupOffsets) -> Vec<FetchedTopic> {
    let topic = |(topic, partitions): (&TopicName, &std::collections::BTreeMap<_, _>)| FetchedTopic {
        topic: topic.clone(),
        topic_id: TopicId::ZERO,
        partitions: partitions
            .iter()
            .map(|(&index, offset)| FetchedOffset::new(index, Some(offset)))
            .collect(),
    };
    offsets.by_topic.iter().map(topic).collect()
}

impl FetchedOffset {
    fn new(partition: PartitionIndex, committed: Option<&CommittedOffset>) -> FetchedOffset {
        match committed {
            Some(committed) => FetchedOffset {
                partition,
                offset: committed.offset,
                leader_epoch: committed.leader_epoch,
                metadata: committed.metadata.clone(),
                topic_id: committed.topic_id,
            },
            None => FetchedOffset {
                partition,
                offset: Offset::NONE,
                leader_epoch: LeaderEpoch::NONE,
                metadata: Text::new(),
                topic_id: TopicId::ZERO,
            },
        }
    }
}

impl CommittedOffset {
    /// What a commit stores. With an expiry of its own, only what that record version can hold.
    fn new(
        partition: &CommitPartition,
        topic_id: TopicId,
        now: Timestamp,
        expire_timestamp: Option<Timestamp>,
    ) -> CommittedOffset {
        let is_current = expire_timestamp.is_none();
        let is_epoch = partition.leader_epoch.0 >= 0;
        let too_far = mutant(Mutant::CommitOneTooFar);
        CommittedOffset {
            offset: if too_far { partition.offset.plus(1) } else { partition.offset },
            leader_epoch: if is_current && is_epoch { partition.leader_epoch } else { LeaderEpoch::NONE },
            metadata: partition.metadata.as_deref().map(Text::from).unwrap_or_default(),
            commit_timestamp: now,
            expire_timestamp,
            topic_id: if is_current { topic_id } else { TopicId::ZERO },
        }
    }
}

impl OffsetKey {
    /// The record that removes this offset.
    pub(super) fn tombstone(self) -> GroupRecord {
        GroupRecord::OffsetCommit { key: self, value: None }
    }
}
