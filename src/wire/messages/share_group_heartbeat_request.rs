//! ShareGroupHeartbeatRequest, from `schema/share_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ShareGroupHeartbeatResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupHeartbeatRequest {
    pub group_id: Text,
    pub member_id: Text,
    pub member_epoch: i32,
    pub rack_id: Option<Text>,
    pub subscribed_topic_names: Option<Vec<Text>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ShareGroupHeartbeatRequest {
    const NAME: &'static str = "ShareGroupHeartbeatRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "GroupId", &self.group_id)?;
        w.string(true, "MemberId", &self.member_id)?;
        w.i32(self.member_epoch);
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.nullable_array(true, true, "SubscribedTopicNames", self.subscribed_topic_names.as_deref(), |w, v| w.string(true, "SubscribedTopicNames", v))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(true, "GroupId")?,
            member_id: r.string(true, "MemberId")?,
            member_epoch: r.i32("MemberEpoch")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            subscribed_topic_names: r.nullable_array(true, true, "SubscribedTopicNames", 1, |r| r.string(true, "SubscribedTopicNames"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ShareGroupHeartbeatRequest {
    const API: ApiKey = ApiKey::ShareGroupHeartbeat;
    type Response = ShareGroupHeartbeatResponse;
}
