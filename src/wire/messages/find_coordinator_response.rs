//! FindCoordinatorResponse, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct FindCoordinatorResponse {
    /// Versions 1+.
    pub throttle_time_ms: i32,
    /// Versions 0–3.
    pub error_code: i16,
    /// Versions 1–3.
    pub error_message: Option<Text>,
    /// Versions 0–3.
    pub node_id: i32,
    /// Versions 0–3.
    pub host: Text,
    /// Versions 0–3.
    pub port: i32,
    /// Versions 4+.
    pub coordinators: Vec<Coordinator>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Text::new()),
            node_id: 0,
            host: Text::new(),
            port: 0,
            coordinators: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for FindCoordinatorResponse {
    const NAME: &'static str = "FindCoordinatorResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 6 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        if version <= 3 {
            w.i16(self.error_code);
        }
        if (1..=3).contains(&version) {
            w.nullable_string(flex, true, "ErrorMessage", self.error_message.as_ref())?;
        }
        if version <= 3 {
            w.i32(self.node_id);
        }
        if version <= 3 {
            w.string(flex, "Host", &self.host)?;
        }
        if version <= 3 {
            w.i32(self.port);
        }
        if version >= 4 {
            w.array(true, "Coordinators", &self.coordinators, |w, v| v.write(w, version))?;
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            throttle_time_ms: if version >= 1 { r.i32("ThrottleTimeMs")? } else { 0 },
            error_code: if version <= 3 { r.i16("ErrorCode")? } else { 0 },
            error_message: if (1..=3).contains(&version) { r.nullable_string(flex, true, "ErrorMessage")? } else { Some(Text::new()) },
            node_id: if version <= 3 { r.i32("NodeId")? } else { 0 },
            host: if version <= 3 { r.string(flex, "Host")? } else { Text::new() },
            port: if version <= 3 { r.i32("Port")? } else { 0 },
            coordinators: if version >= 4 { r.array(true, "Coordinators", 14, |r| Coordinator::read(r, version))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiResponse for FindCoordinatorResponse {
    const API: ApiKey = ApiKey::FindCoordinator;
}

#[derive(Debug, Clone, PartialEq)]
pub struct Coordinator {
    pub key: Text,
    pub node_id: i32,
    pub host: Text,
    pub port: i32,
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self {
            key: Text::new(),
            node_id: 0,
            host: Text::new(),
            port: 0,
            error_code: 0,
            error_message: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Coordinator {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Key", &self.key)?;
        w.i32(self.node_id);
        w.string(true, "Host", &self.host)?;
        w.i32(self.port);
        w.i16(self.error_code);
        w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            key: r.string(true, "Key")?,
            node_id: r.i32("NodeId")?,
            host: r.string(true, "Host")?,
            port: r.i32("Port")?,
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(true, true, "ErrorMessage")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
