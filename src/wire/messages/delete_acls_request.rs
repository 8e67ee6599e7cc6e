//! DeleteAclsRequest, from `schema/security.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::DeleteAclsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteAclsRequest {
    pub filters: Vec<DeleteAclsFilter>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DeleteAclsRequest {
    const NAME: &'static str = "DeleteAclsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = Some(2);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.array(flex, "Filters", &self.filters, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 2;
        Ok(Self {
            filters: r.array(flex, "Filters", 8, |r| DeleteAclsFilter::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for DeleteAclsRequest {
    const API: ApiKey = ApiKey::DeleteAcls;
    type Response = DeleteAclsResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeleteAclsFilter {
    pub resource_type_filter: i8,
    pub resource_name_filter: Option<Text>,
    pub pattern_type_filter: i8,
    pub principal_filter: Option<Text>,
    pub host_filter: Option<Text>,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DeleteAclsFilter {
    fn default() -> Self {
        Self {
            resource_type_filter: 0,
            resource_name_filter: Some(Text::new()),
            pattern_type_filter: 3,
            principal_filter: Some(Text::new()),
            host_filter: Some(Text::new()),
            operation: 0,
            permission_type: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DeleteAclsFilter {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.i8(self.resource_type_filter);
        w.nullable_string(flex, true, "ResourceNameFilter", self.resource_name_filter.as_ref())?;
        w.i8(self.pattern_type_filter);
        w.nullable_string(flex, true, "PrincipalFilter", self.principal_filter.as_ref())?;
        w.nullable_string(flex, true, "HostFilter", self.host_filter.as_ref())?;
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
            resource_type_filter: r.i8("ResourceTypeFilter")?,
            resource_name_filter: r.nullable_string(flex, true, "ResourceNameFilter")?,
            pattern_type_filter: r.i8("PatternTypeFilter")?,
            principal_filter: r.nullable_string(flex, true, "PrincipalFilter")?,
            host_filter: r.nullable_string(flex, true, "HostFilter")?,
            operation: r.i8("Operation")?,
            permission_type: r.i8("PermissionType")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
