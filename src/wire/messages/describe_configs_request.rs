//! DescribeConfigsRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::DescribeConfigsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    /// Versions 3+.
    pub include_documentation: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeConfigsRequest {
    const NAME: &'static str = "DescribeConfigsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.array(flex, "Resources", &self.resources, |w, v| v.write(w, version))?;
        w.bool(self.include_synonyms);
        if version >= 3 {
            w.bool(self.include_documentation);
        } else if self.include_documentation {
            return Err(w.not_in_version("IncludeDocumentation"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            resources: r.array(flex, "Resources", 4, |r| DescribeConfigsResource::read(r, version))?,
            include_synonyms: r.bool("IncludeSynonyms")?,
            include_documentation: if version >= 3 { r.bool("IncludeDocumentation")? } else { false },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for DescribeConfigsRequest {
    const API: ApiKey = ApiKey::DescribeConfigs;
    type Response = DescribeConfigsResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResource {
    pub resource_type: i8,
    pub resource_name: Text,
    pub configuration_keys: Option<Vec<Text>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsResource {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Text::new(),
            configuration_keys: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribeConfigsResource {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.i8(self.resource_type);
        w.string(flex, "ResourceName", &self.resource_name)?;
        w.nullable_array(flex, true, "ConfigurationKeys", self.configuration_keys.as_deref(), |w, v| w.string(flex, "ConfigurationKeys", v))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            resource_type: r.i8("ResourceType")?,
            resource_name: r.string(flex, "ResourceName")?,
            configuration_keys: r.nullable_array(flex, true, "ConfigurationKeys", 1, |r| r.string(flex, "ConfigurationKeys"))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
