//! GroupMetadataKey, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupMetadataKey {
    pub group: Text,
}

impl Message for GroupMetadataKey {
    const NAME: &'static str = "GroupMetadataKey";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "group", &self.group)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group: r.string(false, "group")?,
        })
    }
}

impl RecordKey for GroupMetadataKey {
    const TYPE: i16 = 2;
}
