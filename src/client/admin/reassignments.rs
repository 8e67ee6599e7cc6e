use std::collections::BTreeMap;
use std::sync::Arc;

use super::topics::incomplete;
use crate::client::broker::Broker;
use crate::client::cluster::Client;
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::NodeId;
use crate::types::limits::CHANGES_AT_ONCE_MAX;
use crate::wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use crate::wire::messages::{AlterPartitionReassignmentsRequest, ListPartitionReassignmentsRequest};
use crate::wire::{ApiKey, ApiRequest, Text};

/// How many partitions one request names at most.
const PARTITIONS_MAX: usize = 500;
const _: () = assert!(PARTITIONS_MAX <= CHANGES_AT_ONCE_MAX);

/// A partition whose replicas come or go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OngoingReassignment {
    /// Those that shall hold it, the preferred first; then those that go.
    pub replicas: Vec<NodeId>,
    /// Of them, those that come, and those that go.
    pub adding: Vec<NodeId>,
    pub removing: Vec<NodeId>,
}

/// Where a partition shall be; `None` takes back what is under way.
pub type Target = Option<Vec<NodeId>>;

impl Client {
    /// Says which brokers shall hold partitions from now on (AlterPartitionReassignments, key 45, KIP-455); gives what became of each.
    /// They do once [`Client::reassignments`] names them no longer.
    ///
    /// # Errors
    /// What concerns all of them, or went wrong on the way, after retries; some may have been changed by then.
    pub async fn reassign(
        &self,
        targets: &BTreeMap<TopicPartition, Target>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
        let mut outcomes = BTreeMap::new();
        let all: Vec<(&TopicPartition, &Target)> = targets.iter().collect();
        for some in all.chunks(PARTITIONS_MAX) {
            self.reassign_some(some, &mut outcomes).await?;
        }
        self.invalidate();
        Ok(outcomes)
    }

    async fn reassign_some(
        &self,
        targets: &[(&TopicPartition, &Target)],
        outcomes: &mut BTreeMap<TopicPartition, Result<(), ClientError>>,
    ) -> Result<(), ClientError> {
        let mut topics: BTreeMap<&str, Vec<ReassignablePartition>> = BTreeMap::new();
        for (at, target) in targets {
            topics.entry(&at.topic).or_default().push(ReassignablePartition {
                partition_index: at.partition.0,
                replicas: target.as_ref().map(|nodes| nodes.iter().map(|node| node.0).collect()),
                ..ReassignablePartition::default()
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| ReassignableTopic {
            name: Text::from(name),
            partitions,
            ..ReassignableTopic::default()
        });
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: self.timeout_ms(),
            topics: topics.collect(),
            ..AlterPartitionReassignmentsRequest::default()
        };
        let call = self.call_whole(&request, |answer| (answer.error_code, answer.error_message.as_deref()));
        let (broker, answer) = call.await?;
        let (address, api) = (broker.address(), ApiKey::AlterPartitionReassignments);
        for topic in &answer.responses {
            for told in &topic.partitions {
                let at = TopicPartition::new(topic.name.to_string(), told.partition_index);
                let message = told.error_message.as_deref();
                let outcome = ClientError::check(address, api, told.error_code, at.to_string(), message);
                outcomes.insert(at, outcome);
            }
        }
        match targets.iter().find(|(at, _)| !outcomes.contains_key(*at)) {
            Some((at, _)) => Err(incomplete(&broker, api, at.to_string())),
            None => Ok(()),
        }
    }

    /// The partitions whose replicas come or go (ListPartitionReassignments, key 46).
    ///
    /// # Errors
    /// What went wrong on the way, after retries.
    pub async fn reassignments(&self) -> Result<BTreeMap<TopicPartition, OngoingReassignment>, ClientError> {
        let request = ListPartitionReassignmentsRequest {
            timeout_ms: self.timeout_ms(),
            ..ListPartitionReassignmentsRequest::default()
        };
        let call = self.call_whole(&request, |answer| (answer.error_code, answer.error_message.as_deref()));
        let (_, answer) = call.await?;
        let nodes = |nodes: &[i32]| nodes.iter().map(|&node| NodeId(node)).collect();
        let mut ongoing = BTreeMap::new();
        for topic in &answer.topics {
            for one in &topic.partitions {
                ongoing.insert(
                    TopicPartition::new(topic.name.to_string(), one.partition_index),
                    OngoingReassignment {
                        replicas: nodes(&one.replicas),
                        adding: nodes(&one.adding_replicas),
                        removing: nodes(&one.removing_replicas),
                    },
                );
            }
        }
        Ok(ongoing)
    }

    /// Calls the controller; an error that concerns the whole request is one.
    async fn call_whole<R: ApiRequest>(
        &self,
        request: &R,
        told: for<'a> fn(&'a R::Response) -> (i16, Option<&'a str>),
    ) -> Result<(Arc<Broker>, R::Response), ClientError> {
        let (broker, answer) = self.call_controller(request, |answer| vec![told(answer).0]).await?;
        let (code, message) = told(&answer);
        ClientError::check(broker.address(), R::API, code, "reassignments", message)?;
        Ok((broker, answer))
    }
}
