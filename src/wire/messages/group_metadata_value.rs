//! GroupMetadataValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq)]
pub struct GroupMetadataValue {
    pub protocol_type: Text,
    pub generation: i32,
    pub protocol: Option<Text>,
    pub leader: Option<Text>,
    /// Versions 2+.
    pub current_state_timestamp: i64,
    pub members: Vec<MemberMetadata>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for GroupMetadataValue {
    fn default() -> Self {
        Self {
            protocol_type: Text::new(),
            generation: 0,
            protocol: Some(Text::new()),
            leader: Some(Text::new()),
            current_state_timestamp: -1,
            members: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for GroupMetadataValue {
    const NAME: &'static str = "GroupMetadataValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "protocolType", &self.protocol_type)?;
        w.i32(self.generation);
        w.nullable_string(flex, true, "protocol", self.protocol.as_ref())?;
        w.nullable_string(flex, true, "leader", self.leader.as_ref())?;
        if version >= 2 {
            w.i64(self.current_state_timestamp);
        }
        w.array(flex, "members", &self.members, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            protocol_type: r.string(flex, "protocolType")?,
            generation: r.i32("generation")?,
            protocol: r.nullable_string(flex, true, "protocol")?,
            leader: r.nullable_string(flex, true, "leader")?,
            current_state_timestamp: if version >= 2 { r.i64("currentStateTimestamp")? } else { -1 },
            members: r.array(flex, "members", 15, |r| MemberMetadata::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MemberMetadata {
    pub member_id: Text,
    /// Versions 3+.
    pub group_instance_id: Option<Text>,
    pub client_id: Text,
    pub client_host: Text,
    /// Versions 1+.
    pub rebalance_timeout: i32,
    pub session_timeout: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MemberMetadata {
    fn default() -> Self {
        Self {
            member_id: Text::new(),
            group_instance_id: None,
            client_id: Text::new(),
            client_host: Text::new(),
            rebalance_timeout: -1,
            session_timeout: 0,
            subscription: Bytes::new(),
            assignment: Bytes::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl MemberMetadata {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.string(flex, "memberId", &self.member_id)?;
        if version >= 3 {
            w.nullable_string(flex, true, "groupInstanceId", self.group_instance_id.as_ref())?;
        }
        w.string(flex, "clientId", &self.client_id)?;
        w.string(flex, "clientHost", &self.client_host)?;
        if version >= 1 {
            w.i32(self.rebalance_timeout);
        }
        w.i32(self.session_timeout);
        w.bytes(flex, "subscription", &self.subscription)?;
        w.bytes(flex, "assignment", &self.assignment)?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        Ok(Self {
            member_id: r.string(flex, "memberId")?,
            group_instance_id: if version >= 3 { r.nullable_string(flex, true, "groupInstanceId")? } else { None },
            client_id: r.string(flex, "clientId")?,
            client_host: r.string(flex, "clientHost")?,
            rebalance_timeout: if version >= 1 { r.i32("rebalanceTimeout")? } else { -1 },
            session_timeout: r.i32("sessionTimeout")?,
            subscription: r.bytes(flex, "subscription")?,
            assignment: r.bytes(flex, "assignment")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
