//! FetchSnapshotRequest, from `schema/raft.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::FetchSnapshotResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct FetchSnapshotRequest {
    /// Tag 0.
    pub cluster_id: Option<Text>,
    pub replica_id: i32,
    pub max_bytes: i32,
    pub topics: Vec<TopicSnapshot>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FetchSnapshotRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            max_bytes: 2147483647,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for FetchSnapshotRequest {
    const NAME: &'static str = "FetchSnapshotRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.replica_id);
        w.i32(self.max_bytes);
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if self.cluster_id.is_some() {
                tags.add(w, 0, |w| w.nullable_string(true, true, "ClusterId", self.cluster_id.as_ref()))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            replica_id: r.i32("ReplicaId")?,
            max_bytes: r.i32("MaxBytes")?,
            topics: r.array(true, "Topics", 3, |r| TopicSnapshot::read(r, version))?,
            cluster_id: None,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.cluster_id = r.nullable_string(true, true, "ClusterId")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl ApiRequest for FetchSnapshotRequest {
    const API: ApiKey = ApiKey::FetchSnapshot;
    type Response = FetchSnapshotResponse;
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
            partitions: r.array(true, "Partitions", 30, |r| PartitionSnapshot::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionSnapshot {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub snapshot_id: SnapshotId,
    pub position: i64,
    /// Version 1; tag 0.
    pub replica_directory_id: Uuid,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionSnapshot {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition);
        w.i32(self.current_leader_epoch);
        self.snapshot_id.write(w, version)?;
        w.i64(self.position);
        {
            let mut tags = KnownTags::default();
            if version >= 1 && self.replica_directory_id != Uuid::ZERO {
                tags.add(w, 0, |w| { w.uuid(self.replica_directory_id); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            partition: r.i32("Partition")?,
            current_leader_epoch: r.i32("CurrentLeaderEpoch")?,
            snapshot_id: SnapshotId::read(r, version)?,
            position: r.i64("Position")?,
            replica_directory_id: Uuid::ZERO,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 1 => m.replica_directory_id = r.uuid("ReplicaDirectoryId")?,
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
