//! DescribeConfigsResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeConfigsResponse {
    const NAME: &'static str = "DescribeConfigsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.i32(self.throttle_time_ms);
        w.array(flex, "Results", &self.results, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            results: r.array(flex, "Results", 7, |r| DescribeConfigsResult::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for DescribeConfigsResponse {
    const API: ApiKey = ApiKey::DescribeConfigs;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResult {
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub resource_type: i8,
    pub resource_name: Text,
    pub configs: Vec<DescribeConfigsResourceResult>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsResult {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Text::new()),
            resource_type: 0,
            resource_name: Text::new(),
            configs: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribeConfigsResult {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.i16(self.error_code);
        w.nullable_string(flex, true, "ErrorMessage", self.error_message.as_ref())?;
        w.i8(self.resource_type);
        w.string(flex, "ResourceName", &self.resource_name)?;
        w.array(flex, "Configs", &self.configs, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(flex, true, "ErrorMessage")?,
            resource_type: r.i8("ResourceType")?,
            resource_name: r.string(flex, "ResourceName")?,
            configs: r.array(flex, "Configs", 9, |r| DescribeConfigsResourceResult::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResourceResult {
    pub name: Text,
    pub value: Option<Text>,
    pub read_only: bool,
    pub config_source: i8,
    pub is_sensitive: bool,
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// Versions 3+.
    pub config_type: i8,
    /// Versions 3+.
    pub documentation: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        Self {
            name: Text::new(),
            value: Some(Text::new()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribeConfigsResourceResult {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "Name", &self.name)?;
        w.nullable_string(flex, true, "Value", self.value.as_ref())?;
        w.bool(self.read_only);
        w.i8(self.config_source);
        w.bool(self.is_sensitive);
        w.array(flex, "Synonyms", &self.synonyms, |w, v| v.write(w, version))?;
        if version >= 3 {
            w.i8(self.config_type);
        }
        if version >= 3 {
            w.nullable_string(flex, true, "Documentation", self.documentation.as_ref())?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            name: r.string(flex, "Name")?,
            value: r.nullable_string(flex, true, "Value")?,
            read_only: r.bool("ReadOnly")?,
            config_source: r.i8("ConfigSource")?,
            is_sensitive: r.bool("IsSensitive")?,
            synonyms: r.array(flex, "Synonyms", 4, |r| DescribeConfigsSynonym::read(r, version))?,
            config_type: if version >= 3 { r.i8("ConfigType")? } else { 0 },
            documentation: if version >= 3 { r.nullable_string(flex, true, "Documentation")? } else { Some(Text::new()) },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsSynonym {
    pub name: Text,
    pub value: Option<Text>,
    pub source: i8,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsSynonym {
    fn default() -> Self {
        Self {
            name: Text::new(),
            value: Some(Text::new()),
            source: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribeConfigsSynonym {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "Name", &self.name)?;
        w.nullable_string(flex, true, "Value", self.value.as_ref())?;
        w.i8(self.source);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            name: r.string(flex, "Name")?,
            value: r.nullable_string(flex, true, "Value")?,
            source: r.i8("Source")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
