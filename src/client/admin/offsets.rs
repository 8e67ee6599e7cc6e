use std::collections::BTreeMap;

use crate::client::broker::Broker;
use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp};
use crate::wire::messages::ListOffsetsRequest;
use crate::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::wire::{ApiKey, Text};

/// Which offset of a partition is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetSpec {
    Earliest,
    /// The end of what is committed.
    Latest,
    /// The record with the greatest timestamp (KIP-734).
    MaxTimestamp,
    /// The first record at or after this time.
    At(Timestamp),
}

impl OffsetSpec {
    fn to_wire(self) -> i64 {
        match self {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest => -1,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::At(time) => time.0,
        }
    }
}

/// An offset the broker named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// [`Offset::NONE`] where no record is that young.
    pub offset: Offset,
    pub timestamp: Timestamp,
    pub leader_epoch: LeaderEpoch,
}

impl Client {
    /// The offsets of these partitions.
    ///
    /// # Errors
    /// The first that any partition met, after retries.
    pub async fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>, ClientError> {
        let mut retry = self.retry();
        let mut found = BTreeMap::new();
        loop {
            let mut open = wanted.clone();
            open.retain(|at, _| !found.contains_key(at));
            let mut failed: Option<ClientError> = None;
            for (at, listed) in self.try_list_offsets(&open).await {
                match listed {
                    Ok(listed) => {
                        found.insert(at, listed);
                    }
                    // What does not pass with time counts more.
                    Err(error)
                        if failed.as_ref().is_none_or(|f| f.is_retriable() && !error.is_retriable()) =>
                    {
                        failed = Some(error);
                    }
                    Err(_) => {}
                }
            }
            match failed {
                None => return Ok(found),
                Some(error) => retry.pause(error).await?,
            }
        }
    }

    /// The same offset of several partitions.
    ///
    /// # Errors
    /// As [`Client::list_offsets`].
    pub async fn list_offsets_at(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>, ClientError> {
        self.list_offsets(&partitions.iter().map(|at| (at.clone(), spec)).collect()).await
    }

    /// Asks for the offsets of these partitions once: what is wrong with one does not concern the others.
    pub async fn try_list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> BTreeMap<TopicPartition, Result<ListedOffset, ClientError>> {
        let mut told = BTreeMap::new();
        let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
        for at in wanted.keys() {
            match self.leader(at).await {
                Ok(leader) => by_leader.entry(leader).or_default().push(at.clone()),
                Err(error) => drop(told.insert(at.clone(), Err(error))),
            }
        }
        for (leader, partitions) in by_leader {
            let answered = async {
                let broker = self.node(leader, Lane::Admin).await?;
                self.list_offsets_at_leader(&broker, &partitions, wanted).await
            };
            match answered.await {
                Ok(answered) => told.extend(answered),
                Err(error) => told.extend(partitions.into_iter().map(|at| (at, Err(error.clone())))),
            }
        }
        told
    }

    async fn list_offsets_at_leader(
        &self,
        broker: &Broker,
        partitions: &[TopicPartition],
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset, ClientError>>, ClientError> {
        let version = broker.version::<ListOffsetsRequest>()?;
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for at in partitions {
            let partition = ListOffsetsPartition {
                partition_index: at.partition.0,
                timestamp: wanted[at].to_wire(),
                ..ListOffsetsPartition::default()
            };
            match topics.last_mut().filter(|topic| *topic.name == *at.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(ListOffsetsTopic {
                    name: Text::from(at.topic.as_str()),
                    partitions: vec![partition],
                    ..ListOffsetsTopic::default()
                }),
            }
        }
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics,
            timeout_ms: if version >= 10 { self.timeout_ms() } else { 0 },
            ..ListOffsetsRequest::default()
        };
        let answer = broker.call_within(version, &request, self.options().request_timeout).await?;
        let mut found = BTreeMap::new();
        for topic in &answer.topics {
            for partition in &topic.partitions {
                let at = TopicPartition::new(topic.name.to_string(), partition.partition_index);
                let (api, code) = (ApiKey::ListOffsets, partition.error_code);
                let checked = ClientError::check(broker.address(), api, code, at.to_string(), None);
                let listed = checked.map(|()| ListedOffset {
                    offset: Offset(partition.offset),
                    timestamp: Timestamp(partition.timestamp),
                    leader_epoch: LeaderEpoch(partition.leader_epoch),
                });
                if partitions.contains(&at) {
                    found.insert(at, listed);
                }
            }
        }
        for at in partitions {
            found.entry(at.clone()).or_insert_with(|| {
                let (address, api) = (broker.address().clone(), ApiKey::ListOffsets);
                Err(ClientError::Incomplete { address, api, missing: at.to_string() })
            });
        }
        Ok(found)
    }
}
