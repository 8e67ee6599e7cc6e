//! AllocateProducerIdsResponse, from `schema/controller.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AllocateProducerIdsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub producer_id_start: i64,
    pub producer_id_len: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for AllocateProducerIdsResponse {
    const NAME: &'static str = "AllocateProducerIdsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.i64(self.producer_id_start);
        w.i32(self.producer_id_len);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            producer_id_start: r.i64("ProducerIdStart")?,
            producer_id_len: r.i32("ProducerIdLen")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for AllocateProducerIdsResponse {
    const API: ApiKey = ApiKey::AllocateProducerIds;
}
