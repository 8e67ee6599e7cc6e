mod memory;
mod nearby;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::broker::cluster_view::{ClusterView, Standings, VisibleBroker};
use crate::broker::errors::AsErrorCode;
use crate::broker::fetch_sessions::{
    FetchKey, FetchWant, SessionError, SessionKind, SessionRequest, Told, TopicKey,
};
use crate::broker::{Caller, Context, MemoryShare};
use crate::io::{join_all, timeout};
use crate::log::ReadError;
use crate::metadata::MetadataImage;
use crate::metrics::TopicTraffic;
use crate::partition::{EpochCheck, FetchWaiter, ReadData, ReadFrom, ReadRequest, ReadResult};
use crate::types::{ErrorCode, Instant, LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId};
use crate::wire::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::{ApiKey, Records, Text};
pub(in crate::broker) use memory::hold;
use memory::read_counted;
use nearby::Nearby;

/// How many partitions of one request are read from the disk side by side.
const READS_TOGETHER: usize = 4;

/// Fetch (key 1), from consumers: long poll, sessions, and at least one batch however small the limits. With the memory of the
/// records, to be [held](hold) until they have left.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: FetchRequest,
) -> (FetchResponse, Option<MemoryShare>) {
    // Replicas have a listener of their own: whoever claims to be one here is not one of the partition's.
    let is_follower = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
    let limits = Limits::of(context, caller, &request);
    let session = session_request(caller, request);
    let fresh_id = i32::from_be_bytes(context.random16()[..4].try_into().expect("four bytes")) & i32::MAX;
    let now = context.io.clock.now();
    let begun = begin(context, session, now, fresh_id);
    let (kind, wants) = match begun {
        Ok(begun) => begun,
        Err(error) => return (top_level(session_error_code(error)), None),
    };
    let (mut answers, share) = if is_follower {
        (wants.iter().map(|_| Answer::unread(ErrorCode::NotLeaderOrFollower)).collect(), None)
    } else {
        read_until_enough(context, &wants, &limits).await
    };
    tell_of_names(context, kind, &wants, &mut answers);
    for answer in &mut answers {
        answer.error = as_known_to(caller.version, answer.error);
    }
    count(context, &wants, &answers);
    let mut leaders = if caller.version >= LEADERS_FROM {
        Leaders::of(context, caller, &wants, &answers).await
    } else {
        Leaders::default()
    };
    if is_follower {
        // Replicas know where brokers are.
        leaders.endpoints.clear();
    }
    (assemble(context, kind, wants, answers, leaders), share)
}

fn begin(
    context: &Context,
    session: SessionRequest,
    now: Instant,
    fresh_id: i32,
) -> Result<(SessionKind, Vec<(FetchKey, FetchWant)>), SessionError> {
    let image = context.metadata();
    let mut sessions = lock(&context.fetch_sessions);
    let (kind, wants) = sessions.begin(session, now, fresh_id)?;
    sessions.name_topics(kind, |id| Some(Arc::clone(&image.topic_by_id(id)?.name)));
    Ok((kind, wants))
}

/// As in Kafka a session tells of ids that are no more by the name that they had: whether there is a topic of that name, with another id, or none.
fn tell_of_names(
    context: &Context,
    kind: SessionKind,
    wants: &[(FetchKey, FetchWant)],
    answers: &mut [Answer],
) {
    let gone = wants.iter().zip(answers).filter(|(_, answer)| answer.error == ErrorCode::UnknownTopicId);
    for ((key, _), answer) in gone {
        let Some(name) = lock(&context.fetch_sessions).name_of(kind, key) else { continue };
        let made_anew =
            context.metadata().topic(&name).is_some_and(|t| t.partitions.contains_key(&key.index));
        *answer = if made_anew {
            Answer::unread(ErrorCode::InconsistentTopicId)
        } else {
            Answer::unknown(ErrorCode::UnknownTopicOrPartition)
        };
    }
}

/// The last version whose clients need not know `KAFKA_STORAGE_ERROR`: it would be final for them. They are told what makes
/// them look for another leader, and ask again. Of Kafka's answers only those to Fetch are changed so.
const NO_STORAGE_ERROR_UNTIL: i16 = 5;

/// The last version whose clients need not know `OFFSET_NOT_AVAILABLE` here: Java's consumer asks again since it may ask others
/// than the leader (KIP-392, version 11), and throws at its user before.
const NO_OFFSET_NOT_AVAILABLE_UNTIL: i16 = 10;

fn as_known_to(version: i16, error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::KafkaStorageError if version <= NO_STORAGE_ERROR_UNTIL => ErrorCode::NotLeaderOrFollower,
        ErrorCode::OffsetNotAvailable if version <= NO_OFFSET_NOT_AVAILABLE_UNTIL => {
            ErrorCode::NotLeaderOrFollower
        }
        error => error,
    }
}

/// Counts what is answered, by topic.
fn count(context: &Context, wants: &[(FetchKey, FetchWant)], answers: &[Answer]) {
    let image = context.metadata();
    let mut answers = answers.iter();
    for of_one_topic in wants.chunk_by(|(a, _), (b, _)| a.topic == b.topic) {
        let mut traffic = TopicTraffic::default();
        for answer in answers.by_ref().take(of_one_topic.len()) {
            match answer.error {
                ErrorCode::None => traffic.fetched(answer.records.len() as u64),
                _ => traffic.fetch_failed(),
            }
            context.request_metrics.error(ApiKey::Fetch.key(), answer.error);
        }
        let topic = match &of_one_topic[0].0.topic {
            TopicKey::Name(name) => image.topic(name),
            TopicKey::Id(id) => image.topic_by_id(*id),
        };
        context.topic_metrics.count(topic.map(|topic| topic.id), &traffic);
    }
}

/// The first version that tells whom to ask instead (KIP-951).
const LEADERS_FROM: i16 = 16;

/// A request for more partitions than these is answered at once: what waits is held in memory, as long as the client likes.
const WAITING_PARTITIONS_MAX: usize = 50_000;

/// The isolation that leaves out what is aborted: answers to it list what is (KIP-98).
const READ_COMMITTED: i8 = 1;

struct Limits {
    wait: Duration,
    min_bytes: usize,
    max_bytes: usize,
    isolation: i8,
    /// The rack that the client says it is in: others than the leader may answer it (KIP-392).
    rack: Option<Text>,
    listener: Arc<str>,
}

/// The first version in which a client says where it is.
const RACKS_FROM: i16 = 11;

impl Limits {
    fn of(context: &Context, caller: &Caller, request: &FetchRequest) -> Limits {
        let has_rack = caller.version >= RACKS_FROM && !request.rack_id.is_empty();
        let bytes = |value: i32| usize::try_from(value).unwrap_or(0);
        let max_bytes = bytes(request.max_bytes).min(context.config().fetch.response_bytes_max);
        Limits {
            wait: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
            min_bytes: bytes(request.min_bytes).min(max_bytes),
            max_bytes,
            isolation: request.isolation_level,
            rack: has_rack.then(|| request.rack_id.clone()),
            listener: Arc::clone(&caller.listener),
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn top_level(code: ErrorCode) -> FetchResponse {
    FetchResponse { error_code: code.code(), ..FetchResponse::default() }
}

fn session_error_code(error: SessionError) -> ErrorCode {
    match error {
        SessionError::NotFound(_) => ErrorCode::FetchSessionIdNotFound,
        SessionError::WrongEpoch { .. } => ErrorCode::InvalidFetchSessionEpoch,
        SessionError::TopicIdMixed(_) => ErrorCode::FetchSessionTopicIdError,
    }
}

fn session_request(caller: &Caller, request: FetchRequest) -> SessionRequest {
    let uses_ids = caller.version >= 13;
    let key = |topic: &Text, topic_id: TopicId| {
        if uses_ids { TopicKey::Id(topic_id) } else { TopicKey::Name(topic.clone()) }
    };
    let mut wants = Vec::new();
    for topic in request.topics {
        let topic_key = key(&topic.topic, topic.topic_id);
        for partition in topic.partitions {
            wants.push((
                FetchKey { topic: topic_key.clone(), index: PartitionIndex(partition.partition) },
                FetchWant {
                    offset: Offset(partition.fetch_offset),
                    max_bytes: partition.partition_max_bytes,
                    log_start: Offset(partition.log_start_offset),
                    // As in Kafka, of a fetch (and of nothing else) whatever is negative is none.
                    current_epoch: LeaderEpoch(partition.current_leader_epoch.max(LeaderEpoch::NONE.0)),
                    last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch.max(LeaderEpoch::NONE.0)),
                },
            ));
        }
    }
    let mut forgotten = Vec::new();
    for topic in request.forgotten_topics_data {
        let topic_key = key(&topic.topic, topic.topic_id);
        for index in topic.partitions {
            forgotten.push(FetchKey { topic: topic_key.clone(), index: PartitionIndex(index) });
        }
    }
    let wants = once_each(wants);
    // Before version 7 there are no sessions: the schema's defaults, id 0 and epoch −1, say just that.
    SessionRequest { id: request.session_id, epoch: request.session_epoch, wants, forgotten, uses_ids }
}

/// Of a partition that is named again the last mention counts, at the place of the first.
fn once_each(wants: Vec<(FetchKey, FetchWant)>) -> Vec<(FetchKey, FetchWant)> {
    let mut last: BTreeMap<&FetchKey, FetchWant> = BTreeMap::new();
    for (key, want) in &wants {
        last.insert(key, *want);
    }
    if last.len() == wants.len() {
        return wants;
    }
    wants.iter().filter_map(|(key, _)| last.remove(key).map(|want| (key.clone(), want))).collect()
}

/// What is known of one wanted partition.
struct Answer {
    error: ErrorCode,
    high_watermark: Offset,
    log_start: Offset,
    records: Records,
    diverging: Option<EpochEndOffset>,
    /// None is null: what was not read says nothing of transactions.
    aborted: Option<Vec<AbortedTransaction>>,
    /// Who is to be asked from now on.
    nearby: Option<NodeId>,
}

impl Answer {
    /// There is no such partition.
    fn unknown(code: ErrorCode) -> Answer {
        Answer { aborted: Some(Vec::new()), ..Answer::unread(code) }
    }

    /// Whether there is no such partition.
    fn is_of_none(&self) -> bool {
        matches!(self.error, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId)
    }

    /// The partition could not be read.
    fn unread(code: ErrorCode) -> Answer {
        Answer {
            error: code,
            high_watermark: Offset::NONE,
            log_start: Offset::NONE,
            records: Records::default(),
            diverging: None,
            aborted: None,
            nearby: None,
        }
    }

    /// The client is sent to a replica that is nearer.
    fn nearby(sent: Nearby) -> Answer {
        Answer {
            error: ErrorCode::None,
            high_watermark: sent.high_watermark,
            log_start: sent.log_start,
            records: Records::default(),
            diverging: None,
            aborted: None,
            nearby: Some(sent.node),
        }
    }
}

/// What a pass over the partitions found: a result each, or an error.
type Results = Vec<Result<(PartitionId, ReadResult), ErrorCode>>;

async fn read_until_enough(
    context: &Context,
    wants: &[(FetchKey, FetchWant)],
    limits: &Limits,
) -> (Vec<Answer>, Option<MemoryShare>) {
    let sent = nearby::find(context, wants, limits).await;
    if !sent.is_empty() {
        // Something to say at once: what else there is goes along.
        let counted = read_counted(context, wants, limits, None).await;
        let (mut answers, share) = finish(context, limits, counted).await;
        for (at, sent) in sent {
            answers[at] = Answer::nearby(sent);
        }
        return (answers, share);
    }
    let deadline = context.io.clock.now().after(limits.wait);
    let may_wait = wants.len() <= WAITING_PARTITIONS_MAX;
    let waiter =
        (may_wait && limits.min_bytes > 0 && !limits.wait.is_zero() && !context.shutdown.has_begun())
            .then(|| FetchWaiter::new(limits.min_bytes as u64));
    let counted = read_counted(context, wants, limits, waiter.as_ref()).await;
    let Some(waiter) = waiter else { return finish(context, limits, counted).await };
    // The waiter may be satisfied by what came after the reading: that is not in these results.
    if is_enough(&counted.0, limits.min_bytes) || wants.is_empty() {
        return finish(context, limits, counted).await;
    }
    drop(counted);
    tokio::select! {
        biased;
        // What is there by the deadline is answered, be it nothing.
        _ = timeout(&*context.io.clock, deadline, waiter.satisfied()) => {}
        () = context.shutdown.begun() => {}
    }
    let counted = read_counted(context, wants, limits, None).await;
    finish(context, limits, counted).await
}

/// Whether this is to be answered at once: there is enough of it, or something else to say.
fn is_enough(results: &[Result<(PartitionId, ReadResult), ErrorCode>], min_bytes: usize) -> bool {
    let mut bytes = 0;
    for result in results {
        match result {
            Ok((_, ReadResult { data: Ok(data), diverging: None, .. })) => bytes += data.expected_bytes(),
            Ok(_) | Err(_) => return true,
        }
    }
    bytes >= min_bytes
}

/// One pass over the partitions, for so many bytes and one batch at least; for nothing without a number.
async fn read(
    context: &Context,
    wants: &[(FetchKey, FetchWant)],
    limits: &Limits,
    max_bytes: Option<usize>,
    waiter: Option<&Arc<FetchWaiter>>,
) -> Results {
    let image = context.metadata();
    let mut reads = Vec::with_capacity(wants.len());
    let mut resolved = Vec::with_capacity(wants.len());
    for (key, want) in wants {
        let id = resolve(&image, key);
        if let Ok(id) = id {
            reads.push(ReadRequest {
                id,
                offset: want.offset,
                max_bytes: usize::try_from(want.max_bytes).unwrap_or(0),
                epoch: EpochCheck(want.current_epoch),
                last_fetched_epoch: want.last_fetched_epoch,
                from: if limits.rack.is_some() { ReadFrom::Nearby } else { ReadFrom::Leader },
            });
        } else if let Some(waiter) = waiter {
            waiter.satisfy();
        }
        resolved.push(id);
    }
    let whole_batch = max_bytes.is_some();
    let Ok(results) = context.partitions.read(reads, max_bytes.unwrap_or(0), whole_batch, waiter).await
    else {
        return resolved.into_iter().map(|_| Err(ErrorCode::NotLeaderOrFollower)).collect();
    };
    let mut results = results.into_iter();
    resolved
        .into_iter()
        .map(|id| id.map(|id| (id, results.next().expect("every read has a result"))))
        .collect()
}

fn resolve(image: &MetadataImage, key: &FetchKey) -> Result<PartitionId, ErrorCode> {
    let topic = match &key.topic {
        TopicKey::Name(name) => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?,
        TopicKey::Id(id) => image.topic_by_id(*id).ok_or(ErrorCode::UnknownTopicId)?,
    };
    if !topic.partitions.contains_key(&key.index) {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    Ok(PartitionId { topic: topic.id, index: key.index })
}

/// Runs the reads that need the disk.
async fn finish(
    context: &Context,
    limits: &Limits,
    (results, share): (Results, Option<MemoryShare>),
) -> (Vec<Answer>, Option<MemoryShare>) {
    let mut answers = Vec::with_capacity(results.len());
    let mut results = results.into_iter().peekable();
    while results.peek().is_some() {
        let some = results.by_ref().take(READS_TOGETHER);
        let reads = some.map(|result| -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
            Box::pin(async move {
                match result {
                    Err(code) => Answer::unknown(code),
                    Ok((id, result)) => answer(context, limits, id, result).await,
                }
            })
        });
        answers.extend(join_all(reads.collect()).await);
    }
    let share = memory::fit(share, &answers);
    (answers, share)
}

async fn answer(context: &Context, limits: &Limits, id: PartitionId, result: ReadResult) -> Answer {
    let data = match result.data {
        Ok(ReadData::Memory(batches)) => Ok(batches),
        Ok(ReadData::Stored { plan, .. }) => run_stored(context, id, plan).await,
        Err(error) => Err(error.error_code()),
    };
    match data {
        Err(code) => Answer::unread(code),
        Ok(batches) => {
            let mut records = Records::default();
            for batch in batches {
                records.push(batch);
            }
            Answer {
                error: ErrorCode::None,
                high_watermark: result.high_watermark,
                log_start: result.log_start,
                records,
                diverging: result.diverging.map(|end| EpochEndOffset {
                    epoch: end.epoch.0,
                    end_offset: end.end.0,
                    ..Default::default()
                }),
                aborted: (limits.isolation == READ_COMMITTED).then(Vec::new),
                nearby: None,
            }
        }
    }
}

/// Reads from segments. Damage is told to the partition's owner and never to the client as data.
pub(super) async fn run_stored(
    context: &Context,
    id: PartitionId,
    plan: crate::log::StoredRead,
) -> Result<Vec<Bytes>, ErrorCode> {
    // Removed by retention while it was read: the client asks again and is told the log's start.
    Ok(run_stored_if_there(context, id, plan).await?.unwrap_or_default())
}

/// The same; `None` if it was removed while it was read, which says nothing of what there is.
pub(super) async fn run_stored_if_there(
    context: &Context,
    id: PartitionId,
    plan: crate::log::StoredRead,
) -> Result<Option<Vec<Bytes>>, ErrorCode> {
    match plan.run().await {
        Ok(batches) => Ok(Some(batches)),
        Err(ReadError::OutOfRange { .. }) => Err(ErrorCode::OffsetOutOfRange),
        Err(ReadError::Gone) => Ok(None),
        Err(error) => {
            // A node that shuts down needs no report.
            let _closed = context.partitions.report_damage(id, error).await;
            Err(ErrorCode::KafkaStorageError)
        }
    }
}

fn assemble(
    context: &Context,
    kind: SessionKind,
    wants: Vec<(FetchKey, FetchWant)>,
    answers: Vec<Answer>,
    mut leaders: Leaders,
) -> FetchResponse {
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    let mut sessions = lock(&context.fetch_sessions);
    // As in Kafka, what does not exist comes last.
    let (there, missing): (Vec<_>, Vec<_>) =
        wants.into_iter().zip(answers).partition(|(_, answer)| !answer.is_of_none());
    for ((key, _), answer) in there.into_iter().chain(missing) {
        let told = Told { high_watermark: answer.high_watermark, log_start: answer.log_start };
        let has_data = !answer.records.is_empty() || answer.diverging.is_some() || answer.nearby.is_some();
        if !sessions.tell(kind, &key, told, has_data, answer.error != ErrorCode::None) {
            continue;
        }
        let data = PartitionData {
            partition_index: key.index.0,
            error_code: answer.error.code(),
            high_watermark: answer.high_watermark.0,
            last_stable_offset: answer.high_watermark.0,
            log_start_offset: answer.log_start.0,
            diverging_epoch: answer.diverging.unwrap_or_default(),
            aborted_transactions: answer.aborted,
            current_leader: leaders.of_partitions.remove(&key).unwrap_or_default(),
            records: Some(answer.records),
            preferred_read_replica: answer.nearby.map_or(-1, |node| node.0),
            ..PartitionData::default()
        };
        push(&mut responses, key, data);
    }
    let session_id = match kind {
        SessionKind::Sessionless => 0,
        SessionKind::New { id } | SessionKind::Incremental { id } => id,
    };
    FetchResponse { session_id, responses, node_endpoints: leaders.endpoints, ..FetchResponse::default() }
}

/// Who leads the partitions that this node does not, or no longer in the epoch that the client knows.
#[derive(Default)]
struct Leaders {
    of_partitions: BTreeMap<FetchKey, LeaderIdAndEpoch>,
    endpoints: Vec<NodeEndpoint>,
}

impl Leaders {
    async fn of(
        context: &Context,
        caller: &Caller,
        wants: &[(FetchKey, FetchWant)],
        answers: &[Answer],
    ) -> Leaders {
        let image = context.metadata();
        let told = |code| matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
        let ids: Vec<(FetchKey, PartitionId)> = wants
            .iter()
            .zip(answers)
            .filter(|(_, answer)| told(answer.error))
            .filter_map(|((key, _), _)| Some((key.clone(), resolve(&image, key).ok()?)))
            .collect();
        if ids.is_empty() {
            return Leaders::default();
        }
        let standings = Standings::of(context, Some(ids.iter().map(|(_, id)| *id).collect())).await;
        let view = ClusterView { image: &image, listener: &caller.listener };
        let mut leaders = Leaders::default();
        for (key, id) in ids {
            let partition = image.partition(id);
            let Some(seen) = partition.map(|partition| view.partition(id, partition, &standings)) else {
                continue;
            };
            let Ok(leader) = seen.leader else { continue };
            let told = LeaderIdAndEpoch {
                leader_id: leader.0,
                leader_epoch: seen.leader_epoch.0,
                ..LeaderIdAndEpoch::default()
            };
            leaders.of_partitions.insert(key, told);
            if leaders.endpoints.iter().all(|endpoint| endpoint.node_id != leader.0) {
                leaders.endpoints.extend(view.brokers().find(|broker| broker.node == leader).map(endpoint));
            }
        }
        leaders
    }
}

fn endpoint(broker: VisibleBroker<'_>) -> NodeEndpoint {
    NodeEndpoint {
        node_id: broker.node.0,
        host: broker.endpoint.host.as_str().into(),
        port: broker.endpoint.port.into(),
        rack: broker.rack.map(Into::into),
        ..NodeEndpoint::default()
    }
}

fn push(responses: &mut Vec<FetchableTopicResponse>, key: FetchKey, data: PartitionData) {
    let (topic, topic_id) = match key.topic {
        TopicKey::Name(name) => (name, TopicId::ZERO),
        TopicKey::Id(id) => (Text::new(), id),
    };
    match responses.last_mut() {
        Some(last) if last.topic == topic && last.topic_id == topic_id => last.partitions.push(data),
        _ => responses.push(FetchableTopicResponse {
            topic,
            topic_id,
            partitions: vec![data],
            ..FetchableTopicResponse::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::EpochEnd;
    use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId};

    fn found(
        bytes: &'static [u8],
        diverging: Option<EpochEnd>,
    ) -> Result<(PartitionId, ReadResult), ErrorCode> {
        let id = PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(0) };
        let data = Ok(ReadData::Memory(vec![bytes.into()]));
        Ok((id, ReadResult { high_watermark: Offset(0), log_start: Offset(0), data, diverging, files: None }))
    }

    #[test]
    fn clients_of_old_are_told_what_makes_them_ask_again() {
        let told = |error| [0, 5, 6, 10, 11, 18].map(|version| as_known_to(version, error));
        let (known, old) = (ErrorCode::KafkaStorageError, ErrorCode::NotLeaderOrFollower);
        assert_eq!(told(known), [old, old, known, known, known, known]);
        let known = ErrorCode::OffsetNotAvailable;
        assert_eq!(told(known), [old, old, old, old, known, known]);
        let known = ErrorCode::OffsetOutOfRange;
        assert_eq!(told(known), [known; 6]);
    }

    /// A record that comes between the reading and the look at the waiter must not end the fetch with nothing.
    #[test]
    fn a_fetch_is_answered_at_once_for_what_it_holds_alone() {
        assert!(!is_enough(&[found(b"", None)], 1));
        assert!(!is_enough(&[found(b"123", None), found(b"456", None)], 7));
        assert!(is_enough(&[found(b"123", None), found(b"456", None)], 6));
        assert!(is_enough(&[found(b"", None), Err(ErrorCode::UnknownTopicId)], 7));
        let end = EpochEnd { epoch: LeaderEpoch(1), end: Offset(0) };
        assert!(is_enough(&[found(b"", Some(end))], 7));
    }
}
