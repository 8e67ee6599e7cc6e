//! PartitionRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::{TopicId, Uuid};
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionRecord {
    pub topic_id: TopicId,
    pub partition_id: i32,
    pub replicas: Vec<i32>,
    pub leader: i32,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    /// Version 1.
    pub directories: Vec<Uuid>,
    /// Version 1.
    pub isr: Option<Vec<i32>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionRecord {
    fn default() -> Self {
        Self {
            topic_id: TopicId::ZERO,
            partition_id: 0,
            replicas: Vec::new(),
            leader: -1,
            leader_epoch: 0,
            partition_epoch: 0,
            directories: Vec::new(),
            isr: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for PartitionRecord {
    const NAME: &'static str = "PartitionRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_id);
        w.array(true, "Replicas", &self.replicas, |w, v| { w.i32(*v); Ok(()) })?;
        w.i32(self.leader);
        w.i32(self.leader_epoch);
        w.i32(self.partition_epoch);
        if version >= 1 {
            w.array(true, "Directories", &self.directories, |w, v| { w.uuid(*v); Ok(()) })?;
        } else if !self.directories.is_empty() {
            return Err(w.not_in_version("Directories"));
        }
        if version >= 1 {
            w.nullable_array(true, true, "Isr", self.isr.as_deref(), |w, v| { w.i32(*v); Ok(()) })?;
        } else if self.isr.is_some() {
            return Err(w.not_in_version("Isr"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_id: r.i32("PartitionId")?,
            replicas: r.array(true, "Replicas", 4, |r| r.i32("Replicas"))?,
            leader: r.i32("Leader")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            partition_epoch: r.i32("PartitionEpoch")?,
            directories: if version >= 1 { r.array(true, "Directories", 16, |r| r.uuid("Directories"))? } else { Vec::new() },
            isr: if version >= 1 { r.nullable_array(true, true, "Isr", 4, |r| r.i32("Isr"))? } else { None },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl RecordKey for PartitionRecord {
    const TYPE: i16 = 4;
}
