//! ConsumerProtocolAssignment, from `schema/consumer_protocol.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolAssignment {
    pub assigned_partitions: Vec<TopicPartition>,
    pub user_data: Option<Bytes>,
}

impl Message for ConsumerProtocolAssignment {
    const NAME: &'static str = "ConsumerProtocolAssignment";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 3 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(false, "AssignedPartitions", &self.assigned_partitions, |w, v| v.write(w, version))?;
        w.nullable_bytes(false, true, "UserData", self.user_data.as_ref())?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            assigned_partitions: r.array(false, "AssignedPartitions", 6, |r| TopicPartition::read(r, version))?,
            user_data: r.nullable_bytes(false, true, "UserData")?,
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
