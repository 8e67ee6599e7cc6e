//! StreamsGroupTopologyValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTopologyValue {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for StreamsGroupTopologyValue {
    const NAME: &'static str = "StreamsGroupTopologyValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.array(true, "Subtopologies", &self.subtopologies, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
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
pub struct TopicConfig {
    pub key: Text,
    pub value: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicConfig {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "key", &self.key)?;
        w.string(true, "value", &self.value)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            key: r.string(true, "key")?,
            value: r.string(true, "value")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicInfo {
    pub name: Text,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<TopicConfig>,
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
            topic_configs: r.array(true, "TopicConfigs", 3, |r| TopicConfig::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
