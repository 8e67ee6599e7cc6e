//! LeavePartitionsResponse, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeavePartitionsResponse {
    pub error_code: i16,
    pub partitions: Vec<ReleasedReplica>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for LeavePartitionsResponse {
    const NAME: &'static str = "LeavePartitionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            partitions: r.array(true, "Partitions", 25, |r| ReleasedReplica::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for LeavePartitionsResponse {
    const API: ApiKey = ApiKey::LeavePartitions;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReleasedReplica {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl ReleasedReplica {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.i32(self.leader_epoch);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
