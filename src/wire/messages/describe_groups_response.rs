//! DescribeGroupsResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeGroupsResponse {
    /// Versions 1+.
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeGroupsResponse {
    const NAME: &'static str = "DescribeGroupsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 6 };
    const FLEXIBLE_FROM: Option<i16> = Some(5);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.array(flex, "Groups", &self.groups, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            throttle_time_ms: if version >= 1 { r.i32("ThrottleTimeMs")? } else { 0 },
            groups: r.array(flex, "Groups", 12, |r| DescribedGroup::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for DescribeGroupsResponse {
    const API: ApiKey = ApiKey::DescribeGroups;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    /// Version 6.
    pub error_message: Option<Text>,
    pub group_id: Text,
    pub group_state: Text,
    pub protocol_type: Text,
    pub protocol_data: Text,
    pub members: Vec<DescribedGroupMember>,
    /// Versions 3+.
    pub authorized_operations: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Text::new(),
            group_state: Text::new(),
            protocol_type: Text::new(),
            protocol_data: Text::new(),
            members: Vec::new(),
            authorized_operations: -2147483648,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribedGroup {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.i16(self.error_code);
        if version >= 6 {
            w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        }
        w.string(flex, "GroupId", &self.group_id)?;
        w.string(flex, "GroupState", &self.group_state)?;
        w.string(flex, "ProtocolType", &self.protocol_type)?;
        w.string(flex, "ProtocolData", &self.protocol_data)?;
        w.array(flex, "Members", &self.members, |w, v| v.write(w, version))?;
        if version >= 3 {
            w.i32(self.authorized_operations);
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            error_message: if version >= 6 { r.nullable_string(true, true, "ErrorMessage")? } else { None },
            group_id: r.string(flex, "GroupId")?,
            group_state: r.string(flex, "GroupState")?,
            protocol_type: r.string(flex, "ProtocolType")?,
            protocol_data: r.string(flex, "ProtocolData")?,
            members: r.array(flex, "Members", 7, |r| DescribedGroupMember::read(r, version))?,
            authorized_operations: if version >= 3 { r.i32("AuthorizedOperations")? } else { -2147483648 },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedGroupMember {
    pub member_id: Text,
    /// Versions 4+.
    pub group_instance_id: Option<Text>,
    pub client_id: Text,
    pub client_host: Text,
    pub member_metadata: Bytes,
    pub member_assignment: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl DescribedGroupMember {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.string(flex, "MemberId", &self.member_id)?;
        if version >= 4 {
            w.nullable_string(flex, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        }
        w.string(flex, "ClientId", &self.client_id)?;
        w.string(flex, "ClientHost", &self.client_host)?;
        w.bytes(flex, "MemberMetadata", &self.member_metadata)?;
        w.bytes(flex, "MemberAssignment", &self.member_assignment)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            member_id: r.string(flex, "MemberId")?,
            group_instance_id: if version >= 4 { r.nullable_string(flex, true, "GroupInstanceId")? } else { None },
            client_id: r.string(flex, "ClientId")?,
            client_host: r.string(flex, "ClientHost")?,
            member_metadata: r.bytes(flex, "MemberMetadata")?,
            member_assignment: r.bytes(flex, "MemberAssignment")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
