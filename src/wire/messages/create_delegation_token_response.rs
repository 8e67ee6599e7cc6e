//! CreateDelegationTokenResponse, from `schema/security.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateDelegationTokenResponse {
    pub error_code: i16,
    pub principal_type: Text,
    pub principal_name: Text,
    /// Version 3.
    pub token_requester_principal_type: Text,
    /// Version 3.
    pub token_requester_principal_name: Text,
    pub issue_timestamp_ms: i64,
    pub expiry_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub token_id: Text,
    pub hmac: Bytes,
    pub throttle_time_ms: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for CreateDelegationTokenResponse {
    const NAME: &'static str = "CreateDelegationTokenResponse";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = Some(2);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 2;
        w.i16(self.error_code);
        w.string(flex, "PrincipalType", &self.principal_type)?;
        w.string(flex, "PrincipalName", &self.principal_name)?;
        if version >= 3 {
            w.string(true, "TokenRequesterPrincipalType", &self.token_requester_principal_type)?;
        }
        if version >= 3 {
            w.string(true, "TokenRequesterPrincipalName", &self.token_requester_principal_name)?;
        }
        w.i64(self.issue_timestamp_ms);
        w.i64(self.expiry_timestamp_ms);
        w.i64(self.max_timestamp_ms);
        w.string(flex, "TokenId", &self.token_id)?;
        w.bytes(flex, "Hmac", &self.hmac)?;
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
            principal_type: r.string(flex, "PrincipalType")?,
            principal_name: r.string(flex, "PrincipalName")?,
            token_requester_principal_type: if version >= 3 { r.string(true, "TokenRequesterPrincipalType")? } else { Text::new() },
            token_requester_principal_name: if version >= 3 { r.string(true, "TokenRequesterPrincipalName")? } else { Text::new() },
            issue_timestamp_ms: r.i64("IssueTimestampMs")?,
            expiry_timestamp_ms: r.i64("ExpiryTimestampMs")?,
            max_timestamp_ms: r.i64("MaxTimestampMs")?,
            token_id: r.string(flex, "TokenId")?,
            hmac: r.bytes(flex, "Hmac")?,
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for CreateDelegationTokenResponse {
    const API: ApiKey = ApiKey::CreateDelegationToken;
}
