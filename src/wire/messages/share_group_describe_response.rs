//! ShareGroupDescribeResponse, from `schema/share_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ShareGroupDescribeResponse {
    const NAME: &'static str = "ShareGroupDescribeResponse";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

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

impl ApiResponse for ShareGroupDescribeResponse {
    const API: ApiKey = ApiKey::ShareGroupDescribe;
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    pub error_message: Option<Text>,
    pub group_id: Text,
    pub group_state: Text,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub assignor_name: Text,
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
            assignor_name: Text::new(),
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
        w.string(true, "AssignorName", &self.assignor_name)?;
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
            assignor_name: r.string(true, "AssignorName")?,
            members: r.array(true, "Members", 12, |r| Member::read(r, version))?,
            authorized_operations: r.i32("AuthorizedOperations")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    pub member_id: Text,
    pub rack_id: Option<Text>,
    pub member_epoch: i32,
    pub client_id: Text,
    pub client_host: Text,
    pub subscribed_topic_names: Vec<Text>,
    pub assignment: Assignment,
    pub unknown_tagged_fields: TaggedFields,
}

impl Member {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "MemberId", &self.member_id)?;
        w.nullable_string(true, true, "RackId", self.rack_id.as_ref())?;
        w.i32(self.member_epoch);
        w.string(true, "ClientId", &self.client_id)?;
        w.string(true, "ClientHost", &self.client_host)?;
        w.array(true, "SubscribedTopicNames", &self.subscribed_topic_names, |w, v| w.string(true, "SubscribedTopicNames", v))?;
        self.assignment.write(w, version)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            member_id: r.string(true, "MemberId")?,
            rack_id: r.nullable_string(true, true, "RackId")?,
            member_epoch: r.i32("MemberEpoch")?,
            client_id: r.string(true, "ClientId")?,
            client_host: r.string(true, "ClientHost")?,
            subscribed_topic_names: r.array(true, "SubscribedTopicNames", 1, |r| r.string(true, "SubscribedTopicNames"))?,
            assignment: Assignment::read(r, version)?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic_id: TopicId,
    pub topic_name: Text,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicPartitions {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.string(true, "TopicName", &self.topic_name)?;
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            topic_name: r.string(true, "TopicName")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Assignment {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(true, "TopicPartitions", &self.topic_partitions, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_partitions: r.array(true, "TopicPartitions", 19, |r| TopicPartitions::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
