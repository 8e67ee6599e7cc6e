//! DeleteShareGroupOffsetsResponse, from `schema/share_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DeleteShareGroupOffsetsResponse {
    const NAME: &'static str = "DeleteShareGroupOffsetsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        w.array(true, "Responses", &self.responses, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(true, true, "ErrorMessage")?,
            responses: r.array(true, "Responses", 21, |r| DeleteShareGroupOffsetsResponseTopic::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for DeleteShareGroupOffsetsResponse {
    const API: ApiKey = ApiKey::DeleteShareGroupOffsets;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteShareGroupOffsetsResponseTopic {
    pub topic_name: Text,
    pub topic_id: TopicId,
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl DeleteShareGroupOffsetsResponseTopic {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "TopicName", &self.topic_name)?;
        w.topic_id(self.topic_id);
        w.i16(self.error_code);
        w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_name: r.string(true, "TopicName")?,
            topic_id: r.topic_id("TopicId")?,
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(true, true, "ErrorMessage")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
