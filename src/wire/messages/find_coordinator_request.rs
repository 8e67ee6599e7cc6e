//! FindCoordinatorRequest, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::FindCoordinatorResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindCoordinatorRequest {
    /// Versions 0–3.
    pub key: Text,
    /// Versions 1+.
    pub key_type: i8,
    /// Versions 4+.
    pub coordinator_keys: Vec<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinatorRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 6 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        if version <= 3 {
            w.string(flex, "Key", &self.key)?;
        } else if !self.key.is_empty() {
            return Err(w.not_in_version("Key"));
        }
        if version >= 1 {
            w.i8(self.key_type);
        } else if self.key_type != 0 {
            return Err(w.not_in_version("KeyType"));
        }
        if version >= 4 {
            w.array(true, "CoordinatorKeys", &self.coordinator_keys, |w, v| w.string(true, "CoordinatorKeys", v))?;
        } else if !self.coordinator_keys.is_empty() {
            return Err(w.not_in_version("CoordinatorKeys"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            key: if version <= 3 { r.string(flex, "Key")? } else { Text::new() },
            key_type: if version >= 1 { r.i8("KeyType")? } else { 0 },
            coordinator_keys: if version >= 4 { r.array(true, "CoordinatorKeys", 1, |r| r.string(true, "CoordinatorKeys"))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for FindCoordinatorRequest {
    const API: ApiKey = ApiKey::FindCoordinator;
    type Response = FindCoordinatorResponse;
}
