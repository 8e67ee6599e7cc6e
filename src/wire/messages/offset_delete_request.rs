//! OffsetDeleteRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, Text, VersionRange, Writer};
use super::OffsetDeleteResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequest {
    pub group_id: Text,
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

impl Message for OffsetDeleteRequest {
    const NAME: &'static str = "OffsetDeleteRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(false, "GroupId", &self.group_id)?;
        w.array(false, "Topics", &self.topics, |w, v| v.write(w, version))?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(false, "GroupId")?,
            topics: r.array(false, "Topics", 6, |r| OffsetDeleteRequestTopic::read(r, version))?,
        })
    }
}

impl ApiRequest for OffsetDeleteRequest {
    const API: ApiKey = ApiKey::OffsetDelete;
    type Response = OffsetDeleteResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequestTopic {
    pub name: Text,
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

impl OffsetDeleteRequestTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(false, "Name", &self.name)?;
        w.array(false, "Partitions", &self.partitions, |w, v| v.write(w, version))?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(false, "Name")?,
            partitions: r.array(false, "Partitions", 4, |r| OffsetDeleteRequestPartition::read(r, version))?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequestPartition {
    pub partition_index: i32,
}

impl OffsetDeleteRequestPartition {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition_index);
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
        })
    }
}
