//! TxnOffsetCommitRequest, from `schema/transactions.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::TxnOffsetCommitResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct TxnOffsetCommitRequest {
    pub transactional_id: Text,
    pub group_id: Text,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Versions 3+.
    pub generation_id: i32,
    /// Versions 3+.
    pub member_id: Text,
    /// Versions 3+.
    pub group_instance_id: Option<Text>,
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for TxnOffsetCommitRequest {
    fn default() -> Self {
        Self {
            transactional_id: Text::new(),
            group_id: Text::new(),
            producer_id: 0,
            producer_epoch: 0,
            generation_id: -1,
            member_id: Text::new(),
            group_instance_id: None,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for TxnOffsetCommitRequest {
    const NAME: &'static str = "TxnOffsetCommitRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.string(flex, "TransactionalId", &self.transactional_id)?;
        w.string(flex, "GroupId", &self.group_id)?;
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        if version >= 3 {
            w.i32(self.generation_id);
        } else if self.generation_id != -1 {
            return Err(w.not_in_version("GenerationId"));
        }
        if version >= 3 {
            w.string(true, "MemberId", &self.member_id)?;
        } else if !self.member_id.is_empty() {
            return Err(w.not_in_version("MemberId"));
        }
        if version >= 3 {
            w.nullable_string(true, true, "GroupInstanceId", self.group_instance_id.as_ref())?;
        } else if self.group_instance_id.is_some() {
            return Err(w.not_in_version("GroupInstanceId"));
        }
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            transactional_id: r.string(flex, "TransactionalId")?,
            group_id: r.string(flex, "GroupId")?,
            producer_id: r.i64("ProducerId")?,
            producer_epoch: r.i16("ProducerEpoch")?,
            generation_id: if version >= 3 { r.i32("GenerationId")? } else { -1 },
            member_id: if version >= 3 { r.string(true, "MemberId")? } else { Text::new() },
            group_instance_id: if version >= 3 { r.nullable_string(true, true, "GroupInstanceId")? } else { None },
            topics: r.array(flex, "Topics", 3, |r| TxnOffsetCommitRequestTopic::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for TxnOffsetCommitRequest {
    const API: ApiKey = ApiKey::TxnOffsetCommit;
    type Response = TxnOffsetCommitResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TxnOffsetCommitRequestTopic {
    pub name: Text,
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TxnOffsetCommitRequestTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.string(flex, "Name", &self.name)?;
        w.array(flex, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            name: r.string(flex, "Name")?,
            partitions: r.array(flex, "Partitions", 14, |r| TxnOffsetCommitRequestPartition::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct TxnOffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// Versions 2+.
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for TxnOffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl TxnOffsetCommitRequestPartition {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 2 {
            w.i32(self.committed_leader_epoch);
        }
        w.nullable_string(flex, true, "CommittedMetadata", self.committed_metadata.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            committed_offset: r.i64("CommittedOffset")?,
            committed_leader_epoch: if version >= 2 { r.i32("CommittedLeaderEpoch")? } else { -1 },
            committed_metadata: r.nullable_string(flex, true, "CommittedMetadata")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
