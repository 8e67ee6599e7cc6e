//! ShareFetchRequest, from `schema/share_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ShareFetchResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct ShareFetchRequest {
    pub group_id: Option<Text>,
    pub member_id: Option<Text>,
    pub share_session_epoch: i32,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub max_records: i32,
    pub batch_size: i32,
    /// Version 2.
    pub share_acquire_mode: i8,
    /// Version 2.
    pub is_renew_ack: bool,
    pub topics: Vec<FetchTopic>,
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ShareFetchRequest {
    fn default() -> Self {
        Self {
            group_id: None,
            member_id: Some(Text::new()),
            share_session_epoch: 0,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 2147483647,
            max_records: 0,
            batch_size: 0,
            share_acquire_mode: 0,
            is_renew_ack: false,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ShareFetchRequest {
    const NAME: &'static str = "ShareFetchRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "GroupId", self.group_id.as_ref())?;
        w.nullable_string(true, true, "MemberId", self.member_id.as_ref())?;
        w.i32(self.share_session_epoch);
        w.i32(self.max_wait_ms);
        w.i32(self.min_bytes);
        w.i32(self.max_bytes);
        w.i32(self.max_records);
        w.i32(self.batch_size);
        if version >= 2 {
            w.i8(self.share_acquire_mode);
        }
        if version >= 2 {
            w.bool(self.is_renew_ack);
        } else if self.is_renew_ack {
            return Err(w.not_in_version("IsRenewAck"));
        }
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.array(true, "ForgottenTopicsData", &self.forgotten_topics_data, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.nullable_string(true, true, "GroupId")?,
            member_id: r.nullable_string(true, true, "MemberId")?,
            share_session_epoch: r.i32("ShareSessionEpoch")?,
            max_wait_ms: r.i32("MaxWaitMs")?,
            min_bytes: r.i32("MinBytes")?,
            max_bytes: r.i32("MaxBytes")?,
            max_records: r.i32("MaxRecords")?,
            batch_size: r.i32("BatchSize")?,
            share_acquire_mode: if version >= 2 { r.i8("ShareAcquireMode")? } else { 0 },
            is_renew_ack: if version >= 2 { r.bool("IsRenewAck")? } else { false },
            topics: r.array(true, "Topics", 18, |r| FetchTopic::read(r, version))?,
            forgotten_topics_data: r.array(true, "ForgottenTopicsData", 18, |r| ForgottenTopic::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ShareFetchRequest {
    const API: ApiKey = ApiKey::ShareFetch;
    type Response = ShareFetchResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchTopic {
    pub topic_id: TopicId,
    pub partitions: Vec<FetchPartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl FetchTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partitions: r.array(true, "Partitions", 6, |r| FetchPartition::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchPartition {
    pub partition_index: i32,
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    pub unknown_tagged_fields: TaggedFields,
}

impl FetchPartition {
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForgottenTopic {
    pub topic_id: TopicId,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl ForgottenTopic {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
