//! ReadRecordsRequest, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};
use super::ReadRecordsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadRecordsRequest {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub offset: i64,
    pub end_offset: i64,
    pub max_bytes: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ReadRecordsRequest {
    const NAME: &'static str = "ReadRecordsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.i64(self.offset);
        w.i64(self.end_offset);
        w.i32(self.max_bytes);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            offset: r.i64("Offset")?,
            end_offset: r.i64("EndOffset")?,
            max_bytes: r.i32("MaxBytes")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ReadRecordsRequest {
    const API: ApiKey = ApiKey::ReadRecords;
    type Response = ReadRecordsResponse;
}
