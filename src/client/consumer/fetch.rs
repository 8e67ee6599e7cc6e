use std::collections::BTreeMap;

use super::options::{ConsumerOptions, Isolation};
use super::records::{Fetched, Visible, unreadable, visible_batches};
use super::session::{FetchSession, SessionPlan, Wanted};
use crate::client::broker::Broker;
use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{ErrorCode, Instant, NodeId, Offset, TopicId};
use crate::wire::messages::FetchRequest;
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use crate::wire::messages::fetch_response::PartitionData;
use crate::wire::{ApiKey, Text};

/// The answer to one fetch: what each partition gave, or the error of the whole.
pub(super) struct Answer {
    pub(super) node: NodeId,
    pub(super) asked: BTreeMap<TopicPartition, Offset>,
    pub(super) result: Result<BTreeMap<TopicPartition, Result<Fetched, ClientError>>, ClientError>,
    /// For the next fetch from the node.
    pub(super) session: FetchSession,
}

/// Fetches these partitions from the node that leads them.
pub(super) async fn fetch(
    client: &Client,
    options: &ConsumerOptions,
    node: NodeId,
    session: FetchSession,
    asked: BTreeMap<TopicPartition, Offset>,
) -> Answer {
    let was_kept = session.is_kept();
    let mut outcome = exchange(client, options, node, session, &asked).await;
    if was_kept && outcome.as_ref().err().and_then(ClientError::code).is_some_and(is_of_session) {
        // The node has forgotten it: it forgets the oldest where there are too many.
        outcome = exchange(client, options, node, FetchSession::default(), &asked).await;
    }
    match outcome {
        Ok((found, session)) => Answer { node, asked, result: Ok(found), session },
        Err(error) => Answer { node, asked, result: Err(error), session: FetchSession::default() },
    }
}

/// Tells the node that a session is over. It would find out by itself: what fails is no harm.
pub(super) async fn end(client: &Client, options: &ConsumerOptions, node: NodeId, session: FetchSession) {
    let Some(plan) = session.end() else { return };
    let Ok(broker) = client.node(node, Lane::Fetch).await else { return };
    let Ok(version) = broker.version::<FetchRequest>() else { return };
    let request = FetchRequest { max_wait_ms: 0, min_bytes: 0, ..request(options, version, plan) };
    if let Err(error) = broker.call_within(version, &request, client.options().request_timeout).await {
        tracing::debug!(%error, "a fetch session was not ended");
    }
}

fn is_of_session(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::FetchSessionIdNotFound
            | ErrorCode::InvalidFetchSessionEpoch
            | ErrorCode::FetchSessionTopicIdError
    )
}

/// The first version with sessions, the last that names topics, and the first that gives their ids instead.
const SESSIONS_SINCE: i16 = 7;
const NAMES_UNTIL: i16 = 12;
const IDS_SINCE: i16 = 13;
/// The first version in which a client says where it is.
const RACKS_SINCE: i16 = 11;

type Found = BTreeMap<TopicPartition, Result<Fetched, ClientError>>;

async fn exchange(
    client: &Client,
    options: &ConsumerOptions,
    node: NodeId,
    session: FetchSession,
    asked: &BTreeMap<TopicPartition, Offset>,
) -> Result<(Found, FetchSession), ClientError> {
    let broker = client.node(node, Lane::Fetch).await?;
    let with_id = |(at, &offset): (&TopicPartition, &Offset)| {
        let topic = client.cached_topic_id(&at.topic).unwrap_or(TopicId::ZERO);
        (at.clone(), Wanted { topic, offset, epoch: client.cached_epoch(at) })
    };
    let mut wanted: BTreeMap<TopicPartition, Wanted> = asked.iter().map(with_id).collect();
    let mut version = broker.version::<FetchRequest>()?;
    if version >= IDS_SINCE && wanted.values().any(|want| want.topic == TopicId::ZERO) {
        version = broker.version_up_to::<FetchRequest>(NAMES_UNTIL)?;
    }
    if version < IDS_SINCE {
        // A session is about names or about ids: one that changes over begins anew.
        wanted.values_mut().for_each(|want| want.topic = TopicId::ZERO);
    }
    let session = if version >= SESSIONS_SINCE { session } else { FetchSession::default() };
    let request = request(options, version, session.plan(&wanted));
    let within = client.options().request_timeout + options.fetch_wait_max;
    let began = client.io().clock.now();
    let answer = broker.call_within(version, &request, within).await?;
    let (api, code) = (ApiKey::Fetch, answer.error_code);
    ClientError::check(broker.address(), api, code, format!("fetch from node {node}"), None)?;
    let mut found = BTreeMap::new();
    for topic in answer.responses {
        let named = |at: &TopicPartition| *topic.topic == *at.topic;
        let name = match version {
            ..IDS_SINCE => wanted.keys().find(|at| named(at)).map(|at| at.topic.clone()),
            IDS_SINCE.. => {
                wanted.iter().find(|(_, want)| want.topic == topic.topic_id).map(|(at, _)| at.topic.clone())
            }
        };
        // What was not asked for is not taken.
        let Some(name) = name else { continue };
        for partition in topic.partitions {
            let at = TopicPartition::new(name.clone(), partition.partition_index);
            if let Some(&from) = asked.get(&at) {
                let fetched = read((&broker, node), options, (&at, from, began), partition);
                found.insert(at, fetched);
            }
        }
    }
    let session = match version {
        SESSIONS_SINCE.. => session.answered(answer.session_id, wanted),
        ..SESSIONS_SINCE => FetchSession::default(),
    };
    Ok((found, session))
}

fn request(options: &ConsumerOptions, version: i16, plan: SessionPlan) -> FetchRequest {
    let bytes = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    let name =
        |at: &TopicPartition| if version < IDS_SINCE { Text::from(at.topic.as_str()) } else { Text::new() };
    let mut topics: Vec<(String, FetchTopic)> = Vec::new();
    for (at, want) in plan.fetch {
        let partition = FetchPartition {
            partition: at.partition.0,
            // Whoever is not of this epoch refuses, and does not tell what it lacks as if it were not there (KIP-320).
            current_leader_epoch: want.epoch.0,
            fetch_offset: want.offset.0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: bytes(options.partition_bytes_max),
            ..FetchPartition::default()
        };
        match topics.last_mut().filter(|(topic, _)| *topic == at.topic) {
            Some((_, topic)) => topic.partitions.push(partition),
            None => {
                let (topic, topic_id) = (name(&at), want.topic);
                let partitions = vec![partition];
                topics.push((at.topic, FetchTopic { topic, topic_id, partitions, ..FetchTopic::default() }));
            }
        }
    }
    let forgotten = plan.forget.into_iter().map(|(at, want)| ForgottenTopic {
        topic: name(&at),
        topic_id: want.topic,
        partitions: vec![at.partition.0],
        ..ForgottenTopic::default()
    });
    let has_sessions = version >= SESSIONS_SINCE;
    FetchRequest {
        replica_id: -1,
        max_wait_ms: i32::try_from(options.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
        min_bytes: bytes(options.fetch_bytes_min),
        max_bytes: bytes(options.fetch_bytes_max),
        isolation_level: match options.isolation {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        },
        session_id: if has_sessions { plan.session_id } else { 0 },
        session_epoch: if has_sessions { plan.session_epoch } else { FetchRequest::default().session_epoch },
        topics: topics.into_iter().map(|(_, topic)| topic).collect(),
        forgotten_topics_data: forgotten.collect(),
        rack_id: match &options.rack {
            Some(rack) if version >= RACKS_SINCE => Text::from(rack.as_str()),
            Some(_) | None => Text::new(),
        },
        ..FetchRequest::default()
    }
}

fn read(
    (broker, node): (&Broker, NodeId),
    options: &ConsumerOptions,
    (at, from, asked): (&TopicPartition, Offset, Instant),
    told: PartitionData,
) -> Result<Fetched, ClientError> {
    ClientError::check(broker.address(), ApiKey::Fetch, told.error_code, at.to_string(), None)?;
    let records = told.records.unwrap_or_default().into_bytes();
    let bytes = records.len();
    let aborted = told.aborted_transactions.unwrap_or_default();
    let Visible { batches, next, controls } =
        visible_batches(records, from, options.check, options.isolation, &aborted)
            .map_err(|source| unreadable(broker.address(), at, source))?;
    Ok(Fetched {
        at: at.clone(),
        from,
        next,
        node,
        asked,
        high_watermark: Offset(told.high_watermark),
        nearby: Some(NodeId(told.preferred_read_replica)).filter(|node| node.0 >= 0),
        log_start: Offset(told.log_start_offset),
        batches,
        controls,
        bytes,
        address: broker.address().clone(),
        decompressed_bytes_max: options.decompressed_bytes_max,
    })
}
