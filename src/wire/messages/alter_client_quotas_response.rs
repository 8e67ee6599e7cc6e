//! AlterClientQuotasResponse, from `schema/quotas.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub entries: Vec<EntryData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for AlterClientQuotasResponse {
    const NAME: &'static str = "AlterClientQuotasResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.i32(self.throttle_time_ms);
        w.array(flex, "Entries", &self.entries, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            entries: r.array(flex, "Entries", 5, |r| EntryData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for AlterClientQuotasResponse {
    const API: ApiKey = ApiKey::AlterClientQuotas;
}

#[derive(Debug, Clone, PartialEq)]
pub struct EntryData {
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub entity: Vec<EntityData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EntryData {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Text::new()),
            entity: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl EntryData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.i16(self.error_code);
        w.nullable_string(flex, true, "ErrorMessage", self.error_message.as_ref())?;
        w.array(flex, "Entity", &self.entity, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(flex, true, "ErrorMessage")?,
            entity: r.array(flex, "Entity", 3, |r| EntityData::read(r, version))?,
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
