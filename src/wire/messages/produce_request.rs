//! ProduceRequest, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, Records, TaggedFields, Text, VersionRange, Writer};
use super::ProduceResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceRequest {
    pub transactional_id: Option<Text>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ProduceRequest {
    const NAME: &'static str = "ProduceRequest";
    const VERSIONS: VersionRange = VersionRange { min: 3, max: 13 };
    const FLEXIBLE_FROM: Option<i16> = Some(9);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.nullable_string(flex, true, "TransactionalId", self.transactional_id.as_ref())?;
        w.i16(self.acks);
        w.i32(self.timeout_ms);
        w.array(flex, "TopicData", &self.topic_data, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            transactional_id: r.nullable_string(flex, true, "TransactionalId")?,
            acks: r.i16("Acks")?,
            timeout_ms: r.i32("TimeoutMs")?,
            topic_data: r.array(flex, "TopicData", 3, |r| TopicProduceData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for ProduceRequest {
    const API: ApiKey = ApiKey::Produce;
    type Response = ProduceResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceData {
    /// Versions 3–12.
    pub name: Text,
    /// Version 13.
    pub topic_id: TopicId,
    pub partition_data: Vec<PartitionProduceData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicProduceData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        if version <= 12 {
            w.string(flex, "Name", &self.name)?;
        }
        if version >= 13 {
            w.topic_id(self.topic_id);
        }
        w.array(flex, "PartitionData", &self.partition_data, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            name: if version <= 12 { r.string(flex, "Name")? } else { Text::new() },
            topic_id: if version >= 13 { r.topic_id("TopicId")? } else { TopicId::ZERO },
            partition_data: r.array(flex, "PartitionData", 6, |r| PartitionProduceData::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionProduceData {
    pub index: i32,
    pub records: Option<Records>,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionProduceData {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.i32(self.index);
        w.nullable_records(flex, true, "Records", self.records.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            index: r.i32("Index")?,
            records: r.nullable_records(flex, true, "Records")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
