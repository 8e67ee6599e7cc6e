//! DeleteTopicsResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DeleteTopicsResponse {
    const NAME: &'static str = "DeleteTopicsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 6 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.i32(self.throttle_time_ms);
        w.array(flex, "Responses", &self.responses, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            responses: r.array(flex, "Responses", 4, |r| DeletableTopicResult::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for DeleteTopicsResponse {
    const API: ApiKey = ApiKey::DeleteTopics;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeletableTopicResult {
    /// Null in version 6.
    pub name: Option<Text>,
    /// Version 6.
    pub topic_id: TopicId,
    pub error_code: i16,
    /// Versions 5+.
    pub error_message: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        Self {
            name: Some(Text::new()),
            topic_id: TopicId::ZERO,
            error_code: 0,
            error_message: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DeletableTopicResult {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.nullable_string(flex, version >= 6, "Name", self.name.as_ref())?;
        if version >= 6 {
            w.topic_id(self.topic_id);
        }
        w.i16(self.error_code);
        if version >= 5 {
            w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            name: r.nullable_string(flex, version >= 6, "Name")?,
            topic_id: if version >= 6 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            error_code: r.i16("ErrorCode")?,
            error_message: if version >= 5 { r.nullable_string(true, true, "ErrorMessage")? } else { None },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
