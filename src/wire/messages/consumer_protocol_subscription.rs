//! ConsumerProtocolSubscription, from `schema/consumer_protocol.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<Text>,
    pub user_data: Option<Bytes>,
    /// Versions 1+.
    pub owned_partitions: Vec<TopicPartition>,
    /// Versions 2+.
    pub generation_id: i32,
    /// Version 3.
    pub rack_id: Option<Text>,
}

impl Default for ConsumerProtocolSubscription {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
        }
    }
}

impl Message for ConsumerProtocolSubscription {
    const NAME: &'static str = "ConsumerProtocolSubscription";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(false, "Topics", &self.topics, |w, v| w.string(false, "Topics", v))?;
        w.nullable_bytes(false, true, "UserData", self.user_data.as_ref())?;
        if version >= 1 {
            w.array(false, "OwnedPartitions", &self.owned_partitions, |w, v| v.write(w, version))?;
        }
        if version >= 2 {
            w.i32(self.generation_id);
        }
        if version >= 3 {
            w.nullable_string(false, true, "RackId", self.rack_id.as_ref())?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topics: r.array(false, "Topics", 2, |r| r.string(false, "Topics"))?,
            user_data: r.nullable_bytes(false, true, "UserData")?,
            owned_partitions: if version >= 1 { r.array(false, "OwnedPartitions", 6, |r| TopicPartition::read(r, version))? } else { Vec::new() },
            generation_id: if version >= 2 { r.i32("GenerationId")? } else { -1 },
            rack_id: if version >= 3 { r.nullable_string(false, true, "RackId")? } else { None },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartition {
    pub topic: Text,
    pub partitions: Vec<i32>,
}

impl TopicPartition {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "Topic", &self.topic)?;
        w.array(false, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic: r.string(false, "Topic")?,
            partitions: r.array(false, "Partitions", 4, |r| r.i32("Partitions"))?,
        })
    }
}
