//! ShareUpdateKey, from `schema/records/share_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareUpdateKey {
    pub group_id: Text,
    pub topic_id: TopicId,
    pub partition: i32,
}

impl Message for ShareUpdateKey {
    const NAME: &'static str = "ShareUpdateKey";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "GroupId", &self.group_id)?;
        w.topic_id(self.topic_id);
        w.i32(self.partition);
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(false, "GroupId")?,
            topic_id: r.topic_id("TopicId")?,
            partition: r.i32("Partition")?,
        })
    }
}

impl RecordKey for ShareUpdateKey {
    const TYPE: i16 = 1;
}
