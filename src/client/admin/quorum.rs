use std::time::Duration;

use super::topics::incomplete;
use crate::client::cluster::Client;
use crate::client::error::ClientError;
use crate::types::{LeaderEpoch, NodeId, Offset};
use crate::wire::messages::describe_quorum_request::{PartitionData, TopicData};
use crate::wire::messages::describe_quorum_response::ReplicaState;
use crate::wire::messages::{DescribeQuorumRequest, describe_quorum_response};
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
}

#[derive(Clone, PartialEq, Debug)]
pub struct QuorumVoter {
    pub id: NodeId,
    /// Where its log ends, as far as the leader was told; `None` if it was not.
    pub log_end: Option<Offset>,
    /// When it last fetched, in milliseconds since 1970 by the leader's clock; `None` where that is not kept.
    pub last_fetch_ms: Option<i64>,
}

impl Quorum {
    /// How many records a voter lacks that its leader's log has.
    #[must_use]
    pub fn lag(&self, voter: &QuorumVoter) -> Option<i64> {
        let leader = self.voters.iter().find(|other| Some(other.id) == self.leader)?;
        Some(leader.log_end?.since(voter.log_end?).max(0))
    }

    fn read(told: &describe_quorum_response::PartitionData) -> Quorum {
        let mut voters: Vec<_> = told.current_voters.iter().map(QuorumVoter::read).collect();
        voters.sort_by_key(|voter| voter.id);
        Quorum {
            leader: (told.leader_id >= 0).then_some(NodeId(told.leader_id)),
            epoch: LeaderEpoch(told.leader_epoch),
            high_watermark: Offset(told.high_watermark),
            voters,
        }
    }
}

impl QuorumVoter {
    fn read(told: &ReplicaState) -> QuorumVoter {
        QuorumVoter {
            id: NodeId(told.replica_id),
            log_end: (told.log_end_offset >= 0).then_some(Offset(told.log_end_offset)),
            last_fetch_ms: (told.last_fetch_timestamp >= 0).then_some(told.last_fetch_timestamp),
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
        Ok(Quorum::read(told))
    }
}
