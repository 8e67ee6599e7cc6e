//! PartitionChangeRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, RecordKey, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionChangeRecord {
    pub topic_id: TopicId,
    pub partition_id: i32,
    pub leader: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    /// Tag 0.
    pub lost: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionChangeRecord {
    fn default() -> Self {
        Self {
            topic_id: TopicId::ZERO,
            partition_id: 0,
            leader: -1,
            leader_epoch: 0,
            isr: Vec::new(),
            lost: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for PartitionChangeRecord {
    const NAME: &'static str = "PartitionChangeRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_id);
        w.i32(self.leader);
        w.i32(self.leader_epoch);
        w.array(true, "Isr", &self.isr, |w, v| { w.i32(*v); Ok(()) })?;
        {
            let mut tags = KnownTags::default();
            if !self.lost.is_empty() {
                tags.add(w, 0, |w| w.array(true, "Lost", &self.lost, |w, v| { w.i32(*v); Ok(()) }))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            topic_id: r.topic_id("TopicId")?,
            partition_id: r.i32("PartitionId")?,
            leader: r.i32("Leader")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            isr: r.array(true, "Isr", 4, |r| r.i32("Isr"))?,
            lost: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.lost = r.array(true, "Lost", 4, |r| r.i32("Lost"))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl RecordKey for PartitionChangeRecord {
    const TYPE: i16 = 10;
}
