//! What becomes old: offsets past their retention (KIP-211), groups without members and offsets, offsets of
//! deleted topics. Decided on the whole shard at once.
use super::GroupShard;
use super::classic::{ClassicGroup, Phase};
use super::command::DeletedTopic;
use super::durable::GroupOffsets;
use super::names::GroupId;
use super::record::{CommittedOffset, GroupRecord, OffsetKey};
use crate::types::{Timestamp, TopicId};

impl GroupShard {
    /// Tombstones for all that has expired at `now`: first a group's offsets, then the group itself if it is
    /// empty and none are left.
    pub(super) fn decide_expiration(&self, now: Timestamp) -> Vec<GroupRecord> {
        let mut records = Vec::new();
        for (id, group) in &self.groups {
            let all_expired = match self.durable.offsets_of(id) {
                Some(offsets) => self.expire_offsets(id, group, offsets, now, &mut records),
                None => true,
            };
            if all_expired && group.is_empty() {
                records.push(GroupRecord::GroupMetadata { group: id.clone(), value: None });
            }
        }
        records
    }

    /// True if none of the group's offsets are left.
    fn expire_offsets(
        &self,
        id: &GroupId,
        group: &ClassicGroup,
        offsets: &GroupOffsets,
        now: Timestamp,
        records: &mut Vec<GroupRecord>,
    ) -> bool {
        let retention_ms = i64::try_from(self.config.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        let mut all_expired = true;
        for (topic, partition, offset) in offsets.iter() {
            let is_expired = match (offset.expire_timestamp, group.retention_base(offset)) {
                (_, None) => false,
                (Some(expire), Some(_)) => now >= expire,
                (None, Some(base)) => now.0.saturating_sub(base.0) >= retention_ms,
            };
            if is_expired && !group.is_subscribed_to(topic) {
                let (group, topic) = (id.clone(), topic.clone());
                records.push(OffsetKey { group, topic, partition }.tombstone());
            } else {
                all_expired = false;
            }
        }
        all_expired
    }

    /// Tombstones for the offsets of topics that are gone. An offset stored without its topic's id goes by
    /// the name; one of another topic of the same name stays.
    pub(super) fn decide_topics_deleted(&self, topics: &[DeletedTopic]) -> Vec<GroupRecord> {
        let mut records = Vec::new();
        for (id, offsets) in self.durable.offsets() {
            for deleted in topics {
                let Some(partitions) = offsets.by_topic.get(&deleted.name) else { continue };
                for (&partition, offset) in partitions {
                    if offset.topic_id == TopicId::ZERO || offset.topic_id == deleted.id {
                        let (group, topic) = (id.clone(), deleted.name.clone());
                        records.push(OffsetKey { group, topic, partition }.tombstone());
                    }
                }
            }
        }
        records
    }
}

impl ClassicGroup {
    /// From when an offset of this group ages; `None` while it does not. In a group that members have used,
    /// since the group became empty, or, for topics that a stable consumer group is not subscribed to, since
    /// the commit; in a group that only stores offsets, since the commit.
    fn retention_base(&self, offset: &CommittedOffset) -> Option<Timestamp> {
        if self.protocol_type.is_none() {
            return Some(offset.commit_timestamp);
        }
        match self.phase {
            Phase::Empty => Some(self.since.unwrap_or(offset.commit_timestamp)),
            Phase::Stable if self.uses_consumer_protocol() && self.subscribed_topics.is_some() => {
                Some(offset.commit_timestamp)
            }
            Phase::Stable | Phase::Preparing { .. } | Phase::Completing { .. } => None,
        }
    }
}
