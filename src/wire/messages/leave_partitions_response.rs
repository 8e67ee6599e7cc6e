//! LeavePartitionsResponse, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeavePartitionsResponse {
    pub error_code: i16,
    pub partitions: Vec<ReleasedReplica>,
    /// Tag 0.
    pub staying: Vec<StayingReplica>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for LeavePartitionsResponse {
    const NAME: &'static str = "LeavePartitionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if !self.staying.is_empty() {
                tags.add(w, 0, |w| w.array(true, "Staying", &self.staying, |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            error_code: r.i16("ErrorCode")?,
            partitions: r.array(true, "Partitions", 25, |r| ReleasedReplica::read(r, version))?,
            staying: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.staying = r.array(true, "Staying", 21, |r| StayingReplica::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StayingReplica {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl StayingReplica {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
