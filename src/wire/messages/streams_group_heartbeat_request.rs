//! StreamsGroupHeartbeatRequest, from `schema/streams_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::StreamsGroupHeartbeatResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupHeartbeatRequest {
    pub group_id: Text,
    pub member_id: Text,
    pub member_epoch: i32,
    pub endpoint_information_epoch: i32,
    pub instance_id: Option<Text>,
    pub rack_id: Option<Text>,
    pub rebalance_timeout_ms: i32,
    pub topology: Option<Topology>,
    pub active_tasks: Option<Vec<TaskIds>>,
    pub standby_tasks: Option<Vec<TaskIds>>,
    pub warmup_tasks: Option<Vec<TaskIds>>,
    pub process_id: Option<Text>,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Option<Vec<KeyValue>>,
    pub task_offsets: Option<Vec<TaskOffset>>,
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    pub shutdown_application: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for StreamsGroupHeartbeatRequest {
    fn default() -> Self {
        Self {
            group_id: Text::new(),
            member_id: Text::new(),
            member_epoch: 0,
            endpoint_information_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            topology: None,
            active_tasks: None,
            standby_tasks: None,
            warmup_tasks: None,
            process_id: None,
            user_endpoint: None,
            client_tags: None,
            task_offsets: None,
            task_end_offsets: None,
            shutdown_application: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for StreamsGroupHeartbeatRequest {
    const NAME: &'static str = "StreamsGroupHeartbeatRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "GroupId", &self.group_id)?;
        w.string(true, "MemberId", &self.member_id)?;
        w.i32(self.member_epoch);
        w.i32(self.endpoint_information_epoch);
        w.nullable_string(true, true, "InstanceId", self.instance_id.as_ref())?;
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.i32(self.rebalance_timeout_ms);
        w.nullable_struct(self.topology.as_ref(), |w, v| v.write(w, version))?;
        w.nullable_array(true, true, "ActiveTasks", self.active_tasks.as_deref(), |w, v| v.write(w, version))?;
        w.nullable_array(true, true, "StandbyTasks", self.standby_tasks.as_deref(), |w, v| v.write(w, version))?;
        w.nullable_array(true, true, "WarmupTasks", self.warmup_tasks.as_deref(), |w, v| v.write(w, version))?;
        w.nullable_string(true, true, "ProcessId", self.process_id.as_ref())?;
        w.nullable_struct(self.user_endpoint.as_ref(), |w, v| v.write(w, version))?;
        w.nullable_array(true, true, "ClientTags", self.client_tags.as_deref(), |w, v| v.write(w, version))?;
        w.nullable_array(true, true, "TaskOffsets", self.task_offsets.as_deref(), |w, v| v.write(w, version))?;
        w.nullable_array(true, true, "TaskEndOffsets", self.task_end_offsets.as_deref(), |w, v| v.write(w, version))?;
        w.bool(self.shutdown_application);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(true, "GroupId")?,
            member_id: r.string(true, "MemberId")?,
            member_epoch: r.i32("MemberEpoch")?,
            endpoint_information_epoch: r.i32("EndpointInformationEpoch")?,
            instance_id: r.nullable_string(true, true, "InstanceId")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            rebalance_timeout_ms: r.i32("RebalanceTimeoutMs")?,
            topology: r.nullable_struct("Topology", |r| Topology::read(r, version))?,
            active_tasks: r.nullable_array(true, true, "ActiveTasks", 3, |r| TaskIds::read(r, version))?,
            standby_tasks: r.nullable_array(true, true, "StandbyTasks", 3, |r| TaskIds::read(r, version))?,
            warmup_tasks: r.nullable_array(true, true, "WarmupTasks", 3, |r| TaskIds::read(r, version))?,
            process_id: r.nullable_string(true, true, "ProcessId")?,
            user_endpoint: r.nullable_struct("UserEndpoint", |r| Endpoint::read(r, version))?,
            client_tags: r.nullable_array(true, true, "ClientTags", 3, |r| KeyValue::read(r, version))?,
            task_offsets: r.nullable_array(true, true, "TaskOffsets", 14, |r| TaskOffset::read(r, version))?,
            task_end_offsets: r.nullable_array(true, true, "TaskEndOffsets", 14, |r| TaskOffset::read(r, version))?,
            shutdown_application: r.bool("ShutdownApplication")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for StreamsGroupHeartbeatRequest {
    const API: ApiKey = ApiKey::StreamsGroupHeartbeat;
    type Response = StreamsGroupHeartbeatResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Topology {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.array(true, "Subtopologies", &self.subtopologies, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.i32("Epoch")?,
            subtopologies: r.array(true, "Subtopologies", 8, |r| Subtopology::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtopology {
    pub subtopology_id: Text,
    pub source_topics: Vec<Text>,
    pub source_topic_regex: Vec<Text>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_sink_topics: Vec<Text>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Subtopology {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "SubtopologyId", &self.subtopology_id)?;
        w.array(true, "SourceTopics", &self.source_topics, |w, v| w.string(true, "SourceTopics", v))?;
        w.array(true, "SourceTopicRegex", &self.source_topic_regex, |w, v| w.string(true, "SourceTopicRegex", v))?;
        w.array(true, "StateChangelogTopics", &self.state_changelog_topics, |w, v| v.write(w, version))?;
        w.array(true, "RepartitionSinkTopics", &self.repartition_sink_topics, |w, v| w.string(true, "RepartitionSinkTopics", v))?;
        w.array(true, "RepartitionSourceTopics", &self.repartition_source_topics, |w, v| v.write(w, version))?;
        w.array(true, "CopartitionGroups", &self.copartition_groups, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            subtopology_id: r.string(true, "SubtopologyId")?,
            source_topics: r.array(true, "SourceTopics", 1, |r| r.string(true, "SourceTopics"))?,
            source_topic_regex: r.array(true, "SourceTopicRegex", 1, |r| r.string(true, "SourceTopicRegex"))?,
            state_changelog_topics: r.array(true, "StateChangelogTopics", 9, |r| TopicInfo::read(r, version))?,
            repartition_sink_topics: r.array(true, "RepartitionSinkTopics", 1, |r| r.string(true, "RepartitionSinkTopics"))?,
            repartition_source_topics: r.array(true, "RepartitionSourceTopics", 9, |r| TopicInfo::read(r, version))?,
            copartition_groups: r.array(true, "CopartitionGroups", 4, |r| CopartitionGroup::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopartitionGroup {
    pub source_topics: Vec<i16>,
    pub source_topic_regex: Vec<i16>,
    pub repartition_source_topics: Vec<i16>,
    pub unknown_tagged_fields: TaggedFields,
}

impl CopartitionGroup {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.array(true, "SourceTopics", &self.source_topics, |w, v| { w.i16(*v); Ok(()) })?;
        w.array(true, "SourceTopicRegex", &self.source_topic_regex, |w, v| { w.i16(*v); Ok(()) })?;
        w.array(true, "RepartitionSourceTopics", &self.repartition_source_topics, |w, v| { w.i16(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            source_topics: r.array(true, "SourceTopics", 2, |r| r.i16("SourceTopics"))?,
            source_topic_regex: r.array(true, "SourceTopicRegex", 2, |r| r.i16("SourceTopicRegex"))?,
            repartition_source_topics: r.array(true, "RepartitionSourceTopics", 2, |r| r.i16("RepartitionSourceTopics"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyValue {
    pub key: Text,
    pub value: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl KeyValue {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Key", &self.key)?;
        w.string(true, "Value", &self.value)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            key: r.string(true, "Key")?,
            value: r.string(true, "Value")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicInfo {
    pub name: Text,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<KeyValue>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicInfo {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.i32(self.partitions);
        w.i16(self.replication_factor);
        w.array(true, "TopicConfigs", &self.topic_configs, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            partitions: r.i32("Partitions")?,
            replication_factor: r.i16("ReplicationFactor")?,
            topic_configs: r.array(true, "TopicConfigs", 3, |r| KeyValue::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Endpoint {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskOffset {
    pub subtopology_id: Text,
    pub partition: i32,
    pub offset: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl TaskOffset {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "SubtopologyId", &self.subtopology_id)?;
        w.i32(self.partition);
        w.i64(self.offset);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            subtopology_id: r.string(true, "SubtopologyId")?,
            partition: r.i32("Partition")?,
            offset: r.i64("Offset")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskIds {
    pub subtopology_id: Text,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TaskIds {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "SubtopologyId", &self.subtopology_id)?;
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            subtopology_id: r.string(true, "SubtopologyId")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
