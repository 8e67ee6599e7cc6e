//! ReadRecordsResponse, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, Records, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadRecordsResponse {
    pub error_code: i16,
    pub log_id: i64,
    pub rewrites: i32,
    pub records: Records,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ReadRecordsResponse {
    const NAME: &'static str = "ReadRecordsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.i64(self.log_id);
        w.i32(self.rewrites);
        w.records(true, "Records", &self.records)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            log_id: r.i64("LogId")?,
            rewrites: r.i32("Rewrites")?,
            records: r.records(true, "Records")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for ReadRecordsResponse {
    const API: ApiKey = ApiKey::ReadRecords;
}
