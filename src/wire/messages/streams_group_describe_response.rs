//! StreamsGroupDescribeResponse, from `schema/streams_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for StreamsGroupDescribeResponse {
    const NAME: &'static str = "StreamsGroupDescribeResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.array(true, "Groups", &self.groups, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            groups: r.array(true, "Groups", 20, |r| DescribedGroup::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for StreamsGroupDescribeResponse {
    const API: ApiKey = ApiKey::StreamsGroupDescribe;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub group_id: Text,
    pub group_state: Text,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub topology: Option<Topology>,
    pub members: Vec<Member>,
    pub authorized_operations: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Text::new(),
            group_state: Text::new(),
            group_epoch: 0,
            assignment_epoch: 0,
            topology: None,
            members: Vec::new(),
            authorized_operations: -2147483648,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl DescribedGroup {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        w.string(true, "GroupId", &self.group_id)?;
        w.string(true, "GroupState", &self.group_state)?;
        w.i32(self.group_epoch);
        w.i32(self.assignment_epoch);
        w.nullable_struct(self.topology.as_ref(), |w, v| v.write(w, version))?;
        w.array(true, "Members", &self.members, |w, v| v.write(w, version))?;
        w.i32(self.authorized_operations);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(true, true, "ErrorMessage")?,
            group_id: r.string(true, "GroupId")?,
            group_state: r.string(true, "GroupState")?,
            group_epoch: r.i32("GroupEpoch")?,
            assignment_epoch: r.i32("AssignmentEpoch")?,
            topology: r.nullable_struct("Topology", |r| Topology::read(r, version))?,
            members: r.array(true, "Members", 28, |r| Member::read(r, version))?,
            authorized_operations: r.i32("AuthorizedOperations")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Option<Vec<Subtopology>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Topology {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.nullable_array(true, true, "Subtopologies", self.subtopologies.as_deref(), |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.i32("Epoch")?,
            subtopologies: r.nullable_array(true, true, "Subtopologies", 6, |r| Subtopology::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtopology {
    pub subtopology_id: Text,
    pub source_topics: Vec<Text>,
    pub repartition_sink_topics: Vec<Text>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Subtopology {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "SubtopologyId", &self.subtopology_id)?;
        w.array(true, "SourceTopics", &self.source_topics, |w, v| w.string(true, "SourceTopics", v))?;
        w.array(true, "RepartitionSinkTopics", &self.repartition_sink_topics, |w, v| w.string(true, "RepartitionSinkTopics", v))?;
        w.array(true, "StateChangelogTopics", &self.state_changelog_topics, |w, v| v.write(w, version))?;
        w.array(true, "RepartitionSourceTopics", &self.repartition_source_topics, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            subtopology_id: r.string(true, "SubtopologyId")?,
            source_topics: r.array(true, "SourceTopics", 1, |r| r.string(true, "SourceTopics"))?,
            repartition_sink_topics: r.array(true, "RepartitionSinkTopics", 1, |r| r.string(true, "RepartitionSinkTopics"))?,
            state_changelog_topics: r.array(true, "StateChangelogTopics", 9, |r| TopicInfo::read(r, version))?,
            repartition_source_topics: r.array(true, "RepartitionSourceTopics", 9, |r| TopicInfo::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    pub member_id: Text,
    pub member_epoch: i32,
    pub instance_id: Option<Text>,
    pub rack_id: Option<Text>,
    pub client_id: Text,
    pub client_host: Text,
    pub topology_epoch: i32,
    pub process_id: Text,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub task_offsets: Vec<TaskOffset>,
    pub task_end_offsets: Vec<TaskOffset>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    pub is_classic: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Member {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "MemberId", &self.member_id)?;
        w.i32(self.member_epoch);
        w.nullable_string(true, true, "InstanceId", self.instance_id.as_ref())?;
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.string(true, "ClientId", &self.client_id)?;
        w.string(true, "ClientHost", &self.client_host)?;
        w.i32(self.topology_epoch);
        w.string(true, "ProcessId", &self.process_id)?;
        w.nullable_struct(self.user_endpoint.as_ref(), |w, v| v.write(w, version))?;
        w.array(true, "ClientTags", &self.client_tags, |w, v| v.write(w, version))?;
        w.array(true, "TaskOffsets", &self.task_offsets, |w, v| v.write(w, version))?;
        w.array(true, "TaskEndOffsets", &self.task_end_offsets, |w, v| v.write(w, version))?;
        self.assignment.write(w, version)?;
        self.target_assignment.write(w, version)?;
        w.bool(self.is_classic);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            member_id: r.string(true, "MemberId")?,
            member_epoch: r.i32("MemberEpoch")?,
            instance_id: r.nullable_string(true, true, "InstanceId")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            client_id: r.string(true, "ClientId")?,
            client_host: r.string(true, "ClientHost")?,
            topology_epoch: r.i32("TopologyEpoch")?,
            process_id: r.string(true, "ProcessId")?,
            user_endpoint: r.nullable_struct("UserEndpoint", |r| Endpoint::read(r, version))?,
            client_tags: r.array(true, "ClientTags", 3, |r| KeyValue::read(r, version))?,
            task_offsets: r.array(true, "TaskOffsets", 14, |r| TaskOffset::read(r, version))?,
            task_end_offsets: r.array(true, "TaskEndOffsets", 14, |r| TaskOffset::read(r, version))?,
            assignment: Assignment::read(r, version)?,
            target_assignment: Assignment::read(r, version)?,
            is_classic: r.bool("IsClassic")?,
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
pub struct Assignment {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Assignment {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(true, "ActiveTasks", &self.active_tasks, |w, v| v.write(w, version))?;
        w.array(true, "StandbyTasks", &self.standby_tasks, |w, v| v.write(w, version))?;
        w.array(true, "WarmupTasks", &self.warmup_tasks, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            active_tasks: r.array(true, "ActiveTasks", 3, |r| TaskIds::read(r, version))?,
            standby_tasks: r.array(true, "StandbyTasks", 3, |r| TaskIds::read(r, version))?,
            warmup_tasks: r.array(true, "WarmupTasks", 3, |r| TaskIds::read(r, version))?,
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
