//! DescribeProducersRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::DescribeProducersResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeProducersRequest {
    pub topics: Vec<TopicRequest>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeProducersRequest {
    const NAME: &'static str = "DescribeProducersRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topics: r.array(true, "Topics", 3, |r| TopicRequest::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for DescribeProducersRequest {
    const API: ApiKey = ApiKey::DescribeProducers;
    type Response = DescribeProducersResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicRequest {
    pub name: Text,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicRequest {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.array(true, "PartitionIndexes", &self.partition_indexes, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            partition_indexes: r.array(true, "PartitionIndexes", 4, |r| r.i32("PartitionIndexes"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
