//! ShareGroupMemberMetadataValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct ShareGroupMemberMetadataValue {
    pub rack_id: Option<Text>,
    pub client_id: Text,
    pub client_host: Text,
    pub subscribed_topic_names: Vec<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ShareGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            rack_id: Some(Text::new()),
            client_id: Text::new(),
            client_host: Text::new(),
            subscribed_topic_names: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ShareGroupMemberMetadataValue {
    const NAME: &'static str = "ShareGroupMemberMetadataValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.string(true, "ClientId", &self.client_id)?;
        w.string(true, "ClientHost", &self.client_host)?;
        w.array(true, "SubscribedTopicNames", &self.subscribed_topic_names, |w, v| w.string(true, "SubscribedTopicNames", v))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            rack_id: r.nullable_string(true, true, "RackId")?,
            client_id: r.string(true, "ClientId")?,
            client_host: r.string(true, "ClientHost")?,
            subscribed_topic_names: r.array(true, "SubscribedTopicNames", 1, |r| r.string(true, "SubscribedTopicNames"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
