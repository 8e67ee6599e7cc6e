//! ApiVersionsRequest, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ApiVersionsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersionsRequest {
    /// Versions 3+.
    pub client_software_name: Text,
    /// Versions 3+.
    pub client_software_version: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersionsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        if version >= 3 {
            w.string(true, "ClientSoftwareName", &self.client_software_name)?;
        }
        if version >= 3 {
            w.string(true, "ClientSoftwareVersion", &self.client_software_version)?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            client_software_name: if version >= 3 { r.string(true, "ClientSoftwareName")? } else { Text::new() },
            client_software_version: if version >= 3 { r.string(true, "ClientSoftwareVersion")? } else { Text::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for ApiVersionsRequest {
    const API: ApiKey = ApiKey::ApiVersions;
    type Response = ApiVersionsResponse;
}
