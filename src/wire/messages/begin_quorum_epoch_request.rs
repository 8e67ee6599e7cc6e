//! BeginQuorumEpochRequest, from `schema/raft.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::BeginQuorumEpochResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct BeginQuorumEpochRequest {
    pub cluster_id: Option<Text>,
    /// Version 1.
    pub voter_id: i32,
    pub topics: Vec<TopicData>,
    /// Version 1.
    pub leader_endpoints: Vec<LeaderEndpoint>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for BeginQuorumEpochRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            voter_id: -1,
            topics: Vec::new(),
            leader_endpoints: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for BeginQuorumEpochRequest {
    const NAME: &'static str = "BeginQuorumEpochRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.nullable_string(flex, true, "ClusterId", self.cluster_id.as_ref())?;
        if version >= 1 {
            w.i32(self.voter_id);
        }
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if version >= 1 {
            w.array(true, "LeaderEndpoints", &self.leader_endpoints, |w, v| v.write(w, version))?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            cluster_id: r.nullable_string(flex, true, "ClusterId")?,
            voter_id: if version >= 1 { r.i32("VoterId")? } else { -1 },
            topics: r.array(flex, "Topics", 3, |r| TopicData::read(r, version))?,
            leader_endpoints: if version >= 1 { r.array(true, "LeaderEndpoints", 5, |r| LeaderEndpoint::read(r, version))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for BeginQuorumEpochRequest {
    const API: ApiKey = ApiKey::BeginQuorumEpoch;
    type Response = BeginQuorumEpochResponse;
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
            partitions: r.array(flex, "Partitions", 12, |r| PartitionData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition_index: i32,
    /// Version 1.
    pub voter_directory_id: Uuid,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.i32(self.partition_index);
        if version >= 1 {
            w.uuid(self.voter_directory_id);
        }
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
            voter_directory_id: if version >= 1 { r.uuid("VoterDirectoryId")? } else { Uuid::ZERO },
            leader_id: r.i32("LeaderId")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderEndpoint {
    pub name: Text,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl LeaderEndpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
