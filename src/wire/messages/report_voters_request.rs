//! ReportVotersRequest, from `schema/ordain/nodes.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};
use super::ReportVotersResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportVotersRequest {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub partitions: Vec<ReassignedPartition>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ReportVotersRequest {
    const NAME: &'static str = "ReportVotersRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.array(true, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            broker_id: r.i32("BrokerId")?,
            broker_epoch: r.i64("BrokerEpoch")?,
            partitions: r.array(true, "Partitions", 26, |r| ReassignedPartition::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ReportVotersRequest {
    const API: ApiKey = ApiKey::ReportVoters;
    type Response = ReportVotersResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReassignedPartition {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub partition_epoch: i32,
    pub voters: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl ReassignedPartition {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.i32(self.partition_epoch);
        w.array(true, "Voters", &self.voters, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            partition_epoch: r.i32("PartitionEpoch")?,
            voters: r.array(true, "Voters", 4, |r| r.i32("Voters"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
