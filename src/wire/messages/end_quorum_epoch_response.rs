//! EndQuorumEpochResponse, from `schema/raft.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochResponse {
    pub error_code: i16,
    pub topics: Vec<TopicData>,
    /// Version 1; tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for EndQuorumEpochResponse {
    const NAME: &'static str = "EndQuorumEpochResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.i16(self.error_code);
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if flex {
            let mut tags = KnownTags::default();
            if !self.node_endpoints.is_empty() {
                tags.add(w, 0, |w| w.array(true, "NodeEndpoints", &self.node_endpoints, |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        let mut m = Self {
            error_code: r.i16("ErrorCode")?,
            topics: r.array(flex, "Topics", 3, |r| TopicData::read(r, version))?,
            node_endpoints: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.node_endpoints = r.array(true, "NodeEndpoints", 8, |r| NodeEndpoint::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

impl ApiResponse for EndQuorumEpochResponse {
    const API: ApiKey = ApiKey::EndQuorumEpoch;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicData {
    pub topic_name: Text,
    pub partitions: Vec<PartitionData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.string(flex, "TopicName", &self.topic_name)?;
        w.array(flex, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            topic_name: r.string(flex, "TopicName")?,
            partitions: r.array(flex, "Partitions", 14, |r| PartitionData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.i32(self.partition_index);
        w.i16(self.error_code);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            error_code: r.i16("ErrorCode")?,
            leader_id: r.i32("LeaderId")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl NodeEndpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
