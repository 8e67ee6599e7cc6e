//! DescribeQuorumResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeQuorumResponse {
    pub error_code: i16,
    /// Version 2.
    pub error_message: Option<Text>,
    pub topics: Vec<TopicData>,
    /// Version 2.
    pub nodes: Vec<Node>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeQuorumResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Text::new()),
            topics: Vec::new(),
            nodes: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for DescribeQuorumResponse {
    const NAME: &'static str = "DescribeQuorumResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        if version >= 2 {
            w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        }
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        if version >= 2 {
            w.array(true, "Nodes", &self.nodes, |w, v| v.write(w, version))?;
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            error_message: if version >= 2 { r.nullable_string(true, true, "ErrorMessage")? } else { Some(Text::new()) },
            topics: r.array(true, "Topics", 3, |r| TopicData::read(r, version))?,
            nodes: if version >= 2 { r.array(true, "Nodes", 6, |r| Node::read(r, version))? } else { Vec::new() },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for DescribeQuorumResponse {
    const API: ApiKey = ApiKey::DescribeQuorum;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicData {
    pub topic_name: Text,
    pub partitions: Vec<PartitionData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "TopicName", &self.topic_name)?;
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_name: r.string(true, "TopicName")?,
            partitions: r.array(true, "Partitions", 25, |r| PartitionData::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    /// Version 2.
    pub error_message: Option<Text>,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            error_message: Some(Text::new()),
            leader_id: 0,
            leader_epoch: 0,
            high_watermark: 0,
            current_voters: Vec::new(),
            observers: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl PartitionData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition_index);
        w.i16(self.error_code);
        if version >= 2 {
            w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        }
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.i64(self.high_watermark);
        w.array(true, "CurrentVoters", &self.current_voters, |w, v| v.write(w, version))?;
        w.array(true, "Observers", &self.observers, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            error_code: r.i16("ErrorCode")?,
            error_message: if version >= 2 { r.nullable_string(true, true, "ErrorMessage")? } else { Some(Text::new()) },
            leader_id: r.i32("LeaderId")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            high_watermark: r.i64("HighWatermark")?,
            current_voters: r.array(true, "CurrentVoters", 13, |r| ReplicaState::read(r, version))?,
            observers: r.array(true, "Observers", 13, |r| ReplicaState::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Node {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.array(true, "Listeners", &self.listeners, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            listeners: r.array(true, "Listeners", 5, |r| Listener::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Text,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Listener {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    /// Version 2.
    pub replica_directory_id: Uuid,
    pub log_end_offset: i64,
    /// Versions 1+.
    pub last_fetch_timestamp: i64,
    /// Versions 1+.
    pub last_caught_up_timestamp: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: 0,
            replica_directory_id: Uuid::ZERO,
            log_end_offset: 0,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl ReplicaState {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.replica_id);
        if version >= 2 {
            w.uuid(self.replica_directory_id);
        }
        w.i64(self.log_end_offset);
        if version >= 1 {
            w.i64(self.last_fetch_timestamp);
        }
        if version >= 1 {
            w.i64(self.last_caught_up_timestamp);
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            replica_id: r.i32("ReplicaId")?,
            replica_directory_id: if version >= 2 { r.uuid("ReplicaDirectoryId")? } else { Uuid::ZERO },
            log_end_offset: r.i64("LogEndOffset")?,
            last_fetch_timestamp: if version >= 1 { r.i64("LastFetchTimestamp")? } else { -1 },
            last_caught_up_timestamp: if version >= 1 { r.i64("LastCaughtUpTimestamp")? } else { -1 },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
