use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::topics::incomplete;
use crate::client::cluster::Client;
use crate::client::error::ClientError;
use crate::types::{LeaderEpoch, NodeId, Offset, Uuid};
use crate::wire::messages::add_raft_voter_request::Listener;
use crate::wire::messages::describe_quorum_request::{PartitionData, TopicData};
use crate::wire::messages::describe_quorum_response::{Node, ReplicaState};
use crate::wire::messages::{
    AddRaftVoterRequest, DescribeQuorumRequest, RemoveRaftVoterRequest, describe_quorum_response,
};
use crate::wire::{ApiKey, Text};

/// The metadata log as the protocol names it.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// Who votes on the cluster's metadata, and how far each holds it (KIP-595).
#[derive(Clone, PartialEq, Debug)]
pub struct Quorum {
    pub leader: Option<NodeId>,
    pub epoch: LeaderEpoch,
    pub high_watermark: Offset,
    /// In the order of their ids.
    pub voters: Vec<QuorumVoter>,
    /// Those that follow without a vote, as far as the leader hears them; in the order of their ids.
    pub observers: Vec<QuorumVoter>,
    /// Those of which the broker tells where they are reached: of Ordain all that are registered, fenced or not, and voters that are not.
    pub nodes: BTreeSet<NodeId>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct QuorumVoter {
    pub id: NodeId,
    /// Where its log ends, as far as the leader was told; `None` if it was not.
    pub log_end: Option<Offset>,
    /// When it last fetched, in milliseconds since 1970 by the leader's clock; `None` where that is not kept.
    pub last_fetch_ms: Option<i64>,
    /// Of its data directory: with the id, what is added and removed. Zero where that is not told.
    pub directory: Uuid,
    /// Where nodes reach it, if that is told.
    pub endpoints: Vec<QuorumEndpoint>,
}

/// Where a node is reached through one of its listeners.
#[derive(Clone, PartialEq, Debug)]
pub struct QuorumEndpoint {
    pub listener: String,
    pub host: String,
    pub port: u16,
}

/// `LISTENER://host:port`.
impl fmt::Display for QuorumEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.listener, self.host, self.port)
    }
}

impl Quorum {
    /// How many records a voter lacks that its leader's log has.
    #[must_use]
    pub fn lag(&self, voter: &QuorumVoter) -> Option<i64> {
        let leader = self.voters.iter().find(|other| Some(other.id) == self.leader)?;
        Some(leader.log_end?.since(voter.log_end?).max(0))
    }

    fn read(told: &describe_quorum_response::PartitionData, nodes: &[Node]) -> Quorum {
        let read = |told: &[ReplicaState]| {
            let mut replicas: Vec<_> = told.iter().map(|told| QuorumVoter::read(told, nodes)).collect();
            replicas.sort_by_key(|replica| replica.id);
            replicas
        };
        Quorum {
            leader: (told.leader_id >= 0).then_some(NodeId(told.leader_id)),
            epoch: LeaderEpoch(told.leader_epoch),
            high_watermark: Offset(told.high_watermark),
            voters: read(&told.current_voters),
            observers: read(&told.observers),
            nodes: nodes.iter().map(|node| NodeId(node.node_id)).collect(),
        }
    }
}

impl QuorumVoter {
    fn read(told: &ReplicaState, nodes: &[Node]) -> QuorumVoter {
        let node = nodes.iter().find(|node| node.node_id == told.replica_id);
        let endpoints = node.map(|node| node.listeners.iter()).into_iter().flatten();
        QuorumVoter {
            id: NodeId(told.replica_id),
            log_end: (told.log_end_offset >= 0).then_some(Offset(told.log_end_offset)),
            last_fetch_ms: (told.last_fetch_timestamp >= 0).then_some(told.last_fetch_timestamp),
            directory: told.replica_directory_id,
            endpoints: endpoints
                .map(|endpoint| QuorumEndpoint {
                    listener: endpoint.name.to_string(),
                    host: endpoint.host.to_string(),
                    port: endpoint.port,
                })
                .collect(),
        }
    }
}

impl Client {
    /// The quorum of the metadata log (DescribeQuorum, key 55), asked for once: who waits for a leader decides how long.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] after `within`, `NOT_LEADER_OR_FOLLOWER` and the like while there is no leader, or what went
    /// wrong on the way.
    pub async fn describe_quorum(&self, within: Duration) -> Result<Quorum, ClientError> {
        let broker = self.controller().await?;
        let request = DescribeQuorumRequest {
            topics: vec![TopicData {
                topic_name: Text::from_static(METADATA_TOPIC),
                partitions: vec![PartitionData::default()],
                ..TopicData::default()
            }],
            ..DescribeQuorumRequest::default()
        };
        let version = broker.version::<DescribeQuorumRequest>()?;
        let answer = broker.call_within(version, &request, within).await?;
        let (api, subject) = (ApiKey::DescribeQuorum, "the metadata quorum");
        let message = answer.error_message.as_deref();
        ClientError::check(broker.address(), api, answer.error_code, subject, message)?;
        let Some(told) = answer.topics.first().and_then(|topic| topic.partitions.first()) else {
            return Err(incomplete(&broker, api, subject.to_owned()));
        };
        ClientError::check(broker.address(), api, told.error_code, subject, told.error_message.as_deref())?;
        Ok(Quorum::read(told, &answer.nodes))
    }

    /// Lets an observer vote on the metadata (AddRaftVoter, key 80).
    ///
    /// # Errors
    /// `DUPLICATE_VOTER` and the like, or what went wrong on the way: it may have been done then.
    pub async fn add_voter(&self, observer: &QuorumVoter) -> Result<(), ClientError> {
        let listeners = observer.endpoints.iter().map(|endpoint| Listener {
            name: endpoint.listener.clone().into(),
            host: endpoint.host.clone().into(),
            port: endpoint.port,
            ..Listener::default()
        });
        let request = AddRaftVoterRequest {
            cluster_id: None,
            timeout_ms: self.timeout_ms(),
            voter_id: observer.id.0,
            voter_directory_id: observer.directory,
            listeners: listeners.collect(),
            ..AddRaftVoterRequest::default()
        };
        let (broker, answer) = self.call_controller(&request, |answer| vec![answer.error_code]).await?;
        let (api, subject) = (ApiKey::AddRaftVoter, format!("voter {}", observer.id));
        ClientError::check(broker.address(), api, answer.error_code, subject, answer.error_message.as_deref())
    }

    /// Lets a voter only observe the metadata (RemoveRaftVoter, key 81).
    ///
    /// # Errors
    /// `VOTER_NOT_FOUND` and the like, or what went wrong on the way: it may have been done then.
    pub async fn remove_voter(&self, voter: &QuorumVoter) -> Result<(), ClientError> {
        let request = RemoveRaftVoterRequest {
            cluster_id: None,
            voter_id: voter.id.0,
            voter_directory_id: voter.directory,
            ..RemoveRaftVoterRequest::default()
        };
        let (broker, answer) = self.call_controller(&request, |answer| vec![answer.error_code]).await?;
        let (api, subject) = (ApiKey::RemoveRaftVoter, format!("voter {}", voter.id));
        ClientError::check(broker.address(), api, answer.error_code, subject, answer.error_message.as_deref())
    }
}
