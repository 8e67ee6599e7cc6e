//! SaslHandshakeResponse, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SaslHandshakeResponse {
    pub error_code: i16,
    pub mechanisms: Vec<Text>,
}

impl Message for SaslHandshakeResponse {
    const NAME: &'static str = "SaslHandshakeResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.array(false, "Mechanisms", &self.mechanisms, |w, v| w.string(false, "Mechanisms", v))?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            mechanisms: r.array(false, "Mechanisms", 2, |r| r.string(false, "Mechanisms"))?,
        })
    }
}

impl ApiResponse for SaslHandshakeResponse {
    const API: ApiKey = ApiKey::SaslHandshake;
}
