//! ListConfigResourcesResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub config_resources: Vec<ConfigResource>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ListConfigResourcesResponse {
    const NAME: &'static str = "ListConfigResourcesResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.array(true, "ConfigResources", &self.config_resources, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            config_resources: r.array(true, "ConfigResources", 2, |r| ConfigResource::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for ListConfigResourcesResponse {
    const API: ApiKey = ApiKey::ListConfigResources;
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConfigResource {
    pub resource_name: Text,
    /// Version 1.
    pub resource_type: i8,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ConfigResource {
    fn default() -> Self {
        Self {
            resource_name: Text::new(),
            resource_type: 16,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl ConfigResource {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "ResourceName", &self.resource_name)?;
        if version >= 1 {
            w.i8(self.resource_type);
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            resource_name: r.string(true, "ResourceName")?,
            resource_type: if version >= 1 { r.i8("ResourceType")? } else { 16 },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
