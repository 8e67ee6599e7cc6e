//! OffsetCommitRequest, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::OffsetCommitResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequest {
    pub group_id: Text,
    pub generation_id_or_member_epoch: i32,
    pub member_id: Text,
    /// Versions 7+.
    pub group_instance_id: Option<Text>,
    /// Versions 2–4.
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        Self {
            group_id: Text::new(),
            generation_id_or_member_epoch: -1,
            member_id: Text::new(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for OffsetCommitRequest {
    const NAME: &'static str = "OffsetCommitRequest";
    const VERSIONS: VersionRange = VersionRange { min: 2, max: 10 };
    const FLEXIBLE_FROM: Option<i16> = Some(8);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 8;
        w.string(flex, "GroupId", &self.group_id)?;
        w.i32(self.generation_id_or_member_epoch);
        w.string(flex, "MemberId", &self.member_id)?;
        if version >= 7 {
            w.nullable_string(flex, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        } else if self.group_instance_id.is_some() {
            return Err(w.not_in_version("GroupInstanceId"));
        }
        if version <= 4 {
            w.i64(self.retention_time_ms);
        }
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 8;
        Ok(Self {
            group_id: r.string(flex, "GroupId")?,
            generation_id_or_member_epoch: r.i32("GenerationIdOrMemberEpoch")?,
            member_id: r.string(flex, "MemberId")?,
            group_instance_id: if version >= 7 { r.nullable_string(flex, true, "GroupInstanceId")? } else { None },
            retention_time_ms: if version <= 4 { r.i64("RetentionTimeMs")? } else { -1 },
            topics: r.array(flex, "Topics", 3, |r| OffsetCommitRequestTopic::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for OffsetCommitRequest {
    const API: ApiKey = ApiKey::OffsetCommit;
    type Response = OffsetCommitResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitRequestTopic {
    /// Versions 2–9.
    pub name: Text,
    /// Version 10.
    pub topic_id: TopicId,
    pub partitions: Vec<OffsetCommitRequestPartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl OffsetCommitRequestTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 8;
        if version <= 9 {
            w.string(flex, "Name", &self.name)?;
        }
        if version >= 10 {
            w.topic_id(self.topic_id);
        }
        w.array(flex, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 8;
        Ok(Self {
            name: if version <= 9 { r.string(flex, "Name")? } else { Text::new() },
            topic_id: if version >= 10 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            partitions: r.array(flex, "Partitions", 14, |r| OffsetCommitRequestPartition::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// Versions 6+.
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl OffsetCommitRequestPartition {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 8;
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 6 {
            w.i32(self.committed_leader_epoch);
        }
        w.nullable_string(flex, true, "CommittedMetadata", self.committed_metadata.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 8;
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            committed_offset: r.i64("CommittedOffset")?,
            committed_leader_epoch: if version >= 6 { r.i32("CommittedLeaderEpoch")? } else { -1 },
            committed_metadata: r.nullable_string(flex, true, "CommittedMetadata")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
