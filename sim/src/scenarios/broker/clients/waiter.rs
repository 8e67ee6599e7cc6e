use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::{Client, ClientError, Lane, TopicPartition};
use ordain::io::RngStream;
use ordain::types::{NodeId, Offset};
use ordain::wire::Text;
use ordain::wire::batch::BatchHeader;
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::{FetchRequest, FetchResponse};

use super::{FETCH_NAMES_UNTIL, FETCH_TIMEOUT, Seat, bounded};
use crate::scenarios::broker::history::Waited;

/// Fetches of one session.
const FETCHES: i32 = 4;
/// More than a fetch of the ends brings.
const PARTITION_BYTES_MAX: i32 = 1 << 20;
/// No session, and the last fetch of one.
const NO_SESSION: i32 = -1;

/// Fetches from the ends of partitions, where a broker has to wait: for some bytes, or until the time is over.
pub(in crate::scenarios) async fn wait_for_records(seat: Seat) {
    let mut rng = seat.io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        let wait_ms = 5 + rng.below(600);
        let wait = Wait {
            max: Duration::from_millis(wait_ms),
            min_bytes: [1, 1, 1, 300, 20_000][usize::try_from(rng.below(5)).unwrap_or(0)],
            in_session: rng.below(2) == 0,
        };
        let waiting = follow(&seat, &client, &partitions, &wait, &mut *rng);
        match bounded(&seat.io, &seat.history, "waiting for records", waiting).await {
            Ok(Ok(())) => seat.history.progress(&seat.name),
            Ok(Err(error)) => seat.history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        seat.io.clock.sleep(Duration::from_millis(rng.below(200))).await;
    }
}

/// What a fetch says of waiting.
struct Wait {
    max: Duration,
    min_bytes: i32,
    in_session: bool,
}

/// Follows the ends of what one broker leads for a few fetches: what another one leads it answers with an error, and at once.
async fn follow(
    seat: &Seat,
    client: &Client,
    partitions: &[TopicPartition],
    wait: &Wait,
    rng: &mut dyn RngStream,
) -> Result<(), ClientError> {
    // What lies behind the ends, and was read from a segment before it was asked for, was read after this.
    let before = seat.history.now();
    let ends = client.list_offsets_at(partitions, OffsetSpec::Latest).await?;
    let mut led: BTreeMap<NodeId, BTreeMap<TopicPartition, Offset>> = BTreeMap::new();
    for (at, listed) in ends {
        // Known by now: all leaders have just been asked.
        led.entry(client.leader(&at).await?).or_default().insert(at, listed.offset);
    }
    let one = if led.len() > 1 { rng.below(led.len() as u64) } else { 0 };
    let Some((asked_of, mut positions)) = led.into_iter().nth(usize::try_from(one).unwrap_or(0)) else {
        return Ok(());
    };
    let mut told = positions.clone();
    let (mut session_id, mut epoch) = (0, if wait.in_session { 0 } else { NO_SESSION });
    for _ in 0..FETCHES {
        if seat.ending.has_begun() {
            break;
        }
        seat.ending.count_operation();
        let broker = client.node(asked_of, Lane::Fetch).await?;
        let version = broker.version_up_to::<FetchRequest>(FETCH_NAMES_UNTIL)?;
        let request = request(wait, &told, (session_id, epoch));
        let (began, shown) = (seat.history.now(), seat.account.broker_clock(asked_of));
        let min_bytes = u64::from(wait.min_bytes.unsigned_abs());
        let asked = seat.history.waits(&seat.name, min_bytes, wait.max);
        let answer = broker.call_within(version, &request, FETCH_TIMEOUT).await;
        let answer = answer.inspect_err(|_| seat.history.has_failed(asked))?;
        let took = seat.account.broker_clock(asked_of).saturating_sub(shown);
        let is_stopping = seat.account.is_stopping();
        if answer.error_code != 0 {
            seat.history.has_failed(asked);
            break;
        }
        if wait.in_session {
            (session_id, epoch) = (answer.session_id, epoch + 1);
        }
        let (moved, waited, has_more) = take(&answer, &positions);
        let from_segments = seat.account.segments_were_read(partitions, before);
        seat.history.waited(
            asked,
            Waited { began, wait: wait.max, took, min_bytes, is_stopping, from_segments, ..waited },
        );
        positions.extend(moved.clone());
        // A session remembers what has not moved.
        told = if wait.in_session { moved } else { positions.clone() };
        // Only from the ends a fetch waits: elsewhere, what a segment holds is given at once.
        if waited.has_error || has_more {
            break;
        }
    }
    Ok(())
}

fn request(
    wait: &Wait,
    offsets: &BTreeMap<TopicPartition, Offset>,
    (session_id, session_epoch): (i32, i32),
) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (at, offset) in offsets {
        let partition = FetchPartition {
            partition: at.partition.0,
            current_leader_epoch: -1,
            fetch_offset: offset.0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: PARTITION_BYTES_MAX,
            ..FetchPartition::default()
        };
        match topics.last_mut().filter(|topic| *topic.topic == *at.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: Text::from(at.topic.as_str()),
                partitions: vec![partition],
                ..FetchTopic::default()
            }),
        }
    }
    FetchRequest {
        replica_id: -1,
        max_wait_ms: i32::try_from(wait.max.as_millis()).unwrap_or(i32::MAX),
        min_bytes: wait.min_bytes,
        max_bytes: 16 * PARTITION_BYTES_MAX,
        session_id,
        session_epoch,
        topics,
        ..FetchRequest::default()
    }
}

/// Which positions an answer moves, what it says of waiting, and whether it leads to the ends.
fn take(
    answer: &FetchResponse,
    positions: &BTreeMap<TopicPartition, Offset>,
) -> (BTreeMap<TopicPartition, Offset>, Waited, bool) {
    let (mut moved, mut waited, mut has_more) = (BTreeMap::new(), Waited::default(), false);
    for topic in &answer.responses {
        for partition in &topic.partitions {
            let at = TopicPartition::new(topic.topic.to_string(), partition.partition_index);
            let from = positions.get(&at).copied().unwrap_or_default();
            let bytes = partition.records.clone().unwrap_or_default().into_bytes();
            let mut next = from;
            let mut rest = &bytes[..];
            while let Ok(header) = BatchHeader::parse(rest) {
                let Some(length) = header.total_bytes().filter(|length| *length <= rest.len()) else { break };
                next = header.next_offset();
                rest = &rest[length..];
            }
            waited.bytes += bytes.len() as u64;
            waited.has_error |= partition.error_code != 0 || partition.diverging_epoch.epoch >= 0;
            has_more |= partition.high_watermark > next.0;
            if next > from {
                moved.insert(at, next);
            }
        }
    }
    (moved, waited, has_more)
}
