//! FetchSnapshotResponse, from `schema/raft.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, Records, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<TopicSnapshot>,
    /// Version 1; tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for FetchSnapshotResponse {
    const NAME: &'static str = "FetchSnapshotResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if version >= 1 && !self.node_endpoints.is_empty() {
                tags.add(w, 0, |w| w.array(true, "NodeEndpoints", &self.node_endpoints, |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            topics: r.array(true, "Topics", 3, |r| TopicSnapshot::read(r, version))?,
            node_endpoints: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 1 => m.node_endpoints = r.array(true, "NodeEndpoints", 8, |r| NodeEndpoint::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl ApiResponse for FetchSnapshotResponse {
    const API: ApiKey = ApiKey::FetchSnapshot;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicSnapshot {
    pub name: Text,
    pub partitions: Vec<PartitionSnapshot>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicSnapshot {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            partitions: r.array(true, "Partitions", 37, |r| PartitionSnapshot::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionSnapshot {
    pub index: i32,
    pub error_code: i16,
    pub snapshot_id: SnapshotId,
    /// Tag 0.
    pub current_leader: LeaderIdAndEpoch,
    pub size: i64,
    pub position: i64,
    pub unaligned_records: Records,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionSnapshot {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.index);
        w.i16(self.error_code);
        self.snapshot_id.write(w, version)?;
        w.i64(self.size);
        w.i64(self.position);
        w.records(true, "UnalignedRecords", &self.unaligned_records)?;
        {
            let mut tags = KnownTags::default();
            if self.current_leader != LeaderIdAndEpoch::default() {
                tags.add(w, 0, |w| self.current_leader.write(w, version))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            index: r.i32("Index")?,
            error_code: r.i16("ErrorCode")?,
            snapshot_id: SnapshotId::read(r, version)?,
            size: r.i64("Size")?,
            position: r.i64("Position")?,
            unaligned_records: r.records(true, "UnalignedRecords")?,
            current_leader: LeaderIdAndEpoch::default(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.current_leader = LeaderIdAndEpoch::read(r, version)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
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
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl NodeEndpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
