use std::collections::BTreeMap;

use crate::client::broker::Broker;
use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{ErrorCode, NodeId, Offset, TopicId};
use crate::wire::messages::create_partitions_request::CreatePartitionsTopic;
use crate::wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use crate::wire::messages::delete_topics_request::DeleteTopicState;
use crate::wire::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
};
use crate::wire::{ApiKey, Text};

/// A topic to create; what is `None` is the broker's default.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NewTopic {
    pub name: String,
    pub partitions: Option<i32>,
    pub replication_factor: Option<i16>,
    pub configs: BTreeMap<String, String>,
}

/// Whether a change is made, or only checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validate {
    Apply,
    Only,
}

/// What the broker made of a [`NewTopic`]; versions before 5 tell nothing, those before 7 no id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedTopic {
    pub id: Option<TopicId>,
    pub partitions: Option<i32>,
    pub replication_factor: Option<i16>,
}

impl Client {
    /// Creates a topic.
    ///
    /// # Errors
    /// `TOPIC_ALREADY_EXISTS`, `INVALID_CONFIG` and whatever else the broker refuses it for.
    pub async fn create_topic(
        &self,
        topic: &NewTopic,
        validate: Validate,
    ) -> Result<CreatedTopic, ClientError> {
        let config = |(name, value): (&String, &String)| CreatableTopicConfig {
            name: Text::from(name.as_str()),
            value: Some(Text::from(value.as_str())),
            ..CreatableTopicConfig::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: Text::from(topic.name.as_str()),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                configs: topic.configs.iter().map(config).collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: self.timeout_ms(),
            validate_only: validate == Validate::Only,
            ..CreateTopicsRequest::default()
        };
        let subject = format!("topic {}", topic.name);
        let (broker, answer) = self
            .call_controller(&request, |answer| answer.topics.iter().map(|t| t.error_code).collect())
            .await?;
        let Some(result) = answer.topics.first() else {
            return Err(incomplete(&broker, ApiKey::CreateTopics, subject));
        };
        let message = result.error_message.as_deref();
        ClientError::check(broker.address(), ApiKey::CreateTopics, result.error_code, subject, message)?;
        self.invalidate();
        Ok(CreatedTopic {
            id: (result.topic_id != TopicId::ZERO).then_some(result.topic_id),
            partitions: (result.num_partitions > 0).then_some(result.num_partitions),
            replication_factor: (result.replication_factor > 0).then_some(result.replication_factor),
        })
    }

    /// Deletes a topic with all its records.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `TOPIC_DELETION_DISABLED` and others of the broker's.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        let text = Text::from(name);
        let by_state = self.controller().await?.version::<DeleteTopicsRequest>()? >= 6;
        let request = DeleteTopicsRequest {
            topics: if by_state {
                vec![DeleteTopicState { name: Some(text.clone()), ..DeleteTopicState::default() }]
            } else {
                Vec::new()
            },
            topic_names: if by_state { Vec::new() } else { vec![text] },
            timeout_ms: self.timeout_ms(),
            ..DeleteTopicsRequest::default()
        };
        let subject = format!("topic {name}");
        let (broker, answer) = self
            .call_controller(&request, |answer| answer.responses.iter().map(|t| t.error_code).collect())
            .await?;
        let Some(result) = answer.responses.first() else {
            return Err(incomplete(&broker, ApiKey::DeleteTopics, subject));
        };
        let message = result.error_message.as_deref();
        ClientError::check(broker.address(), ApiKey::DeleteTopics, result.error_code, subject, message)?;
        self.invalidate();
        Ok(())
    }

    /// Raises the number of a topic's partitions to `count`.
    ///
    /// # Errors
    /// `INVALID_PARTITIONS` if it has as many already, and others of the broker's.
    pub async fn create_partitions(
        &self,
        topic: &str,
        count: i32,
        validate: Validate,
    ) -> Result<(), ClientError> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: Text::from(topic),
                count,
                assignments: None,
                ..CreatePartitionsTopic::default()
            }],
            timeout_ms: self.timeout_ms(),
            validate_only: validate == Validate::Only,
            ..CreatePartitionsRequest::default()
        };
        let subject = format!("topic {topic}");
        let (broker, answer) = self
            .call_controller(&request, |answer| answer.results.iter().map(|t| t.error_code).collect())
            .await?;
        let Some(result) = answer.results.first() else {
            return Err(incomplete(&broker, ApiKey::CreatePartitions, subject));
        };
        let message = result.error_message.as_deref();
        ClientError::check(broker.address(), ApiKey::CreatePartitions, result.error_code, subject, message)?;
        self.invalidate();
        Ok(())
    }

    /// Deletes what lies before these offsets (−1: everything committed); gives the new first offset of each
    /// partition.
    ///
    /// # Errors
    /// The first that any partition met.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let mut retry = self.retry();
        let mut done = BTreeMap::new();
        while done.len() < before.len() {
            let attempt = self.delete_records_once(before, &mut done);
            if let Err(error) = attempt.await {
                retry.pause(error).await?;
            }
        }
        Ok(done)
    }

    async fn delete_records_once(
        &self,
        before: &BTreeMap<TopicPartition, Offset>,
        done: &mut BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let open = before.keys().filter(|at| !done.contains_key(*at)).cloned().collect::<Vec<_>>();
        for (node, partitions) in self.by_leader(open).await? {
            let broker = self.node(node, Lane::Admin).await?;
            let mut topics: Vec<DeleteRecordsTopic> = Vec::new();
            for at in &partitions {
                let partition = DeleteRecordsPartition {
                    partition_index: at.partition.0,
                    offset: before[at].0,
                    ..DeleteRecordsPartition::default()
                };
                match topics.last_mut().filter(|topic| *topic.name == *at.topic) {
                    Some(topic) => topic.partitions.push(partition),
                    None => topics.push(DeleteRecordsTopic {
                        name: Text::from(at.topic.as_str()),
                        partitions: vec![partition],
                        ..DeleteRecordsTopic::default()
                    }),
                }
            }
            let request = DeleteRecordsRequest {
                topics,
                timeout_ms: self.timeout_ms(),
                ..DeleteRecordsRequest::default()
            };
            let answer = broker.call(&request).await?;
            for topic in &answer.topics {
                for partition in &topic.partitions {
                    let at = TopicPartition::new(topic.name.to_string(), partition.partition_index);
                    let (api, code) = (ApiKey::DeleteRecords, partition.error_code);
                    ClientError::check(broker.address(), api, code, at.to_string(), None)?;
                    done.insert(at, Offset(partition.low_watermark));
                }
            }
        }
        Ok(())
    }

    /// These partitions by the node that leads them.
    pub(in crate::client) async fn by_leader(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<BTreeMap<NodeId, Vec<TopicPartition>>, ClientError> {
        let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
        for at in partitions {
            by_leader.entry(self.leader(&at).await?).or_default().push(at);
        }
        Ok(by_leader)
    }

    /// How long a broker may take over an administrative request, in milliseconds.
    pub(in crate::client) fn timeout_ms(&self) -> i32 {
        // Less than this side waits, so that the broker's own answer comes first.
        let timeout = self.options().request_timeout.as_millis() * 4 / 5;
        i32::try_from(timeout).unwrap_or(i32::MAX)
    }

    /// Sends one request to the controller, again as long as it says that it is none; `codes` are those in
    /// the answer.
    pub(in crate::client) async fn call_controller<R: crate::wire::ApiRequest>(
        &self,
        request: &R,
        codes: impl Fn(&R::Response) -> Vec<i16>,
    ) -> Result<(std::sync::Arc<Broker>, R::Response), ClientError> {
        let mut retry = self.retry();
        loop {
            let attempt = async {
                let broker = self.controller().await?;
                let answer = broker.call(request).await?;
                for code in codes(&answer) {
                    if code == ErrorCode::NotController.code() {
                        ClientError::check(broker.address(), R::API, code, "the controller", None)?;
                    }
                    if code == ErrorCode::RequestTimedOut.code() {
                        // It may be cut off from the active controller.
                        self.ask_another();
                    }
                }
                Ok((broker, answer))
            };
            match attempt.await {
                Ok(answered) => return Ok(answered),
                Err(error) => retry.pause(error).await?,
            }
        }
    }
}

pub(super) fn incomplete(broker: &Broker, api: ApiKey, missing: String) -> ClientError {
    ClientError::Incomplete { address: broker.address().clone(), api, missing }
}
