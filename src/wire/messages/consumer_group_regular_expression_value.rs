//! ConsumerGroupRegularExpressionValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionValue {
    pub topics: Vec<Text>,
    pub version: i64,
    pub timestamp: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ConsumerGroupRegularExpressionValue {
    const NAME: &'static str = "ConsumerGroupRegularExpressionValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.array(true, "Topics", &self.topics, |w, v| w.string(true, "Topics", v))?;
        w.i64(self.version);
        w.i64(self.timestamp);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topics: r.array(true, "Topics", 1, |r| r.string(true, "Topics"))?,
            version: r.i64("Version")?,
            timestamp: r.i64("Timestamp")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
