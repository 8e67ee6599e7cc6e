//! ClusterRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClusterRecord {
    pub cluster_id: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ClusterRecord {
    const NAME: &'static str = "ClusterRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "ClusterId", &self.cluster_id)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster_id: r.string(true, "ClusterId")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl RecordKey for ClusterRecord {
    const TYPE: i16 = 2;
}
