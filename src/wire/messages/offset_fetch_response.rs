//! OffsetFetchResponse, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponse {
    /// Versions 3+.
    pub throttle_time_ms: i32,
    /// Versions 1–7.
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// Versions 2–7.
    pub error_code: i16,
    /// Versions 8+.
    pub groups: Vec<OffsetFetchResponseGroup>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for OffsetFetchResponse {
    const NAME: &'static str = "OffsetFetchResponse";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 10 };
    const FLEXIBLE_FROM: Option<i16> = Some(6);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        if version <= 7 {
            w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        }
        if (2..=7).contains(&version) {
            w.i16(self.error_code);
        }
        if version >= 8 {
            w.array(true, "Groups", &self.groups, |w, v| v.write(w, version))?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            throttle_time_ms: if version >= 3 { r.i32("ThrottleTimeMs")? } else { 0 },
            topics: if version <= 7 { r.array(flex, "Topics", 3, |r| OffsetFetchResponseTopic::read(r, version))? } else { Vec::new() },
            error_code: if (2..=7).contains(&version) { r.i16("ErrorCode")? } else { 0 },
            groups: if version >= 8 { r.array(true, "Groups", 5, |r| OffsetFetchResponseGroup::read(r, version))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for OffsetFetchResponse {
    const API: ApiKey = ApiKey::OffsetFetch;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopic {
    pub name: Text,
    pub partitions: Vec<OffsetFetchResponsePartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl OffsetFetchResponseTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        w.string(flex, "Name", &self.name)?;
        w.array(flex, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            name: r.string(flex, "Name")?,
            partitions: r.array(flex, "Partitions", 16, |r| OffsetFetchResponsePartition::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// Versions 5+.
    pub committed_leader_epoch: i32,
    pub metadata: Option<Text>,
    pub error_code: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Text::new()),
            error_code: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl OffsetFetchResponsePartition {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 5 {
            w.i32(self.committed_leader_epoch);
        }
        w.nullable_string(flex, true, "Metadata", self.metadata.as_ref())?;
        w.i16(self.error_code);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            committed_offset: r.i64("CommittedOffset")?,
            committed_leader_epoch: if version >= 5 { r.i32("CommittedLeaderEpoch")? } else { -1 },
            metadata: r.nullable_string(flex, true, "Metadata")?,
            error_code: r.i16("ErrorCode")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseGroup {
    pub group_id: Text,
    pub topics: Vec<OffsetFetchResponseTopics>,
    pub error_code: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl OffsetFetchResponseGroup {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "GroupId", &self.group_id)?;
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.i16(self.error_code);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(true, "GroupId")?,
            topics: r.array(true, "Topics", 3, |r| OffsetFetchResponseTopics::read(r, version))?,
            error_code: r.i16("ErrorCode")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopics {
    /// Versions 8–9.
    pub name: Text,
    /// Version 10.
    pub topic_id: TopicId,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    pub unknown_tagged_fields: TaggedFields,
}

impl OffsetFetchResponseTopics {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if version <= 9 {
            w.string(true, "Name", &self.name)?;
        }
        if version >= 10 {
            w.topic_id(self.topic_id);
        }
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: if version <= 9 { r.string(true, "Name")? } else { Text::new() },
            topic_id: if version >= 10 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            partitions: r.array(true, "Partitions", 20, |r| OffsetFetchResponsePartitions::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    pub committed_offset: i64,
    pub committed_leader_epoch: i32,
    pub metadata: Option<Text>,
    pub error_code: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchResponsePartitions {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Text::new()),
            error_code: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl OffsetFetchResponsePartitions {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        w.i32(self.committed_leader_epoch);
        w.nullable_string(true, true, "Metadata", self.metadata.as_ref())?;
        w.i16(self.error_code);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            committed_offset: r.i64("CommittedOffset")?,
            committed_leader_epoch: r.i32("CommittedLeaderEpoch")?,
            metadata: r.nullable_string(true, true, "Metadata")?,
            error_code: r.i16("ErrorCode")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
