//! DescribeTopicPartitionsResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    pub next_cursor: Option<Cursor>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeTopicPartitionsResponse {
    const NAME: &'static str = "DescribeTopicPartitionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.nullable_struct(self.next_cursor.as_ref(), |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            topics: r.array(true, "Topics", 26, |r| DescribeTopicPartitionsResponseTopic::read(r, version))?,
            next_cursor: r.nullable_struct("NextCursor", |r| Cursor::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for DescribeTopicPartitionsResponse {
    const API: ApiKey = ApiKey::DescribeTopicPartitions;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsResponseTopic {
    pub error_code: i16,
    pub name: Option<Text>,
    pub topic_id: TopicId,
    pub is_internal: bool,
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    pub topic_authorized_operations: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(Text::new()),
            topic_id: TopicId::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: -2147483648,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribeTopicPartitionsResponseTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.nullable_string(true, true, "Name", self.name.as_ref())?;
        w.topic_id(self.topic_id);
        w.bool(self.is_internal);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.i32(self.topic_authorized_operations);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            name: r.nullable_string(true, true, "Name")?,
            topic_id: r.topic_id("TopicId")?,
            is_internal: r.bool("IsInternal")?,
            partitions: r.array(true, "Partitions", 20, |r| DescribeTopicPartitionsResponsePartition::read(r, version))?,
            topic_authorized_operations: r.i32("TopicAuthorizedOperations")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    pub eligible_leader_replicas: Option<Vec<i32>>,
    pub last_known_elr: Option<Vec<i32>>,
    pub offline_replicas: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribeTopicPartitionsResponsePartition {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.array(true, "ReplicaNodes", &self.replica_nodes, |w, v| { w.i32(*v); Ok(()) })?;
        w.array(true, "IsrNodes", &self.isr_nodes, |w, v| { w.i32(*v); Ok(()) })?;
        w.nullable_array(true, true, "EligibleLeaderReplicas", self.eligible_leader_replicas.as_deref(), |w, v| { w.i32(*v); Ok(()) })?;
        w.nullable_array(true, true, "LastKnownElr", self.last_known_elr.as_deref(), |w, v| { w.i32(*v); Ok(()) })?;
        w.array(true, "OfflineReplicas", &self.offline_replicas, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            partition_index: r.i32("PartitionIndex")?,
            leader_id: r.i32("LeaderId")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            replica_nodes: r.array(true, "ReplicaNodes", 4, |r| r.i32("ReplicaNodes"))?,
            isr_nodes: r.array(true, "IsrNodes", 4, |r| r.i32("IsrNodes"))?,
            eligible_leader_replicas: r.nullable_array(true, true, "EligibleLeaderReplicas", 4, |r| r.i32("EligibleLeaderReplicas"))?,
            last_known_elr: r.nullable_array(true, true, "LastKnownElr", 4, |r| r.i32("LastKnownElr"))?,
            offline_replicas: r.array(true, "OfflineReplicas", 4, |r| r.i32("OfflineReplicas"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cursor {
    pub topic_name: Text,
    pub partition_index: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Cursor {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "TopicName", &self.topic_name)?;
        w.i32(self.partition_index);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_name: r.string(true, "TopicName")?,
            partition_index: r.i32("PartitionIndex")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
