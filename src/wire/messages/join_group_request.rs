//! JoinGroupRequest, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;
use super::JoinGroupResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupRequest {
    pub group_id: Text,
    pub session_timeout_ms: i32,
    /// Versions 1+.
    pub rebalance_timeout_ms: i32,
    pub member_id: Text,
    /// Versions 5+.
    pub group_instance_id: Option<Text>,
    pub protocol_type: Text,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// Versions 8+.
    pub reason: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        Self {
            group_id: Text::new(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: Text::new(),
            group_instance_id: None,
            protocol_type: Text::new(),
            protocols: Vec::new(),
            reason: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for JoinGroupRequest {
    const NAME: &'static str = "JoinGroupRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 9 };
    const FLEXIBLE_FROM: Option<i16> = Some(6);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        w.string(flex, "GroupId", &self.group_id)?;
        w.i32(self.session_timeout_ms);
        if version >= 1 {
            w.i32(self.rebalance_timeout_ms);
        }
        w.string(flex, "MemberId", &self.member_id)?;
        if version >= 5 {
            w.nullable_string(flex, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        } else if self.group_instance_id.is_some() {
            return Err(w.not_in_version("GroupInstanceId"));
        }
        w.string(flex, "ProtocolType", &self.protocol_type)?;
        w.array(flex, "Protocols", &self.protocols, |w, v| v.write(w, version))?;
        if version >= 8 {
            w.nullable_string(true, true, "Reason", self.reason.as_ref())?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            group_id: r.string(flex, "GroupId")?,
            session_timeout_ms: r.i32("SessionTimeoutMs")?,
            rebalance_timeout_ms: if version >= 1 { r.i32("RebalanceTimeoutMs")? } else { -1 },
            member_id: r.string(flex, "MemberId")?,
            group_instance_id: if version >= 5 { r.nullable_string(flex, true, "GroupInstanceId")? } else { None },
            protocol_type: r.string(flex, "ProtocolType")?,
            protocols: r.array(flex, "Protocols", 3, |r| JoinGroupRequestProtocol::read(r, version))?,
            reason: if version >= 8 { r.nullable_string(true, true, "Reason")? } else { None },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for JoinGroupRequest {
    const API: ApiKey = ApiKey::JoinGroup;
    type Response = JoinGroupResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupRequestProtocol {
    pub name: Text,
    pub metadata: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl JoinGroupRequestProtocol {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 6;
        w.string(flex, "Name", &self.name)?;
        w.bytes(flex, "Metadata", &self.metadata)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 6;
        Ok(Self {
            name: r.string(flex, "Name")?,
            metadata: r.bytes(flex, "Metadata")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
