//! LeaveGroupRequest, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::LeaveGroupResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaveGroupRequest {
    pub group_id: Text,
    /// Versions 0–2.
    pub member_id: Text,
    /// Versions 3+.
    pub members: Vec<MemberIdentity>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for LeaveGroupRequest {
    const NAME: &'static str = "LeaveGroupRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "GroupId", &self.group_id)?;
        if version <= 2 {
            w.string(false, "MemberId", &self.member_id)?;
        } else if !self.member_id.is_empty() {
            return Err(w.not_in_version("MemberId"));
        }
        if version >= 3 {
            w.array(flex, "Members", &self.members, |w, v| v.write(w, version))?;
        } else if !self.members.is_empty() {
            return Err(w.not_in_version("Members"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            group_id: r.string(flex, "GroupId")?,
            member_id: if version <= 2 { r.string(false, "MemberId")? } else { Text::new() },
            members: if version >= 3 { r.array(flex, "Members", 3, |r| MemberIdentity::read(r, version))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for LeaveGroupRequest {
    const API: ApiKey = ApiKey::LeaveGroup;
    type Response = LeaveGroupResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemberIdentity {
    pub member_id: Text,
    pub group_instance_id: Option<Text>,
    /// Version 5.
    pub reason: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl MemberIdentity {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "MemberId", &self.member_id)?;
        w.nullable_string(flex, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        if version >= 5 {
            w.nullable_string(true, true, "Reason", self.reason.as_ref())?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            member_id: r.string(flex, "MemberId")?,
            group_instance_id: r.nullable_string(flex, true, "GroupInstanceId")?,
            reason: if version >= 5 { r.nullable_string(true, true, "Reason")? } else { None },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
