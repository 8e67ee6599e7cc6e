//! ListGroupsRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ListGroupsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsRequest {
    /// Versions 4+.
    pub states_filter: Vec<Text>,
    /// Version 5.
    pub types_filter: Vec<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ListGroupsRequest {
    const NAME: &'static str = "ListGroupsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        if version >= 4 {
            w.array(true, "StatesFilter", &self.states_filter, |w, v| w.string(true, "StatesFilter", v))?;
        } else if !self.states_filter.is_empty() {
            return Err(w.not_in_version("StatesFilter"));
        }
        if version >= 5 {
            w.array(true, "TypesFilter", &self.types_filter, |w, v| w.string(true, "TypesFilter", v))?;
        } else if !self.types_filter.is_empty() {
            return Err(w.not_in_version("TypesFilter"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            states_filter: if version >= 4 { r.array(true, "StatesFilter", 1, |r| r.string(true, "StatesFilter"))? } else { Vec::new() },
            types_filter: if version >= 5 { r.array(true, "TypesFilter", 1, |r| r.string(true, "TypesFilter"))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for ListGroupsRequest {
    const API: ApiKey = ApiKey::ListGroups;
    type Response = ListGroupsResponse;
}
