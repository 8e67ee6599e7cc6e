//! PartitionReassignmentRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionReassignmentRecord {
    pub topic_id: TopicId,
    pub partition_id: i32,
    pub partition_epoch: i32,
    pub replicas: Vec<i32>,
    pub adding: Vec<i32>,
    pub removing: Vec<i32>,
    pub departed: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for PartitionReassignmentRecord {
    const NAME: &'static str = "PartitionReassignmentRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_id);
        w.i32(self.partition_epoch);
        w.array(true, "Replicas", &self.replicas, |w, v| { w.i32(*v); Ok(()) })?;
        w.array(true, "Adding", &self.adding, |w, v| { w.i32(*v); Ok(()) })?;
        w.array(true, "Removing", &self.removing, |w, v| { w.i32(*v); Ok(()) })?;
        w.array(true, "Departed", &self.departed, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_id: r.i32("PartitionId")?,
            partition_epoch: r.i32("PartitionEpoch")?,
            replicas: r.array(true, "Replicas", 4, |r| r.i32("Replicas"))?,
            adding: r.array(true, "Adding", 4, |r| r.i32("Adding"))?,
            removing: r.array(true, "Removing", 4, |r| r.i32("Removing"))?,
            departed: r.array(true, "Departed", 4, |r| r.i32("Departed"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl RecordKey for PartitionReassignmentRecord {
    const TYPE: i16 = 12;
}
