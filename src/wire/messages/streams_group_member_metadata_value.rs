//! StreamsGroupMemberMetadataValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupMemberMetadataValue {
    pub instance_id: Option<Text>,
    pub rack_id: Option<Text>,
    pub client_id: Text,
    pub client_host: Text,
    pub rebalance_timeout_ms: i32,
    pub topology_epoch: i32,
    pub process_id: Text,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for StreamsGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(Text::new()),
            rack_id: Some(Text::new()),
            client_id: Text::new(),
            client_host: Text::new(),
            rebalance_timeout_ms: -1,
            topology_epoch: 0,
            process_id: Text::new(),
            user_endpoint: None,
            client_tags: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for StreamsGroupMemberMetadataValue {
    const NAME: &'static str = "StreamsGroupMemberMetadataValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "InstanceId", self.instance_id.as_ref())?;
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.string(true, "ClientId", &self.client_id)?;
        w.string(true, "ClientHost", &self.client_host)?;
        w.i32(self.rebalance_timeout_ms);
        w.i32(self.topology_epoch);
        w.string(true, "ProcessId", &self.process_id)?;
        w.nullable_struct(self.user_endpoint.as_ref(), |w, v| v.write(w, version))?;
        w.array(true, "ClientTags", &self.client_tags, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            instance_id: r.nullable_string(true, true, "InstanceId")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            client_id: r.string(true, "ClientId")?,
            client_host: r.string(true, "ClientHost")?,
            rebalance_timeout_ms: r.i32("RebalanceTimeoutMs")?,
            topology_epoch: r.i32("TopologyEpoch")?,
            process_id: r.string(true, "ProcessId")?,
            user_endpoint: r.nullable_struct("UserEndpoint", |r| Endpoint::read(r, version))?,
            client_tags: r.array(true, "ClientTags", 3, |r| KeyValue::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Endpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyValue {
    pub key: Text,
    pub value: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl KeyValue {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Key", &self.key)?;
        w.string(true, "Value", &self.value)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            key: r.string(true, "Key")?,
            value: r.string(true, "Value")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
