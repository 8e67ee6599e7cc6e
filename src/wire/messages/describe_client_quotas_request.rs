//! DescribeClientQuotasRequest, from `schema/quotas.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::DescribeClientQuotasResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeClientQuotasRequest {
    pub components: Vec<ComponentData>,
    pub strict: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeClientQuotasRequest {
    const NAME: &'static str = "DescribeClientQuotasRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.array(flex, "Components", &self.components, |w, v| v.write(w, version))?;
        w.bool(self.strict);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            components: r.array(flex, "Components", 4, |r| ComponentData::read(r, version))?,
            strict: r.bool("Strict")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for DescribeClientQuotasRequest {
    const API: ApiKey = ApiKey::DescribeClientQuotas;
    type Response = DescribeClientQuotasResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct ComponentData {
    pub entity_type: Text,
    pub match_type: i8,
    pub r#match: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ComponentData {
    fn default() -> Self {
        Self {
            entity_type: Text::new(),
            match_type: 0,
            r#match: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl ComponentData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.string(flex, "EntityType", &self.entity_type)?;
        w.i8(self.match_type);
        w.nullable_string(flex, true, "Match", self.r#match.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            entity_type: r.string(flex, "EntityType")?,
            match_type: r.i8("MatchType")?,
            r#match: r.nullable_string(flex, true, "Match")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
