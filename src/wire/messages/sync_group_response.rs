//! SyncGroupResponse, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupResponse {
    /// Versions 1+.
    pub throttle_time_ms: i32,
    pub error_code: i16,
    /// Version 5.
    pub protocol_type: Option<Text>,
    /// Version 5.
    pub protocol_name: Option<Text>,
    pub assignment: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for SyncGroupResponse {
    const NAME: &'static str = "SyncGroupResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code);
        if version >= 5 {
            w.nullable_string(true, true, "ProtocolType", self.protocol_type.as_ref())?;
        }
        if version >= 5 {
            w.nullable_string(true, true, "ProtocolName", self.protocol_name.as_ref())?;
        }
        w.bytes(flex, "Assignment", &self.assignment)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            throttle_time_ms: if version >= 1 { r.i32("ThrottleTimeMs")? } else { 0 },
            error_code: r.i16("ErrorCode")?,
            protocol_type: if version >= 5 { r.nullable_string(true, true, "ProtocolType")? } else { None },
            protocol_name: if version >= 5 { r.nullable_string(true, true, "ProtocolName")? } else { None },
            assignment: r.bytes(flex, "Assignment")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for SyncGroupResponse {
    const API: ApiKey = ApiKey::SyncGroup;
}
