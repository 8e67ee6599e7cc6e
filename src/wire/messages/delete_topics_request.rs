//! DeleteTopicsRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::DeleteTopicsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsRequest {
    /// Version 6.
    pub topics: Vec<DeleteTopicState>,
    /// Versions 1–5.
    pub topic_names: Vec<Text>,
    pub timeout_ms: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DeleteTopicsRequest {
    const NAME: &'static str = "DeleteTopicsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 6 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        if version >= 6 {
            w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        } else if !self.topics.is_empty() {
            return Err(w.not_in_version("Topics"));
        }
        if version <= 5 {
            w.array(flex, "TopicNames", &self.topic_names, |w, v| w.string(flex, "TopicNames", v))?;
        }
        w.i32(self.timeout_ms);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            topics: if version >= 6 { r.array(true, "Topics", 18, |r| DeleteTopicState::read(r, version))? } else { Vec::new() },
            topic_names: if version <= 5 { r.array(flex, "TopicNames", 1, |r| r.string(flex, "TopicNames"))? } else { Vec::new() },
            timeout_ms: r.i32("TimeoutMs")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for DeleteTopicsRequest {
    const API: ApiKey = ApiKey::DeleteTopics;
    type Response = DeleteTopicsResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicState {
    pub name: Option<Text>,
    pub topic_id: TopicId,
    pub unknown_tagged_fields: TaggedFields,
}

impl DeleteTopicState {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "Name", self.name.as_ref())?;
        w.topic_id(self.topic_id);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.nullable_string(true, true, "Name")?,
            topic_id: r.topic_id("TopicId")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
