//! VoteRequest, from `schema/raft.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::VoteResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct VoteRequest {
    pub cluster_id: Option<Text>,
    /// Versions 1+.
    pub voter_id: i32,
    pub topics: Vec<TopicData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for VoteRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            voter_id: -1,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for VoteRequest {
    const NAME: &'static str = "VoteRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "ClusterId", self.cluster_id.as_ref())?;
        if version >= 1 {
            w.i32(self.voter_id);
        }
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster_id: r.nullable_string(true, true, "ClusterId")?,
            voter_id: if version >= 1 { r.i32("VoterId")? } else { -1 },
            topics: r.array(true, "Topics", 3, |r| TopicData::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for VoteRequest {
    const API: ApiKey = ApiKey::Vote;
    type Response = VoteResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicData {
    pub topic_name: Text,
    pub partitions: Vec<PartitionData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "TopicName", &self.topic_name)?;
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_name: r.string(true, "TopicName")?,
            partitions: r.array(true, "Partitions", 25, |r| PartitionData::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition_index: i32,
    pub replica_epoch: i32,
    pub replica_id: i32,
    /// Versions 1+.
    pub replica_directory_id: Uuid,
    /// Versions 1+.
    pub voter_directory_id: Uuid,
    pub last_offset_epoch: i32,
    pub last_offset: i64,
    /// Version 2.
    pub pre_vote: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition_index);
        w.i32(self.replica_epoch);
        w.i32(self.replica_id);
        if version >= 1 {
            w.uuid(self.replica_directory_id);
        }
        if version >= 1 {
            w.uuid(self.voter_directory_id);
        }
        w.i32(self.last_offset_epoch);
        w.i64(self.last_offset);
        if version >= 2 {
            w.bool(self.pre_vote);
        } else if self.pre_vote {
            return Err(w.not_in_version("PreVote"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            replica_epoch: r.i32("ReplicaEpoch")?,
            replica_id: r.i32("ReplicaId")?,
            replica_directory_id: if version >= 1 { r.uuid("ReplicaDirectoryId")? } else { Uuid::ZERO },
            voter_directory_id: if version >= 1 { r.uuid("VoterDirectoryId")? } else { Uuid::ZERO },
            last_offset_epoch: r.i32("LastOffsetEpoch")?,
            last_offset: r.i64("LastOffset")?,
            pre_vote: if version >= 2 { r.bool("PreVote")? } else { false },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
