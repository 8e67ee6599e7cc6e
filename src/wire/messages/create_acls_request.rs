//! CreateAclsRequest, from `schema/security.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::CreateAclsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateAclsRequest {
    pub creations: Vec<AclCreation>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for CreateAclsRequest {
    const NAME: &'static str = "CreateAclsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = Some(2);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.array(flex, "Creations", &self.creations, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 2;
        Ok(Self {
            creations: r.array(flex, "Creations", 8, |r| AclCreation::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for CreateAclsRequest {
    const API: ApiKey = ApiKey::CreateAcls;
    type Response = CreateAclsResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct AclCreation {
    pub resource_type: i8,
    pub resource_name: Text,
    pub resource_pattern_type: i8,
    pub principal: Text,
    pub host: Text,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for AclCreation {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Text::new(),
            resource_pattern_type: 3,
            principal: Text::new(),
            host: Text::new(),
            operation: 0,
            permission_type: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl AclCreation {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.i8(self.resource_type);
        w.string(flex, "ResourceName", &self.resource_name)?;
        w.i8(self.resource_pattern_type);
        w.string(flex, "Principal", &self.principal)?;
        w.string(flex, "Host", &self.host)?;
        w.i8(self.operation);
        w.i8(self.permission_type);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 2;
        Ok(Self {
            resource_type: r.i8("ResourceType")?,
            resource_name: r.string(flex, "ResourceName")?,
            resource_pattern_type: r.i8("ResourcePatternType")?,
            principal: r.string(flex, "Principal")?,
            host: r.string(flex, "Host")?,
            operation: r.i8("Operation")?,
            permission_type: r.i8("PermissionType")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
