//! AlterClientQuotasRequest, from `schema/quotas.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::AlterClientQuotasResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasRequest {
    pub entries: Vec<EntryData>,
    pub validate_only: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for AlterClientQuotasRequest {
    const NAME: &'static str = "AlterClientQuotasRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.array(flex, "Entries", &self.entries, |w, v| v.write(w, version))?;
        w.bool(self.validate_only);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            entries: r.array(flex, "Entries", 3, |r| EntryData::read(r, version))?,
            validate_only: r.bool("ValidateOnly")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for AlterClientQuotasRequest {
    const API: ApiKey = ApiKey::AlterClientQuotas;
    type Response = AlterClientQuotasResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntryData {
    pub entity: Vec<EntityData>,
    pub ops: Vec<OpData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl EntryData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.array(flex, "Entity", &self.entity, |w, v| v.write(w, version))?;
        w.array(flex, "Ops", &self.ops, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            entity: r.array(flex, "Entity", 3, |r| EntityData::read(r, version))?,
            ops: r.array(flex, "Ops", 11, |r| OpData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EntityData {
    pub entity_type: Text,
    pub entity_name: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EntityData {
    fn default() -> Self {
        Self {
            entity_type: Text::new(),
            entity_name: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl EntityData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.string(flex, "EntityType", &self.entity_type)?;
        w.nullable_string(flex, true, "EntityName", self.entity_name.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            entity_type: r.string(flex, "EntityType")?,
            entity_name: r.nullable_string(flex, true, "EntityName")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OpData {
    pub key: Text,
    pub value: f64,
    pub remove: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl OpData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.string(flex, "Key", &self.key)?;
        w.f64(self.value);
        w.bool(self.remove);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            key: r.string(flex, "Key")?,
            value: r.f64("Value")?,
            remove: r.bool("Remove")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
