//! CreateDelegationTokenRequest, from `schema/security.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::CreateDelegationTokenResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct CreateDelegationTokenRequest {
    /// Version 3.
    pub owner_principal_type: Option<Text>,
    /// Version 3.
    pub owner_principal_name: Option<Text>,
    pub renewers: Vec<CreatableRenewers>,
    pub max_lifetime_ms: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreateDelegationTokenRequest {
    fn default() -> Self {
        Self {
            owner_principal_type: Some(Text::new()),
            owner_principal_name: Some(Text::new()),
            renewers: Vec::new(),
            max_lifetime_ms: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for CreateDelegationTokenRequest {
    const NAME: &'static str = "CreateDelegationTokenRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = Some(2);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        if version >= 3 {
            w.nullable_string(true, true, "OwnerPrincipalType", self.owner_principal_type.as_ref())?;
        } else if self.owner_principal_type.as_ref().is_none_or(|v| !v.is_empty()) {
            return Err(w.not_in_version("OwnerPrincipalType"));
        }
        if version >= 3 {
            w.nullable_string(true, true, "OwnerPrincipalName", self.owner_principal_name.as_ref())?;
        } else if self.owner_principal_name.as_ref().is_none_or(|v| !v.is_empty()) {
            return Err(w.not_in_version("OwnerPrincipalName"));
        }
        w.array(flex, "Renewers", &self.renewers, |w, v| v.write(w, version))?;
        w.i64(self.max_lifetime_ms);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 2;
        Ok(Self {
            owner_principal_type: if version >= 3 { r.nullable_string(true, true, "OwnerPrincipalType")? } else { Some(Text::new()) },
            owner_principal_name: if version >= 3 { r.nullable_string(true, true, "OwnerPrincipalName")? } else { Some(Text::new()) },
            renewers: r.array(flex, "Renewers", 3, |r| CreatableRenewers::read(r, version))?,
            max_lifetime_ms: r.i64("MaxLifetimeMs")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for CreateDelegationTokenRequest {
    const API: ApiKey = ApiKey::CreateDelegationToken;
    type Response = CreateDelegationTokenResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableRenewers {
    pub principal_type: Text,
    pub principal_name: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl CreatableRenewers {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.string(flex, "PrincipalType", &self.principal_type)?;
        w.string(flex, "PrincipalName", &self.principal_name)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 2;
        Ok(Self {
            principal_type: r.string(flex, "PrincipalType")?,
            principal_name: r.string(flex, "PrincipalName")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
