//! ListConfigResourcesRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};
use super::ListConfigResourcesResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesRequest {
    /// Version 1.
    pub resource_types: Vec<i8>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ListConfigResourcesRequest {
    const NAME: &'static str = "ListConfigResourcesRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if version >= 1 {
            w.array(true, "ResourceTypes", &self.resource_types, |w, v| { w.i8(*v); Ok(()) })?;
        } else if !self.resource_types.is_empty() {
            return Err(w.not_in_version("ResourceTypes"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            resource_types: if version >= 1 { r.array(true, "ResourceTypes", 1, |r| r.i8("ResourceTypes"))? } else { Vec::new() },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ListConfigResourcesRequest {
    const API: ApiKey = ApiKey::ListConfigResources;
    type Response = ListConfigResourcesResponse;
}
