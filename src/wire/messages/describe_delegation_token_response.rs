//! DescribeDelegationTokenResponse, from `schema/security.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeDelegationTokenResponse {
    pub error_code: i16,
    pub tokens: Vec<DescribedDelegationToken>,
    pub throttle_time_ms: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeDelegationTokenResponse {
    const NAME: &'static str = "DescribeDelegationTokenResponse";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = Some(2);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.i16(self.error_code);
        w.array(flex, "Tokens", &self.tokens, |w, v| v.write(w, version))?;
        w.i32(self.throttle_time_ms);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 2;
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            tokens: r.array(flex, "Tokens", 30, |r| DescribedDelegationToken::read(r, version))?,
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for DescribeDelegationTokenResponse {
    const API: ApiKey = ApiKey::DescribeDelegationToken;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedDelegationToken {
    pub principal_type: Text,
    pub principal_name: Text,
    /// Version 3.
    pub token_requester_principal_type: Text,
    /// Version 3.
    pub token_requester_principal_name: Text,
    pub issue_timestamp: i64,
    pub expiry_timestamp: i64,
    pub max_timestamp: i64,
    pub token_id: Text,
    pub hmac: Bytes,
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    pub unknown_tagged_fields: TaggedFields,
}

impl DescribedDelegationToken {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.string(flex, "PrincipalType", &self.principal_type)?;
        w.string(flex, "PrincipalName", &self.principal_name)?;
        if version >= 3 {
            w.string(true, "TokenRequesterPrincipalType", &self.token_requester_principal_type)?;
        }
        if version >= 3 {
            w.string(true, "TokenRequesterPrincipalName", &self.token_requester_principal_name)?;
        }
        w.i64(self.issue_timestamp);
        w.i64(self.expiry_timestamp);
        w.i64(self.max_timestamp);
        w.string(flex, "TokenId", &self.token_id)?;
        w.bytes(flex, "Hmac", &self.hmac)?;
        w.array(flex, "Renewers", &self.renewers, |w, v| v.write(w, version))?;
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
            token_requester_principal_type: if version >= 3 { r.string(true, "TokenRequesterPrincipalType")? } else { Text::new() },
            token_requester_principal_name: if version >= 3 { r.string(true, "TokenRequesterPrincipalName")? } else { Text::new() },
            issue_timestamp: r.i64("IssueTimestamp")?,
            expiry_timestamp: r.i64("ExpiryTimestamp")?,
            max_timestamp: r.i64("MaxTimestamp")?,
            token_id: r.string(flex, "TokenId")?,
            hmac: r.bytes(flex, "Hmac")?,
            renewers: r.array(flex, "Renewers", 3, |r| DescribedDelegationTokenRenewer::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedDelegationTokenRenewer {
    pub principal_type: Text,
    pub principal_name: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl DescribedDelegationTokenRenewer {
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
