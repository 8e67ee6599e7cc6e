//! FetchResponse, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, Records, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchResponse {
    pub throttle_time_ms: i32,
    /// Versions 7+.
    pub error_code: i16,
    /// Versions 7+.
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    /// Versions 16+; tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for FetchResponse {
    const NAME: &'static str = "FetchResponse";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 18 };
    const FLEXIBLE_FROM: Option<i16> = Some(12);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        w.i32(self.throttle_time_ms);
        if version >= 7 {
            w.i16(self.error_code);
        }
        if version >= 7 {
            w.i32(self.session_id);
        }
        w.array(flex, "Responses", &self.responses, |w, v| v.write(w, version))?;
        if flex {
            let mut tags = KnownTags::default();
            if version >= 16 && !self.node_endpoints.is_empty() {
                tags.add(w, 0, |w| w.array(true, "NodeEndpoints", &self.node_endpoints, |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 12;
        let mut m = Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: if version >= 7 { r.i16("ErrorCode")? } else { 0 },
            session_id: if version >= 7 { r.i32("SessionId")? } else { 0 },
            responses: r.array(flex, "Responses", 3, |r| FetchableTopicResponse::read(r, version))?,
            node_endpoints: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 16 => m.node_endpoints = r.array(true, "NodeEndpoints", 11, |r| NodeEndpoint::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

impl ApiResponse for FetchResponse {
    const API: ApiKey = ApiKey::Fetch;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchableTopicResponse {
    /// Versions 4–12.
    pub topic: Text,
    /// Versions 13+.
    pub topic_id: TopicId,
    pub partitions: Vec<PartitionData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl FetchableTopicResponse {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        if version <= 12 {
            w.string(flex, "Topic", &self.topic)?;
        }
        if version >= 13 {
            w.topic_id(self.topic_id);
        }
        w.array(flex, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 12;
        Ok(Self {
            topic: if version <= 12 { r.string(flex, "Topic")? } else { Text::new() },
            topic_id: if version >= 13 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            partitions: r.array(flex, "Partitions", 30, |r| PartitionData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    /// Versions 5+.
    pub log_start_offset: i64,
    /// Versions 12+; tag 0.
    pub diverging_epoch: EpochEndOffset,
    /// Versions 12+; tag 1.
    pub current_leader: LeaderIdAndEpoch,
    /// Versions 12+; tag 2.
    pub snapshot_id: SnapshotId,
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// Versions 11+.
    pub preferred_read_replica: i32,
    pub records: Option<Records>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl PartitionData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        w.i32(self.partition_index);
        w.i16(self.error_code);
        w.i64(self.high_watermark);
        w.i64(self.last_stable_offset);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        w.nullable_array(flex, true, "AbortedTransactions", self.aborted_transactions.as_deref(), |w, v| v.write(w, version))?;
        if version >= 11 {
            w.i32(self.preferred_read_replica);
        }
        w.nullable_records(flex, true, "Records", self.records.as_ref())?;
        if flex {
            let mut tags = KnownTags::default();
            if self.diverging_epoch != EpochEndOffset::default() {
                tags.add(w, 0, |w| self.diverging_epoch.write(w, version))?;
            }
            if self.current_leader != LeaderIdAndEpoch::default() {
                tags.add(w, 1, |w| self.current_leader.write(w, version))?;
            }
            if self.snapshot_id != SnapshotId::default() {
                tags.add(w, 2, |w| self.snapshot_id.write(w, version))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 12;
        let mut m = Self {
            partition_index: r.i32("PartitionIndex")?,
            error_code: r.i16("ErrorCode")?,
            high_watermark: r.i64("HighWatermark")?,
            last_stable_offset: r.i64("LastStableOffset")?,
            log_start_offset: if version >= 5 { r.i64("LogStartOffset")? } else { -1 },
            aborted_transactions: r.nullable_array(flex, true, "AbortedTransactions", 16, |r| AbortedTransaction::read(r, version))?,
            preferred_read_replica: if version >= 11 { r.i32("PreferredReadReplica")? } else { -1 },
            records: r.nullable_records(flex, true, "Records")?,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.diverging_epoch = EpochEndOffset::read(r, version)?,
                1 => m.current_leader = LeaderIdAndEpoch::read(r, version)?,
                2 => m.snapshot_id = SnapshotId::read(r, version)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EpochEndOffset {
    pub epoch: i32,
    pub end_offset: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self {
            epoch: -1,
            end_offset: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl EpochEndOffset {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.i64(self.end_offset);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.i32("Epoch")?,
            end_offset: r.i64("EndOffset")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl LeaderIdAndEpoch {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            leader_id: r.i32("LeaderId")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for SnapshotId {
    fn default() -> Self {
        Self {
            end_offset: -1,
            epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl SnapshotId {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i64(self.end_offset);
        w.i32(self.epoch);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            end_offset: r.i64("EndOffset")?,
            epoch: r.i32("Epoch")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl AbortedTransaction {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        w.i64(self.producer_id);
        w.i64(self.first_offset);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 12;
        Ok(Self {
            producer_id: r.i64("ProducerId")?,
            first_offset: r.i64("FirstOffset")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Text,
    pub port: i32,
    pub rack: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl NodeEndpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.string(true, "Host", &self.host)?;
        w.i32(self.port);
        w.nullable_string(true, true, "Rack", self.rack.as_ref())?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            host: r.string(true, "Host")?,
            port: r.i32("Port")?,
            rack: r.nullable_string(true, true, "Rack")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
