//! EndTransactionRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTransactionRecord {
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for EndTransactionRecord {
    const NAME: &'static str = "EndTransactionRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl RecordKey for EndTransactionRecord {
    const TYPE: i16 = 24;
}
