//! ConsumerGroupMemberMetadataValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroupMemberMetadataValue {
    pub instance_id: Option<Text>,
    pub rack_id: Option<Text>,
    pub client_id: Text,
    pub client_host: Text,
    pub subscribed_topic_names: Vec<Text>,
    pub subscribed_topic_regex: Option<Text>,
    pub rebalance_timeout_ms: i32,
    pub server_assignor: Option<Text>,
    /// Tag 0.
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ConsumerGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(Text::new()),
            rack_id: Some(Text::new()),
            client_id: Text::new(),
            client_host: Text::new(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: Some(Text::new()),
            rebalance_timeout_ms: -1,
            server_assignor: Some(Text::new()),
            classic_member_metadata: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ConsumerGroupMemberMetadataValue {
    const NAME: &'static str = "ConsumerGroupMemberMetadataValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "InstanceId", self.instance_id.as_ref())?;
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.string(true, "ClientId", &self.client_id)?;
        w.string(true, "ClientHost", &self.client_host)?;
        w.array(true, "SubscribedTopicNames", &self.subscribed_topic_names, |w, v| w.string(true, "SubscribedTopicNames", v))?;
        w.nullable_string(true, true, "SubscribedTopicRegex", self.subscribed_topic_regex.as_ref())?;
        w.i32(self.rebalance_timeout_ms);
        w.nullable_string(true, true, "ServerAssignor", self.server_assignor.as_ref())?;
        {
            let mut tags = KnownTags::default();
            if self.classic_member_metadata.is_some() {
                tags.add(w, 0, |w| w.tagged_struct(self.classic_member_metadata.as_ref(), |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            instance_id: r.nullable_string(true, true, "InstanceId")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            client_id: r.string(true, "ClientId")?,
            client_host: r.string(true, "ClientHost")?,
            subscribed_topic_names: r.array(true, "SubscribedTopicNames", 1, |r| r.string(true, "SubscribedTopicNames"))?,
            subscribed_topic_regex: r.nullable_string(true, true, "SubscribedTopicRegex")?,
            rebalance_timeout_ms: r.i32("RebalanceTimeoutMs")?,
            server_assignor: r.nullable_string(true, true, "ServerAssignor")?,
            classic_member_metadata: None,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.classic_member_metadata = r.tagged_struct("ClassicMemberMetadata", |r| ClassicMemberMetadata::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassicMemberMetadata {
    pub session_timeout_ms: i32,
    pub supported_protocols: Vec<ClassicProtocol>,
    pub unknown_tagged_fields: TaggedFields,
}

impl ClassicMemberMetadata {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.session_timeout_ms);
        w.array(true, "SupportedProtocols", &self.supported_protocols, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            session_timeout_ms: r.i32("SessionTimeoutMs")?,
            supported_protocols: r.array(true, "SupportedProtocols", 3, |r| ClassicProtocol::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassicProtocol {
    pub name: Text,
    pub metadata: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl ClassicProtocol {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.bytes(true, "Metadata", &self.metadata)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            metadata: r.bytes(true, "Metadata")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
