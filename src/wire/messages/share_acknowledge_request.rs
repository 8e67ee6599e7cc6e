//! ShareAcknowledgeRequest, from `schema/share_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ShareAcknowledgeResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct ShareAcknowledgeRequest {
    pub group_id: Option<Text>,
    pub member_id: Option<Text>,
    pub share_session_epoch: i32,
    /// Version 2.
    pub is_renew_ack: bool,
    pub topics: Vec<AcknowledgeTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ShareAcknowledgeRequest {
    fn default() -> Self {
        Self {
            group_id: None,
            member_id: Some(Text::new()),
            share_session_epoch: 0,
            is_renew_ack: false,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ShareAcknowledgeRequest {
    const NAME: &'static str = "ShareAcknowledgeRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "GroupId", self.group_id.as_ref())?;
        w.nullable_string(true, true, "MemberId", self.member_id.as_ref())?;
        w.i32(self.share_session_epoch);
        if version >= 2 {
            w.bool(self.is_renew_ack);
        } else if self.is_renew_ack {
            return Err(w.not_in_version("IsRenewAck"));
        }
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.nullable_string(true, true, "GroupId")?,
            member_id: r.nullable_string(true, true, "MemberId")?,
            share_session_epoch: r.i32("ShareSessionEpoch")?,
            is_renew_ack: if version >= 2 { r.bool("IsRenewAck")? } else { false },
            topics: r.array(true, "Topics", 18, |r| AcknowledgeTopic::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ShareAcknowledgeRequest {
    const API: ApiKey = ApiKey::ShareAcknowledge;
    type Response = ShareAcknowledgeResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcknowledgeTopic {
    pub topic_id: TopicId,
    pub partitions: Vec<AcknowledgePartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl AcknowledgeTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partitions: r.array(true, "Partitions", 6, |r| AcknowledgePartition::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcknowledgePartition {
    pub partition_index: i32,
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    pub unknown_tagged_fields: TaggedFields,
}

impl AcknowledgePartition {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition_index);
        w.array(true, "AcknowledgementBatches", &self.acknowledgement_batches, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            acknowledgement_batches: r.array(true, "AcknowledgementBatches", 18, |r| AcknowledgementBatch::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcknowledgementBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub acknowledge_types: Vec<i8>,
    pub unknown_tagged_fields: TaggedFields,
}

impl AcknowledgementBatch {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.array(true, "AcknowledgeTypes", &self.acknowledge_types, |w, v| { w.i8(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            first_offset: r.i64("FirstOffset")?,
            last_offset: r.i64("LastOffset")?,
            acknowledge_types: r.array(true, "AcknowledgeTypes", 1, |r| r.i8("AcknowledgeTypes"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
