//! MetadataResponse, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponse {
    /// Versions 3+.
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    /// Versions 2+.
    pub cluster_id: Option<Text>,
    /// Versions 1+.
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    /// Versions 8–10.
    pub cluster_authorized_operations: i32,
    /// Version 13.
    pub error_code: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: -2147483648,
            error_code: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for MetadataResponse {
    const NAME: &'static str = "MetadataResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 13 };
    const FLEXIBLE_FROM: Option<i16> = Some(9);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        w.array(flex, "Brokers", &self.brokers, |w, v| v.write(w, version))?;
        if version >= 2 {
            w.nullable_string(flex, true, "ClusterId", self.cluster_id.as_ref())?;
        }
        if version >= 1 {
            w.i32(self.controller_id);
        }
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if (8..=10).contains(&version) {
            w.i32(self.cluster_authorized_operations);
        }
        if version >= 13 {
            w.i16(self.error_code);
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            throttle_time_ms: if version >= 3 { r.i32("ThrottleTimeMs")? } else { 0 },
            brokers: r.array(flex, "Brokers", 10, |r| MetadataResponseBroker::read(r, version))?,
            cluster_id: if version >= 2 { r.nullable_string(flex, true, "ClusterId")? } else { None },
            controller_id: if version >= 1 { r.i32("ControllerId")? } else { -1 },
            topics: r.array(flex, "Topics", 8, |r| MetadataResponseTopic::read(r, version))?,
            cluster_authorized_operations: if (8..=10).contains(&version) { r.i32("ClusterAuthorizedOperations")? } else { -2147483648 },
            error_code: if version >= 13 { r.i16("ErrorCode")? } else { 0 },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for MetadataResponse {
    const API: ApiKey = ApiKey::Metadata;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: Text,
    pub port: i32,
    /// Versions 1+.
    pub rack: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl MetadataResponseBroker {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.i32(self.node_id);
        w.string(flex, "Host", &self.host)?;
        w.i32(self.port);
        if version >= 1 {
            w.nullable_string(flex, true, "Rack", self.rack.as_ref())?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            node_id: r.i32("NodeId")?,
            host: r.string(flex, "Host")?,
            port: r.i32("Port")?,
            rack: if version >= 1 { r.nullable_string(flex, true, "Rack")? } else { None },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponseTopic {
    pub error_code: i16,
    /// Null in versions 12+.
    pub name: Option<Text>,
    /// Versions 10+.
    pub topic_id: TopicId,
    /// Versions 1+.
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    /// Versions 8+.
    pub topic_authorized_operations: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataResponseTopic {
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

impl MetadataResponseTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.i16(self.error_code);
        w.nullable_string(flex, version >= 12, "Name", self.name.as_ref())?;
        if version >= 10 {
            w.topic_id(self.topic_id);
        }
        if version >= 1 {
            w.bool(self.is_internal);
        }
        w.array(flex, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        if version >= 8 {
            w.i32(self.topic_authorized_operations);
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            name: r.nullable_string(flex, version >= 12, "Name")?,
            topic_id: if version >= 10 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            is_internal: if version >= 1 { r.bool("IsInternal")? } else { false },
            partitions: r.array(flex, "Partitions", 18, |r| MetadataResponsePartition::read(r, version))?,
            topic_authorized_operations: if version >= 8 { r.i32("TopicAuthorizedOperations")? } else { -2147483648 },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    /// Versions 7+.
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    /// Versions 5+.
    pub offline_replicas: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl MetadataResponsePartition {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.i16(self.error_code);
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        if version >= 7 {
            w.i32(self.leader_epoch);
        }
        w.array(flex, "ReplicaNodes", &self.replica_nodes, |w, v| { w.i32(*v); Ok(()) })?;
        w.array(flex, "IsrNodes", &self.isr_nodes, |w, v| { w.i32(*v); Ok(()) })?;
        if version >= 5 {
            w.array(flex, "OfflineReplicas", &self.offline_replicas, |w, v| { w.i32(*v); Ok(()) })?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            partition_index: r.i32("PartitionIndex")?,
            leader_id: r.i32("LeaderId")?,
            leader_epoch: if version >= 7 { r.i32("LeaderEpoch")? } else { -1 },
            replica_nodes: r.array(flex, "ReplicaNodes", 4, |r| r.i32("ReplicaNodes"))?,
            isr_nodes: r.array(flex, "IsrNodes", 4, |r| r.i32("IsrNodes"))?,
            offline_replicas: if version >= 5 { r.array(flex, "OfflineReplicas", 4, |r| r.i32("OfflineReplicas"))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
