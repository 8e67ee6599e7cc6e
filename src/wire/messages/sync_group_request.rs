//! SyncGroupRequest, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;
use super::SyncGroupResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupRequest {
    pub group_id: Text,
    pub generation_id: i32,
    pub member_id: Text,
    /// Versions 3+.
    pub group_instance_id: Option<Text>,
    /// Version 5.
    pub protocol_type: Option<Text>,
    /// Version 5.
    pub protocol_name: Option<Text>,
    pub assignments: Vec<SyncGroupRequestAssignment>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for SyncGroupRequest {
    const NAME: &'static str = "SyncGroupRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "GroupId", &self.group_id)?;
        w.i32(self.generation_id);
        w.string(flex, "MemberId", &self.member_id)?;
        if version >= 3 {
            w.nullable_string(flex, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        } else if self.group_instance_id.is_some() {
            return Err(w.not_in_version("GroupInstanceId"));
        }
        if version >= 5 {
            w.nullable_string(true, true, "ProtocolType", self.protocol_type.as_ref())?;
        }
        if version >= 5 {
            w.nullable_string(true, true, "ProtocolName", self.protocol_name.as_ref())?;
        }
        w.array(flex, "Assignments", &self.assignments, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            group_id: r.string(flex, "GroupId")?,
            generation_id: r.i32("GenerationId")?,
            member_id: r.string(flex, "MemberId")?,
            group_instance_id: if version >= 3 { r.nullable_string(flex, true, "GroupInstanceId")? } else { None },
            protocol_type: if version >= 5 { r.nullable_string(true, true, "ProtocolType")? } else { None },
            protocol_name: if version >= 5 { r.nullable_string(true, true, "ProtocolName")? } else { None },
            assignments: r.array(flex, "Assignments", 3, |r| SyncGroupRequestAssignment::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for SyncGroupRequest {
    const API: ApiKey = ApiKey::SyncGroup;
    type Response = SyncGroupResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupRequestAssignment {
    pub member_id: Text,
    pub assignment: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl SyncGroupRequestAssignment {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "MemberId", &self.member_id)?;
        w.bytes(flex, "Assignment", &self.assignment)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            member_id: r.string(flex, "MemberId")?,
            assignment: r.bytes(flex, "Assignment")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
