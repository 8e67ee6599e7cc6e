//! OffsetFetchRequest, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::OffsetFetchResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequest {
    /// Versions 1–7.
    pub group_id: Text,
    /// Versions 1–7; null in versions 2–7.
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// Versions 8+.
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Versions 7+.
    pub require_stable: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        Self {
            group_id: Text::new(),
            topics: Some(Vec::new()),
            groups: Vec::new(),
            require_stable: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetchRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 10 };
    const FLEXIBLE_FROM: Option<i16> = Some(6);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        if version <= 7 {
            w.string(flex, "GroupId", &self.group_id)?;
        } else if !self.group_id.is_empty() {
            return Err(w.not_in_version("GroupId"));
        }
        if version <= 7 {
            w.nullable_array(flex, version >= 2, "Topics", self.topics.as_deref(), |w, v| v.write(w, version))?;
        } else if self.topics.as_ref().is_none_or(|v| !v.is_empty()) {
            return Err(w.not_in_version("Topics"));
        }
        if version >= 8 {
            w.array(true, "Groups", &self.groups, |w, v| v.write(w, version))?;
        } else if !self.groups.is_empty() {
            return Err(w.not_in_version("Groups"));
        }
        if version >= 7 {
            w.bool(self.require_stable);
        } else if self.require_stable {
            return Err(w.not_in_version("RequireStable"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            group_id: if version <= 7 { r.string(flex, "GroupId")? } else { Text::new() },
            topics: if version <= 7 { r.nullable_array(flex, version >= 2, "Topics", 3, |r| OffsetFetchRequestTopic::read(r, version))? } else { Some(Vec::new()) },
            groups: if version >= 8 { r.array(true, "Groups", 3, |r| OffsetFetchRequestGroup::read(r, version))? } else { Vec::new() },
            require_stable: if version >= 7 { r.bool("RequireStable")? } else { false },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for OffsetFetchRequest {
    const API: ApiKey = ApiKey::OffsetFetch;
    type Response = OffsetFetchResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopic {
    pub name: Text,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl OffsetFetchRequestTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        w.string(flex, "Name", &self.name)?;
        w.array(flex, "PartitionIndexes", &self.partition_indexes, |w, v| { w.i32(*v); Ok(()) })?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            name: r.string(flex, "Name")?,
            partition_indexes: r.array(flex, "PartitionIndexes", 4, |r| r.i32("PartitionIndexes"))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequestGroup {
    pub group_id: Text,
    /// Versions 9+.
    pub member_id: Option<Text>,
    /// Versions 9+.
    pub member_epoch: i32,
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        Self {
            group_id: Text::new(),
            member_id: None,
            member_epoch: -1,
            topics: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl OffsetFetchRequestGroup {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "GroupId", &self.group_id)?;
        if version >= 9 {
            w.nullable_string(true, true, "MemberId", self.member_id.as_ref())?;
        }
        if version >= 9 {
            w.i32(self.member_epoch);
        }
        w.nullable_array(true, true, "Topics", self.topics.as_deref(), |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(true, "GroupId")?,
            member_id: if version >= 9 { r.nullable_string(true, true, "MemberId")? } else { None },
            member_epoch: if version >= 9 { r.i32("MemberEpoch")? } else { -1 },
            topics: r.nullable_array(true, true, "Topics", 3, |r| OffsetFetchRequestTopics::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopics {
    /// Versions 8–9.
    pub name: Text,
    /// Version 10.
    pub topic_id: TopicId,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl OffsetFetchRequestTopics {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if version <= 9 {
            w.string(true, "Name", &self.name)?;
        }
        if version >= 10 {
            w.topic_id(self.topic_id);
        }
        w.array(true, "PartitionIndexes", &self.partition_indexes, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: if version <= 9 { r.string(true, "Name")? } else { Text::new() },
            topic_id: if version >= 10 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            partition_indexes: r.array(true, "PartitionIndexes", 4, |r| r.i32("PartitionIndexes"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
