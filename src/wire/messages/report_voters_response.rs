//! ReportVotersResponse, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportVotersResponse {
    pub error_code: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ReportVotersResponse {
    const NAME: &'static str = "ReportVotersResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for ReportVotersResponse {
    const API: ApiKey = ApiKey::ReportVoters;
}
