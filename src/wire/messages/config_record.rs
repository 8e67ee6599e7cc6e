//! ConfigRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigRecord {
    pub resource_type: i8,
    pub resource_name: Text,
    pub name: Text,
    pub value: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ConfigRecord {
    const NAME: &'static str = "ConfigRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i8(self.resource_type);
        w.string(true, "ResourceName", &self.resource_name)?;
        w.string(true, "Name", &self.name)?;
        w.nullable_string(true, true, "Value", self.value.as_ref())?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            resource_type: r.i8("ResourceType")?,
            resource_name: r.string(true, "ResourceName")?,
            name: r.string(true, "Name")?,
            value: r.nullable_string(true, true, "Value")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl RecordKey for ConfigRecord {
    const TYPE: i16 = 6;
}
