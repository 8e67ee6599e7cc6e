//! ConsumerGroupHeartbeatRequest, from `schema/consumer_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ConsumerGroupHeartbeatResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroupHeartbeatRequest {
    pub group_id: Text,
    pub member_id: Text,
    pub member_epoch: i32,
    pub instance_id: Option<Text>,
    pub rack_id: Option<Text>,
    pub rebalance_timeout_ms: i32,
    pub subscribed_topic_names: Option<Vec<Text>>,
    /// Version 1.
    pub subscribed_topic_regex: Option<Text>,
    pub server_assignor: Option<Text>,
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ConsumerGroupHeartbeatRequest {
    fn default() -> Self {
        Self {
            group_id: Text::new(),
            member_id: Text::new(),
            member_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            subscribed_topic_names: None,
            subscribed_topic_regex: None,
            server_assignor: None,
            topic_partitions: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ConsumerGroupHeartbeatRequest {
    const NAME: &'static str = "ConsumerGroupHeartbeatRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "GroupId", &self.group_id)?;
        w.string(true, "MemberId", &self.member_id)?;
        w.i32(self.member_epoch);
        w.nullable_string(true, true, "InstanceId", self.instance_id.as_ref())?;
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.i32(self.rebalance_timeout_ms);
        w.nullable_array(true, true, "SubscribedTopicNames", self.subscribed_topic_names.as_deref(), |w, v| w.string(true, "SubscribedTopicNames", v))?;
        if version >= 1 {
            w.nullable_string(true, true, "SubscribedTopicRegex", self.subscribed_topic_regex.as_ref())?;
        } else if self.subscribed_topic_regex.is_some() {
            return Err(w.not_in_version("SubscribedTopicRegex"));
        }
        w.nullable_string(true, true, "ServerAssignor", self.server_assignor.as_ref())?;
        w.nullable_array(true, true, "TopicPartitions", self.topic_partitions.as_deref(), |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(true, "GroupId")?,
            member_id: r.string(true, "MemberId")?,
            member_epoch: r.i32("MemberEpoch")?,
            instance_id: r.nullable_string(true, true, "InstanceId")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            rebalance_timeout_ms: r.i32("RebalanceTimeoutMs")?,
            subscribed_topic_names: r.nullable_array(true, true, "SubscribedTopicNames", 1, |r| r.string(true, "SubscribedTopicNames"))?,
            subscribed_topic_regex: if version >= 1 { r.nullable_string(true, true, "SubscribedTopicRegex")? } else { None },
            server_assignor: r.nullable_string(true, true, "ServerAssignor")?,
            topic_partitions: r.nullable_array(true, true, "TopicPartitions", 18, |r| TopicPartitions::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ConsumerGroupHeartbeatRequest {
    const API: ApiKey = ApiKey::ConsumerGroupHeartbeat;
    type Response = ConsumerGroupHeartbeatResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic_id: TopicId,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicPartitions {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
