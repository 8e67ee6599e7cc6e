//! ListGroupsResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsResponse {
    /// Versions 1+.
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub groups: Vec<ListedGroup>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ListGroupsResponse {
    const NAME: &'static str = "ListGroupsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code);
        w.array(flex, "Groups", &self.groups, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            throttle_time_ms: if version >= 1 { r.i32("ThrottleTimeMs")? } else { 0 },
            error_code: r.i16("ErrorCode")?,
            groups: r.array(flex, "Groups", 3, |r| ListedGroup::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for ListGroupsResponse {
    const API: ApiKey = ApiKey::ListGroups;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedGroup {
    pub group_id: Text,
    pub protocol_type: Text,
    /// Versions 4+.
    pub group_state: Text,
    /// Version 5.
    pub group_type: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl ListedGroup {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.string(flex, "GroupId", &self.group_id)?;
        w.string(flex, "ProtocolType", &self.protocol_type)?;
        if version >= 4 {
            w.string(true, "GroupState", &self.group_state)?;
        }
        if version >= 5 {
            w.string(true, "GroupType", &self.group_type)?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            group_id: r.string(flex, "GroupId")?,
            protocol_type: r.string(flex, "ProtocolType")?,
            group_state: if version >= 4 { r.string(true, "GroupState")? } else { Text::new() },
            group_type: if version >= 5 { r.string(true, "GroupType")? } else { Text::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
