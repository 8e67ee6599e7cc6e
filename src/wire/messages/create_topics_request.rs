//! CreateTopicsRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::CreateTopicsResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct CreateTopicsRequest {
    pub topics: Vec<CreatableTopic>,
    pub timeout_ms: i32,
    pub validate_only: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreateTopicsRequest {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            timeout_ms: 60000,
            validate_only: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for CreateTopicsRequest {
    const NAME: &'static str = "CreateTopicsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 2, max: 7 };
    const FLEXIBLE_FROM: Option<i16> = Some(5);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.array(flex, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.i32(self.timeout_ms);
        w.bool(self.validate_only);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            topics: r.array(flex, "Topics", 10, |r| CreatableTopic::read(r, version))?,
            timeout_ms: r.i32("timeoutMs")?,
            validate_only: r.bool("validateOnly")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for CreateTopicsRequest {
    const API: ApiKey = ApiKey::CreateTopics;
    type Response = CreateTopicsResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableTopic {
    pub name: Text,
    pub num_partitions: i32,
    pub replication_factor: i16,
    pub assignments: Vec<CreatableReplicaAssignment>,
    pub configs: Vec<CreatableTopicConfig>,
    pub unknown_tagged_fields: TaggedFields,
}

impl CreatableTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.string(flex, "Name", &self.name)?;
        w.i32(self.num_partitions);
        w.i16(self.replication_factor);
        w.array(flex, "Assignments", &self.assignments, |w, v| v.write(w, version))?;
        w.array(flex, "Configs", &self.configs, |w, v| v.write(w, version))?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            name: r.string(flex, "Name")?,
            num_partitions: r.i32("NumPartitions")?,
            replication_factor: r.i16("ReplicationFactor")?,
            assignments: r.array(flex, "Assignments", 6, |r| CreatableReplicaAssignment::read(r, version))?,
            configs: r.array(flex, "Configs", 3, |r| CreatableTopicConfig::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableReplicaAssignment {
    pub partition_index: i32,
    pub broker_ids: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl CreatableReplicaAssignment {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.i32(self.partition_index);
        w.array(flex, "BrokerIds", &self.broker_ids, |w, v| { w.i32(*v); Ok(()) })?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            partition_index: r.i32("PartitionIndex")?,
            broker_ids: r.array(flex, "BrokerIds", 4, |r| r.i32("BrokerIds"))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicConfig {
    pub name: Text,
    pub value: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatableTopicConfig {
    fn default() -> Self {
        Self {
            name: Text::new(),
            value: Some(Text::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl CreatableTopicConfig {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 5;
        w.string(flex, "Name", &self.name)?;
        w.nullable_string(flex, true, "Value", self.value.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 5;
        Ok(Self {
            name: r.string(flex, "Name")?,
            value: r.nullable_string(flex, true, "Value")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
