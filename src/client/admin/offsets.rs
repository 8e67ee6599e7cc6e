use std::collections::BTreeMap;

use crate::client::broker::Broker;
use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{LeaderEpoch, Offset, Timestamp};
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
        while found.len() < wanted.len() {
            if let Err(error) = self.list_offsets_once(wanted, &mut found).await {
                retry.pause(error).await?;
            }
        }
        Ok(found)
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

    async fn list_offsets_once(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
        found: &mut BTreeMap<TopicPartition, ListedOffset>,
    ) -> Result<(), ClientError> {
        let open: Vec<_> = wanted.keys().filter(|at| !found.contains_key(*at)).cloned().collect();
        for (node, partitions) in self.by_leader(open).await? {
            let broker = self.node(node, Lane::Admin).await?;
            let answered = self.list_offsets_at_leader(&broker, &partitions, wanted).await?;
            if let Some(missing) = partitions.iter().find(|at| !answered.contains_key(*at)) {
                let (address, api) = (broker.address().clone(), ApiKey::ListOffsets);
                return Err(ClientError::Incomplete { address, api, missing: missing.to_string() });
            }
            found.extend(answered);
        }
        Ok(())
    }

    async fn list_offsets_at_leader(
        &self,
        broker: &Broker,
        partitions: &[TopicPartition],
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>, ClientError> {
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
                ClientError::check(broker.address(), api, code, at.to_string(), None)?;
                let listed = ListedOffset {
                    offset: Offset(partition.offset),
                    timestamp: Timestamp(partition.timestamp),
                    leader_epoch: LeaderEpoch(partition.leader_epoch),
                };
                found.insert(at, listed);
            }
        }
        Ok(found)
    }
}
