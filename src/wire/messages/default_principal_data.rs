//! DefaultPrincipalData, from `schema/controller.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DefaultPrincipalData {
    pub r#type: Text,
    pub name: Text,
    pub token_authenticated: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DefaultPrincipalData {
    const NAME: &'static str = "DefaultPrincipalData";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Type", &self.r#type)?;
        w.string(true, "Name", &self.name)?;
        w.bool(self.token_authenticated);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            r#type: r.string(true, "Type")?,
            name: r.string(true, "Name")?,
            token_authenticated: r.bool("TokenAuthenticated")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
