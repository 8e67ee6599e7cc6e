//! LeavePartitionsRequest, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::{TopicId, Uuid};
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};
use super::LeavePartitionsResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeavePartitionsRequest {
    pub metadata_offset: i64,
    pub partitions: Vec<LeavingReplica>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for LeavePartitionsRequest {
    const NAME: &'static str = "LeavePartitionsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i64(self.metadata_offset);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            metadata_offset: r.i64("MetadataOffset")?,
            partitions: r.array(true, "Partitions", 41, |r| LeavingReplica::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for LeavePartitionsRequest {
    const API: ApiKey = ApiKey::LeavePartitions;
    type Response = LeavePartitionsResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeavingReplica {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub directory_id: Uuid,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl LeavingReplica {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.uuid(self.directory_id);
        w.i32(self.leader_epoch);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            directory_id: r.uuid("DirectoryId")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
