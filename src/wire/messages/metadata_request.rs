//! MetadataRequest, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::MetadataResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequest {
    /// Null in versions 1+.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Versions 4+.
    pub allow_auto_topic_creation: bool,
    /// Versions 8–10.
    pub include_cluster_authorized_operations: bool,
    /// Versions 8+.
    pub include_topic_authorized_operations: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 13 };
    const FLEXIBLE_FROM: Option<i16> = Some(9);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.nullable_array(flex, version >= 1, "Topics", self.topics.as_deref(), |w, v| v.write(w, version))?;
        if version >= 4 {
            w.bool(self.allow_auto_topic_creation);
        } else if !self.allow_auto_topic_creation {
            return Err(w.not_in_version("AllowAutoTopicCreation"));
        }
        if (8..=10).contains(&version) {
            w.bool(self.include_cluster_authorized_operations);
        } else if self.include_cluster_authorized_operations {
            return Err(w.not_in_version("IncludeClusterAuthorizedOperations"));
        }
        if version >= 8 {
            w.bool(self.include_topic_authorized_operations);
        } else if self.include_topic_authorized_operations {
            return Err(w.not_in_version("IncludeTopicAuthorizedOperations"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            topics: r.nullable_array(flex, version >= 1, "Topics", 2, |r| MetadataRequestTopic::read(r, version))?,
            allow_auto_topic_creation: if version >= 4 { r.bool("AllowAutoTopicCreation")? } else { true },
            include_cluster_authorized_operations: if (8..=10).contains(&version) { r.bool("IncludeClusterAuthorizedOperations")? } else { false },
            include_topic_authorized_operations: if version >= 8 { r.bool("IncludeTopicAuthorizedOperations")? } else { false },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for MetadataRequest {
    const API: ApiKey = ApiKey::Metadata;
    type Response = MetadataResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequestTopic {
    /// Versions 10+.
    pub topic_id: TopicId,
    /// Null in versions 10+.
    pub name: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        Self {
            topic_id: TopicId::ZERO,
            name: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl MetadataRequestTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        if version >= 10 {
            w.topic_id(self.topic_id);
        }
        w.nullable_string(flex, version >= 10, "Name", self.name.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            topic_id: if version >= 10 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            name: r.nullable_string(flex, version >= 10, "Name")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
