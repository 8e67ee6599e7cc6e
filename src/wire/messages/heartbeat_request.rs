//! HeartbeatRequest, from `schema/classic_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::HeartbeatResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeartbeatRequest {
    pub group_id: Text,
    pub generation_id: i32,
    pub member_id: Text,
    /// Versions 3+.
    pub group_instance_id: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for HeartbeatRequest {
    const NAME: &'static str = "HeartbeatRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 4 };
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
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for HeartbeatRequest {
    const API: ApiKey = ApiKey::Heartbeat;
    type Response = HeartbeatResponse;
}
