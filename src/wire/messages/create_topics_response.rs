//! CreateTopicsResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateTopicsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for CreateTopicsResponse {
    const NAME: &'static str = "CreateTopicsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 2, max: 7 };
    const FLEXIBLE_FROM: Option<i16> = Some(5);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.i32(self.throttle_time_ms);
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            topics: r.array(flex, "Topics", 6, |r| CreatableTopicResult::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for CreateTopicsResponse {
    const API: ApiKey = ApiKey::CreateTopics;
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicResult {
    pub name: Text,
    /// Version 7.
    pub topic_id: TopicId,
    pub error_code: i16,
    pub error_message: Option<Text>,
    /// Versions 5+; tag 0.
    pub topic_config_error_code: i16,
    /// Versions 5+.
    pub num_partitions: i32,
    /// Versions 5+.
    pub replication_factor: i16,
    /// Versions 5+.
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        Self {
            name: Text::new(),
            topic_id: TopicId::ZERO,
            error_code: 0,
            error_message: Some(Text::new()),
            topic_config_error_code: 0,
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl CreatableTopicResult {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.string(flex, "Name", &self.name)?;
        if version >= 7 {
            w.topic_id(self.topic_id);
        }
        w.i16(self.error_code);
        w.nullable_string(flex, true, "ErrorMessage", self.error_message.as_ref())?;
        if version >= 5 {
            w.i32(self.num_partitions);
        }
        if version >= 5 {
            w.i16(self.replication_factor);
        }
        if version >= 5 {
            w.nullable_array(true, true, "Configs", self.configs.as_deref(), |w, v| v.write(w, version))?;
        }
        if flex {
            let mut tags = KnownTags::default();
            if self.topic_config_error_code != 0 {
                tags.add(w, 0, |w| { w.i16(self.topic_config_error_code); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        let mut m = Self {
            name: r.string(flex, "Name")?,
            topic_id: if version >= 7 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(flex, true, "ErrorMessage")?,
            num_partitions: if version >= 5 { r.i32("NumPartitions")? } else { -1 },
            replication_factor: if version >= 5 { r.i16("ReplicationFactor")? } else { -1 },
            configs: if version >= 5 { r.nullable_array(true, true, "Configs", 6, |r| CreatableTopicConfigs::read(r, version))? } else { Some(Vec::new()) },
            topic_config_error_code: 0,
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.topic_config_error_code = r.i16("TopicConfigErrorCode")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicConfigs {
    pub name: Text,
    pub value: Option<Text>,
    pub read_only: bool,
    pub config_source: i8,
    pub is_sensitive: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        Self {
            name: Text::new(),
            value: Some(Text::new()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl CreatableTopicConfigs {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.nullable_string(true, true, "Value", self.value.as_ref())?;
        w.bool(self.read_only);
        w.i8(self.config_source);
        w.bool(self.is_sensitive);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            value: r.nullable_string(true, true, "Value")?,
            read_only: r.bool("ReadOnly")?,
            config_source: r.i8("ConfigSource")?,
            is_sensitive: r.bool("IsSensitive")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
