//! ProduceResponse, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    pub throttle_time_ms: i32,
    /// Versions 10+; tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ProduceResponse {
    const NAME: &'static str = "ProduceResponse";
    const VERSIONS: VersionRange = VersionRange { min: 3, max: 13 };
    const FLEXIBLE_FROM: Option<i16> = Some(9);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.array(flex, "Responses", &self.responses, |w, v| v.write(w, version))?;
        w.i32(self.throttle_time_ms);
        if flex {
            let mut tags = KnownTags::default();
            if version >= 10 && !self.node_endpoints.is_empty() {
                tags.add(w, 0, |w| w.array(true, "NodeEndpoints", &self.node_endpoints, |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        let mut m = Self {
            responses: r.array(flex, "Responses", 3, |r| TopicProduceResponse::read(r, version))?,
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            node_endpoints: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 10 => m.node_endpoints = r.array(true, "NodeEndpoints", 11, |r| NodeEndpoint::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

impl ApiResponse for ProduceResponse {
    const API: ApiKey = ApiKey::Produce;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceResponse {
    /// Versions 3–12.
    pub name: Text,
    /// Version 13.
    pub topic_id: TopicId,
    pub partition_responses: Vec<PartitionProduceResponse>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicProduceResponse {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        if version <= 12 {
            w.string(flex, "Name", &self.name)?;
        }
        if version >= 13 {
            w.topic_id(self.topic_id);
        }
        w.array(flex, "PartitionResponses", &self.partition_responses, |w, v| v.write(w, version))?;
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
            partition_responses: r.array(flex, "PartitionResponses", 22, |r| PartitionProduceResponse::read(r, version))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: i16,
    pub base_offset: i64,
    pub log_append_time_ms: i64,
    /// Versions 5+.
    pub log_start_offset: i64,
    /// Versions 8+.
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// Versions 8+.
    pub error_message: Option<Text>,
    /// Versions 10+; tag 0.
    pub current_leader: LeaderIdAndEpoch,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: 0,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl PartitionProduceResponse {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.i32(self.index);
        w.i16(self.error_code);
        w.i64(self.base_offset);
        w.i64(self.log_append_time_ms);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        if version >= 8 {
            w.array(flex, "RecordErrors", &self.record_errors, |w, v| v.write(w, version))?;
        }
        if version >= 8 {
            w.nullable_string(flex, true, "ErrorMessage", self.error_message.as_ref())?;
        }
        if flex {
            let mut tags = KnownTags::default();
            if version >= 10 && self.current_leader != LeaderIdAndEpoch::default() {
                tags.add(w, 0, |w| self.current_leader.write(w, version))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        let mut m = Self {
            index: r.i32("Index")?,
            error_code: r.i16("ErrorCode")?,
            base_offset: r.i64("BaseOffset")?,
            log_append_time_ms: r.i64("LogAppendTimeMs")?,
            log_start_offset: if version >= 5 { r.i64("LogStartOffset")? } else { -1 },
            record_errors: if version >= 8 { r.array(flex, "RecordErrors", 6, |r| BatchIndexAndErrorMessage::read(r, version))? } else { Vec::new() },
            error_message: if version >= 8 { r.nullable_string(flex, true, "ErrorMessage")? } else { None },
            current_leader: LeaderIdAndEpoch::default(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 10 => m.current_leader = LeaderIdAndEpoch::read(r, version)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl BatchIndexAndErrorMessage {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 9;
        w.i32(self.batch_index);
        w.nullable_string(flex, true, "BatchIndexErrorMessage", self.batch_index_error_message.as_ref())?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 9;
        Ok(Self {
            batch_index: r.i32("BatchIndex")?,
            batch_index_error_message: r.nullable_string(flex, true, "BatchIndexErrorMessage")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
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
    pub port: i32,
    pub rack: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl NodeEndpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.string(true, "Host", &self.host)?;
        w.i32(self.port);
        w.nullable_string(true, true, "Rack", self.rack.as_ref())?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            host: r.string(true, "Host")?,
            port: r.i32("Port")?,
            rack: r.nullable_string(true, true, "Rack")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
