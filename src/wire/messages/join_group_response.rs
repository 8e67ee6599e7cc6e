//! JoinGroupResponse, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupResponse {
    /// Versions 2+.
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub generation_id: i32,
    /// Versions 7+.
    pub protocol_type: Option<Text>,
    /// Null in versions 7+.
    pub protocol_name: Option<Text>,
    pub leader: Text,
    /// Version 9.
    pub skip_assignment: bool,
    pub member_id: Text,
    pub members: Vec<JoinGroupResponseMember>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(Text::new()),
            leader: Text::new(),
            skip_assignment: false,
            member_id: Text::new(),
            members: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for JoinGroupResponse {
    const NAME: &'static str = "JoinGroupResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 9 };
    const FLEXIBLE_FROM: Option<i16> = Some(6);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        if version >= 2 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code);
        w.i32(self.generation_id);
        if version >= 7 {
            w.nullable_string(true, true, "ProtocolType", self.protocol_type.as_ref())?;
        }
        w.nullable_string(flex, version >= 7, "ProtocolName", self.protocol_name.as_ref())?;
        w.string(flex, "Leader", &self.leader)?;
        if version >= 9 {
            w.bool(self.skip_assignment);
        }
        w.string(flex, "MemberId", &self.member_id)?;
        w.array(flex, "Members", &self.members, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            throttle_time_ms: if version >= 2 { r.i32("ThrottleTimeMs")? } else { 0 },
            error_code: r.i16("ErrorCode")?,
            generation_id: r.i32("GenerationId")?,
            protocol_type: if version >= 7 { r.nullable_string(true, true, "ProtocolType")? } else { None },
            protocol_name: r.nullable_string(flex, version >= 7, "ProtocolName")?,
            leader: r.string(flex, "Leader")?,
            skip_assignment: if version >= 9 { r.bool("SkipAssignment")? } else { false },
            member_id: r.string(flex, "MemberId")?,
            members: r.array(flex, "Members", 4, |r| JoinGroupResponseMember::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for JoinGroupResponse {
    const API: ApiKey = ApiKey::JoinGroup;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupResponseMember {
    pub member_id: Text,
    /// Versions 5+.
    pub group_instance_id: Option<Text>,
    pub metadata: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl JoinGroupResponseMember {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        w.string(flex, "MemberId", &self.member_id)?;
        if version >= 5 {
            w.nullable_string(flex, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        }
        w.bytes(flex, "Metadata", &self.metadata)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            member_id: r.string(flex, "MemberId")?,
            group_instance_id: if version >= 5 { r.nullable_string(flex, true, "GroupInstanceId")? } else { None },
            metadata: r.bytes(flex, "Metadata")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
