//! TopicRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicRecord {
    pub name: Text,
    pub topic_id: TopicId,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for TopicRecord {
    const NAME: &'static str = "TopicRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.topic_id(self.topic_id);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            topic_id: r.topic_id("TopicId")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl RecordKey for TopicRecord {
    const TYPE: i16 = 3;
}
