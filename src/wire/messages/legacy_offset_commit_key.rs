//! LegacyOffsetCommitKey, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegacyOffsetCommitKey {
    pub group: Text,
    pub topic: Text,
    pub partition: i32,
}

impl Message for LegacyOffsetCommitKey {
    const NAME: &'static str = "LegacyOffsetCommitKey";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "group", &self.group)?;
        w.string(false, "topic", &self.topic)?;
        w.i32(self.partition);
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group: r.string(false, "group")?,
            topic: r.string(false, "topic")?,
            partition: r.i32("partition")?,
        })
    }
}

impl RecordKey for LegacyOffsetCommitKey {
    const TYPE: i16 = 0;
}
