use std::collections::BTreeMap;

use super::topics::incomplete;
use crate::client::cluster::Client;
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::ErrorCode;
use crate::wire::messages::ElectLeadersRequest;
use crate::wire::messages::elect_leaders_request::TopicPartitions;
use crate::wire::{ApiKey, Text};

/// The type of an election that makes the preferred replica the leader (KIP-460).
const PREFERRED: i8 = 0;
/// How many partitions one request names at most.
const PARTITIONS_MAX: usize = 500;

/// The request that has the preferred replica of each of these partitions lead it; `timeout_ms`: how long the broker may wait for that.
#[must_use]
pub fn preferred_election(partitions: &[TopicPartition], timeout_ms: i32) -> ElectLeadersRequest {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        topics.entry(&at.topic).or_default().push(at.partition.0);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| TopicPartitions {
        topic: Text::from(topic),
        partitions,
        ..TopicPartitions::default()
    });
    ElectLeadersRequest {
        election_type: PREFERRED,
        topic_partitions: Some(topics.collect()),
        timeout_ms,
        ..ElectLeadersRequest::default()
    }
}

impl Client {
    /// Has the preferred replica of each of these partitions lead it (ElectLeaders, key 43); gives what became of each. One that led
    /// already has come off well.
    ///
    /// # Errors
    /// What concerns all of them, or went wrong on the way, after retries; some may have moved by then.
    pub async fn elect_preferred(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
        let mut outcomes = BTreeMap::new();
        for partitions in partitions.chunks(PARTITIONS_MAX) {
            self.elect_preferred_some(partitions, &mut outcomes).await?;
        }
        self.invalidate();
        Ok(outcomes)
    }

    async fn elect_preferred_some(
        &self,
        partitions: &[TopicPartition],
        outcomes: &mut BTreeMap<TopicPartition, Result<(), ClientError>>,
    ) -> Result<(), ClientError> {
        let request = preferred_election(partitions, self.timeout_ms());
        let (broker, answer) = self.call_controller(&request, |answer| vec![answer.error_code]).await?;
        let (address, api) = (broker.address(), ApiKey::ElectLeaders);
        ClientError::check(address, api, answer.error_code, "preferred leaders", None)?;
        for topic in &answer.replica_election_results {
            for told in &topic.partition_result {
                let at = TopicPartition::new(topic.topic.to_string(), told.partition_id);
                let code = match ErrorCode::from_code(told.error_code) {
                    Some(ErrorCode::ElectionNotNeeded) => ErrorCode::None.code(),
                    Some(_) | None => told.error_code,
                };
                let outcome =
                    ClientError::check(address, api, code, at.to_string(), told.error_message.as_deref());
                outcomes.insert(at, outcome);
            }
        }
        match partitions.iter().find(|at| !outcomes.contains_key(*at)) {
            Some(at) => Err(incomplete(&broker, api, at.to_string())),
            None => Ok(()),
        }
    }
}
