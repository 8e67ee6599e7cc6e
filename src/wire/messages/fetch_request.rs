//! FetchRequest, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::{TopicId, Uuid};
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::FetchResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct FetchRequest {
    /// Versions 12+; tag 0.
    pub cluster_id: Option<Text>,
    /// Versions 4–14.
    pub replica_id: i32,
    /// Versions 15+; tag 1.
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub isolation_level: i8,
    /// Versions 7+.
    pub session_id: i32,
    /// Versions 7+.
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    /// Versions 7+.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Versions 11+.
    pub rack_id: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            replica_state: ReplicaState::default(),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 2147483647,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: Text::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for FetchRequest {
    const NAME: &'static str = "FetchRequest";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 18 };
    const FLEXIBLE_FROM: Option<i16> = Some(12);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        if version <= 14 {
            w.i32(self.replica_id);
        } else if self.replica_id != -1 {
            return Err(w.not_in_version("ReplicaId"));
        }
        w.i32(self.max_wait_ms);
        w.i32(self.min_bytes);
        w.i32(self.max_bytes);
        w.i8(self.isolation_level);
        if version >= 7 {
            w.i32(self.session_id);
        }
        if version >= 7 {
            w.i32(self.session_epoch);
        }
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if version >= 7 {
            w.array(flex, "ForgottenTopicsData", &self.forgotten_topics_data, |w, v| v.write(w, version))?;
        } else if !self.forgotten_topics_data.is_empty() {
            return Err(w.not_in_version("ForgottenTopicsData"));
        }
        if version >= 11 {
            w.string(flex, "RackId", &self.rack_id)?;
        }
        if flex {
            let mut tags = KnownTags::default();
            if self.cluster_id.is_some() {
                tags.add(w, 0, |w| w.nullable_string(true, true, "ClusterId", self.cluster_id.as_ref()))?;
            }
            if version >= 15 && self.replica_state != ReplicaState::default() {
                tags.add(w, 1, |w| self.replica_state.write(w, version))?;
            } else if self.replica_state != ReplicaState::default() {
                return Err(w.not_in_version("ReplicaState"));
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 12;
        let mut m = Self {
            replica_id: if version <= 14 { r.i32("ReplicaId")? } else { -1 },
            max_wait_ms: r.i32("MaxWaitMs")?,
            min_bytes: r.i32("MinBytes")?,
            max_bytes: r.i32("MaxBytes")?,
            isolation_level: r.i8("IsolationLevel")?,
            session_id: if version >= 7 { r.i32("SessionId")? } else { 0 },
            session_epoch: if version >= 7 { r.i32("SessionEpoch")? } else { -1 },
            topics: r.array(flex, "Topics", 3, |r| FetchTopic::read(r, version))?,
            forgotten_topics_data: if version >= 7 { r.array(flex, "ForgottenTopicsData", 3, |r| ForgottenTopic::read(r, version))? } else { Vec::new() },
            rack_id: if version >= 11 { r.string(flex, "RackId")? } else { Text::new() },
            cluster_id: None,
            replica_state: ReplicaState::default(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.cluster_id = r.nullable_string(true, true, "ClusterId")?,
                1 if version >= 15 => m.replica_state = ReplicaState::read(r, version)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

impl ApiRequest for FetchRequest {
    const API: ApiKey = ApiKey::Fetch;
    type Response = FetchResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    pub replica_epoch: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: -1,
            replica_epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl ReplicaState {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.replica_id);
        w.i64(self.replica_epoch);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            replica_id: r.i32("ReplicaId")?,
            replica_epoch: r.i64("ReplicaEpoch")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchTopic {
    /// Versions 4–12.
    pub topic: Text,
    /// Versions 13+.
    pub topic_id: TopicId,
    pub partitions: Vec<FetchPartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl FetchTopic {
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
            partitions: r.array(flex, "Partitions", 16, |r| FetchPartition::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct FetchPartition {
    pub partition: i32,
    /// Versions 9+.
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    /// Versions 12+.
    pub last_fetched_epoch: i32,
    /// Versions 5+.
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
    /// Versions 17+; tag 0.
    pub replica_directory_id: Uuid,
    /// Version 18; tag 1.
    pub high_watermark: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FetchPartition {
    fn default() -> Self {
        Self {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: Uuid::ZERO,
            high_watermark: 9223372036854775807,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl FetchPartition {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        w.i32(self.partition);
        if version >= 9 {
            w.i32(self.current_leader_epoch);
        }
        w.i64(self.fetch_offset);
        if version >= 12 {
            w.i32(self.last_fetched_epoch);
        } else if self.last_fetched_epoch != -1 {
            return Err(w.not_in_version("LastFetchedEpoch"));
        }
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        w.i32(self.partition_max_bytes);
        if flex {
            let mut tags = KnownTags::default();
            if version >= 17 && self.replica_directory_id != Uuid::ZERO {
                tags.add(w, 0, |w| { w.uuid(self.replica_directory_id); Ok(()) })?;
            }
            if version >= 18 && self.high_watermark != 9223372036854775807 {
                tags.add(w, 1, |w| { w.i64(self.high_watermark); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 12;
        let mut m = Self {
            partition: r.i32("Partition")?,
            current_leader_epoch: if version >= 9 { r.i32("CurrentLeaderEpoch")? } else { -1 },
            fetch_offset: r.i64("FetchOffset")?,
            last_fetched_epoch: if version >= 12 { r.i32("LastFetchedEpoch")? } else { -1 },
            log_start_offset: if version >= 5 { r.i64("LogStartOffset")? } else { -1 },
            partition_max_bytes: r.i32("PartitionMaxBytes")?,
            replica_directory_id: Uuid::ZERO,
            high_watermark: 9223372036854775807,
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 17 => m.replica_directory_id = r.uuid("ReplicaDirectoryId")?,
                1 if version >= 18 => m.high_watermark = r.i64("HighWatermark")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForgottenTopic {
    /// Versions 7–12.
    pub topic: Text,
    /// Versions 13+.
    pub topic_id: TopicId,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl ForgottenTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 12;
        if version <= 12 {
            w.string(flex, "Topic", &self.topic)?;
        }
        if version >= 13 {
            w.topic_id(self.topic_id);
        }
        w.array(flex, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
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
            partitions: r.array(flex, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
