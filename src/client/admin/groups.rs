use std::collections::{BTreeMap, BTreeSet};

use crate::client::broker::Broker;
use crate::client::cluster::{AutoCreate, Client, Lane};
use crate::client::error::ClientError;
use crate::client::group::protocol;
use crate::client::metadata::TopicPartition;
use crate::types::{ErrorCode, LeaderEpoch, Offset};
use crate::wire::messages::consumer_group_describe_response as modern;
use crate::wire::messages::describe_groups_response as classic;
use crate::wire::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::wire::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use crate::wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use crate::wire::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};
use crate::wire::{ApiKey, Text};

/// A group as a list names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GroupListing {
    pub group_id: String,
    pub protocol_type: String,
    /// Empty where the broker is too old to tell; so is `kind`.
    pub state: String,
    pub kind: String,
}

/// A group and its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDescription {
    pub group_id: String,
    pub state: String,
    /// `classic` or `consumer`.
    pub kind: &'static str,
    pub assignor: String,
    pub coordinator: String,
    pub members: Vec<GroupMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMember {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub host: String,
    pub assignment: BTreeSet<TopicPartition>,
}

/// How far a group has come in a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedOffset {
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    pub metadata: String,
}

impl Client {
    /// The groups of all brokers, in the order of their names.
    ///
    /// # Errors
    /// What any broker said, after retries.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        let mut retry = self.retry();
        loop {
            match self.list_groups_once().await {
                Ok(groups) => return Ok(groups.into_iter().collect()),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn list_groups_once(&self) -> Result<BTreeSet<GroupListing>, ClientError> {
        let mut groups = BTreeSet::new();
        for id in self.describe(Some(&[]), AutoCreate::No).await?.brokers.into_keys() {
            let broker = self.node(id, Lane::Admin).await?;
            let answer = broker.call(&ListGroupsRequest::default()).await?;
            let (api, code) = (ApiKey::ListGroups, answer.error_code);
            ClientError::check(broker.address(), api, code, "the list of groups", None)?;
            groups.extend(answer.groups.iter().map(|group| GroupListing {
                group_id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                kind: group.group_type.to_string(),
            }));
        }
        Ok(groups)
    }

    /// A group of either protocol with its members.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, or what went wrong on the way, after retries.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        let mut retry = self.retry();
        loop {
            match self.describe_group_once(group).await {
                Ok(description) => return Ok(description),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn describe_group_once(&self, group: &str) -> Result<GroupDescription, ClientError> {
        let broker = self.coordinator(group).await?;
        if broker.version::<ConsumerGroupDescribeRequest>().is_ok() {
            match describe_modern(&broker, group).await {
                Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {}
                described => return described,
            }
        }
        describe_classic(&broker, group).await
    }

    /// What a group has committed, for these partitions or for all.
    ///
    /// # Errors
    /// What the coordinator said, after retries.
    pub async fn group_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let mut retry = self.retry();
        loop {
            match self.group_offsets_once(group, partitions).await {
                Ok(offsets) => return Ok(offsets),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn group_offsets_once(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let broker = self.coordinator(group).await?;
        let version = broker.version::<OffsetFetchRequest>()?;
        let topics = partitions.map(by_topic);
        let name = |topic: &str| Text::from(topic);
        let mut request = OffsetFetchRequest::default();
        if version >= 8 {
            request.topics = Some(Vec::new());
            request.groups = vec![OffsetFetchRequestGroup {
                group_id: Text::from(group),
                topics: topics.map(|topics| {
                    let topic = |(topic, indexes): (&str, Vec<i32>)| OffsetFetchRequestTopics {
                        name: name(topic),
                        partition_indexes: indexes,
                        ..OffsetFetchRequestTopics::default()
                    };
                    topics.into_iter().map(topic).collect()
                }),
                ..OffsetFetchRequestGroup::default()
            }];
        } else {
            request.group_id = Text::from(group);
            request.topics = topics.map(|topics| {
                let topic = |(topic, indexes): (&str, Vec<i32>)| OffsetFetchRequestTopic {
                    name: name(topic),
                    partition_indexes: indexes,
                    ..OffsetFetchRequestTopic::default()
                };
                topics.into_iter().map(topic).collect()
            });
        }
        request.require_stable = version >= 7;
        let answer = broker.call_within(version, &request, self.options().request_timeout).await?;
        let mut found = Found { broker: &broker, offsets: BTreeMap::new() };
        let code = answer.groups.first().map_or(answer.error_code, |group| group.error_code);
        ClientError::check(broker.address(), ApiKey::OffsetFetch, code, format!("group {group}"), None)?;
        for topic in answer.groups.iter().flat_map(|group| &group.topics) {
            for p in &topic.partitions {
                let told = (p.committed_offset, p.committed_leader_epoch, p.metadata.as_deref());
                found.add(&topic.name, p.partition_index, p.error_code, told)?;
            }
        }
        for topic in &answer.topics {
            for p in &topic.partitions {
                let told = (p.committed_offset, p.committed_leader_epoch, p.metadata.as_deref());
                found.add(&topic.name, p.partition_index, p.error_code, told)?;
            }
        }
        Ok(found.offsets)
    }

    /// Sets a group's offsets from outside; the broker refuses while the group has members.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID` while there are members, and others of the coordinator's.
    pub async fn set_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let request = commit_request(group, &Membership::NONE, offsets);
        let mut retry = self.retry();
        loop {
            let attempt = async {
                let broker = self.coordinator(group).await?;
                commit_at(&broker, &request).await
            };
            match attempt.await {
                Ok(()) => return Ok(()),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Forgets what a group has committed for these partitions; the group must not consume their topics now.
    ///
    /// # Errors
    /// `GROUP_SUBSCRIBED_TO_TOPIC`, `GROUP_ID_NOT_FOUND` and others of the coordinator's.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), ClientError> {
        let topic = |(topic, indexes): (&str, Vec<i32>)| OffsetDeleteRequestTopic {
            name: Text::from(topic),
            partitions: indexes
                .into_iter()
                .map(|partition_index| OffsetDeleteRequestPartition { partition_index })
                .collect(),
        };
        let request = OffsetDeleteRequest {
            group_id: Text::from(group),
            topics: by_topic(partitions).into_iter().map(topic).collect(),
        };
        let mut retry = self.retry();
        loop {
            let attempt = async {
                let broker = self.coordinator(group).await?;
                let answer = broker.call(&request).await?;
                let (api, subject) = (ApiKey::OffsetDelete, format!("group {group}"));
                ClientError::check(broker.address(), api, answer.error_code, subject, None)?;
                for topic in &answer.topics {
                    for p in &topic.partitions {
                        let subject = format!("{}-{}", topic.name, p.partition_index);
                        ClientError::check(broker.address(), api, p.error_code, subject, None)?;
                    }
                }
                Ok(())
            };
            match attempt.await {
                Ok(()) => return Ok(()),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Deletes a group without members, with its offsets.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND` and others of the coordinator's.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        let request =
            DeleteGroupsRequest { groups_names: vec![Text::from(group)], ..DeleteGroupsRequest::default() };
        let mut retry = self.retry();
        loop {
            let attempt = async {
                let broker = self.coordinator(group).await?;
                let answer = broker.call(&request).await?;
                let code = answer.results.first().map_or(0, |result| result.error_code);
                let (api, subject) = (ApiKey::DeleteGroups, format!("group {group}"));
                ClientError::check(broker.address(), api, code, subject, None)
            };
            match attempt.await {
                Ok(()) => return Ok(()),
                Err(error) => retry.pause(error).await?,
            }
        }
    }
}

/// As whom offsets are committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::client) struct Membership {
    pub member_id: Text,
    pub instance_id: Option<Text>,
    pub generation: i32,
}

impl Membership {
    /// From outside the group.
    pub(in crate::client) const NONE: Membership =
        Membership { member_id: Text::from_static(""), instance_id: None, generation: -1 };
}

pub(in crate::client) fn commit_request(
    group: &str,
    member: &Membership,
    offsets: &BTreeMap<TopicPartition, Offset>,
) -> OffsetCommitRequest {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (at, offset) in offsets {
        let partition = OffsetCommitRequestPartition {
            partition_index: at.partition.0,
            committed_offset: offset.0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Text::new()),
            ..OffsetCommitRequestPartition::default()
        };
        match topics.last_mut().filter(|topic| *topic.name == *at.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(OffsetCommitRequestTopic {
                name: Text::from(at.topic.as_str()),
                partitions: vec![partition],
                ..OffsetCommitRequestTopic::default()
            }),
        }
    }
    OffsetCommitRequest {
        group_id: Text::from(group),
        generation_id_or_member_epoch: member.generation,
        member_id: member.member_id.clone(),
        group_instance_id: member.instance_id.clone(),
        topics,
        ..OffsetCommitRequest::default()
    }
}

pub(in crate::client) async fn commit_at(
    broker: &Broker,
    request: &OffsetCommitRequest,
) -> Result<(), ClientError> {
    let answer = broker.call(request).await?;
    for topic in &answer.topics {
        for p in &topic.partitions {
            let subject =
                format!("offset of group {} in {}-{}", request.group_id, topic.name, p.partition_index);
            ClientError::check(broker.address(), ApiKey::OffsetCommit, p.error_code, subject, None)?;
        }
    }
    Ok(())
}

/// Committed offsets being collected from either form of the answer.
struct Found<'a> {
    broker: &'a Broker,
    offsets: BTreeMap<TopicPartition, CommittedOffset>,
}

impl Found<'_> {
    /// Adds what was told: offset, epoch, metadata. No offset is −1.
    fn add(
        &mut self,
        topic: &str,
        partition: i32,
        code: i16,
        told: (i64, i32, Option<&str>),
    ) -> Result<(), ClientError> {
        let at = TopicPartition::new(topic, partition);
        ClientError::check(self.broker.address(), ApiKey::OffsetFetch, code, at.to_string(), None)?;
        let (offset, epoch, metadata) = told;
        if offset >= 0 {
            let committed = CommittedOffset {
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(epoch),
                metadata: metadata.unwrap_or("").to_owned(),
            };
            self.offsets.insert(at, committed);
        }
        Ok(())
    }
}

fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        topics.entry(&at.topic).or_default().push(at.partition.0);
    }
    topics
}

async fn describe_modern(broker: &Broker, group: &str) -> Result<GroupDescription, ClientError> {
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![Text::from(group)],
        ..ConsumerGroupDescribeRequest::default()
    };
    let answer = broker.call(&request).await?;
    let api = ApiKey::ConsumerGroupDescribe;
    let Some(told) = answer.groups.first() else {
        return Err(super::topics::incomplete(broker, api, format!("group {group}")));
    };
    let (code, message) = (told.error_code, told.error_message.as_deref());
    ClientError::check(broker.address(), api, code, format!("group {group}"), message)?;
    Ok(GroupDescription {
        group_id: group.to_owned(),
        state: told.group_state.to_string(),
        kind: "consumer",
        assignor: told.assignor_name.to_string(),
        coordinator: broker.address().to_string(),
        members: told.members.iter().map(modern_member).collect(),
    })
}

fn modern_member(member: &modern::Member) -> GroupMember {
    let partitions = member.assignment.topic_partitions.iter().flat_map(|topic| {
        topic.partitions.iter().map(|index| TopicPartition::new(topic.topic_name.to_string(), *index))
    });
    GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: partitions.collect(),
    }
}

async fn describe_classic(broker: &Broker, group: &str) -> Result<GroupDescription, ClientError> {
    let request =
        DescribeGroupsRequest { groups: vec![Text::from(group)], ..DescribeGroupsRequest::default() };
    let answer = broker.call(&request).await?;
    let (api, subject) = (ApiKey::DescribeGroups, format!("group {group}"));
    let Some(told) = answer.groups.first() else {
        return Err(super::topics::incomplete(broker, api, subject));
    };
    ClientError::check(broker.address(), api, told.error_code, subject, told.error_message.as_deref())?;
    if told.group_state == "Dead" {
        // What brokers before version 6 say of a group that does not exist.
        let code = ErrorCode::GroupIdNotFound.code();
        ClientError::check(broker.address(), api, code, format!("group {group}"), None)?;
    }
    Ok(GroupDescription {
        group_id: group.to_owned(),
        state: told.group_state.to_string(),
        kind: "classic",
        assignor: told.protocol_data.to_string(),
        coordinator: broker.address().to_string(),
        members: told.members.iter().map(classic_member).collect(),
    })
}

fn classic_member(member: &classic::DescribedGroupMember) -> GroupMember {
    GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        // A group of another protocol type keeps bytes of its own here.
        assignment: protocol::read_assignment(&member.member_assignment).unwrap_or_default(),
    }
}
