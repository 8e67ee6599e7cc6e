use std::time::Duration;

use bytes::BytesMut;
use ordain::client::AutoCreate;
use ordain::io::{Io, RngStream, read_some, timeout, write_all};
use ordain::types::CorrelationId;
use ordain::wire::Text;
use ordain::wire::frame::{ApiRequest, encode_request};
use ordain::wire::messages as m;

use super::{Seat, bounded};
use crate::scenarios::broker::plan::{PORT, TOPIC};

/// The names that well-formed frames of this client carry.
const NAME: &str = "hostile";

/// Sends what no client should: noise, lengths that lie, frames of which some bytes are others, halves of frames.
/// Then it asks like everybody else, and must be answered (I24).
pub(in crate::scenarios) async fn attack(seat: Seat) {
    let (io, name, history) = (&seat.io, &seat.name, &seat.history);
    let mut rng = io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let bytes = draw(&mut *rng);
        let patience = Duration::from_millis(50 + rng.below(500));
        history.note(format_args!("{name} sends {} bytes", bytes.len()));
        let sent = bounded(io, history, "an attack", send(io, seat.servers.first(), &bytes, patience)).await;
        if let Ok(Err(error)) = sent {
            history.note(format_args!("{name}: {:?}", error.kind()));
        }
        let names = [TOPIC.to_owned()];
        match bounded(io, history, "metadata", client.describe(Some(&names), AutoCreate::No)).await {
            Ok(Ok(_)) => history.progress(name),
            Ok(Err(error)) => history.note(format_args!("{name}: {error}")),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(20 + rng.below(500))).await;
    }
}

/// Sends the bytes and reads what comes for a while. The connection ends with it.
async fn send(io: &Io, server: &str, bytes: &[u8], patience: Duration) -> std::io::Result<()> {
    let deadline = io.clock.now().after(Duration::from_secs(2));
    let connecting = timeout(&*io.clock, deadline, io.net.connect(server, PORT)).await;
    let mut connection = connecting.map_err(|_| std::io::ErrorKind::TimedOut)??;
    let deadline = io.clock.now().after(patience);
    let talk = async {
        write_all(&mut *connection.write, bytes).await?;
        let mut answer = BytesMut::new();
        while read_some(&mut *connection.read, &mut answer, 4096).await? > 0 {}
        Ok(())
    };
    timeout(&*io.clock, deadline, talk).await.unwrap_or(Ok(()))
}

fn draw(rng: &mut dyn RngStream) -> Vec<u8> {
    let below = |rng: &mut dyn RngStream, bound: usize| usize::try_from(rng.below(bound as u64)).unwrap_or(0);
    let noise = |rng: &mut dyn RngStream, length: usize| -> Vec<u8> {
        (0..length).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)).collect()
    };
    match rng.below(6) {
        0 => {
            let length = 1 + below(rng, 300);
            noise(rng, length)
        }
        1 => {
            // A length that lies, and a little of what it promises.
            let length = [i32::MAX, -1, 0, 1, 100 << 20, i32::MIN][below(rng, 6)];
            let rest = below(rng, 60);
            [length.to_be_bytes().to_vec(), noise(rng, rest)].concat()
        }
        2 => {
            // A right header with anything behind it.
            let api = i16::try_from(rng.below(80)).unwrap_or(0);
            let version = i16::try_from(rng.below(18)).unwrap_or(0);
            let body = below(rng, 200);
            let mut frame = [api.to_be_bytes(), version.to_be_bytes()].concat();
            frame.extend(noise(rng, 4));
            frame.extend([0, 1, b'x']);
            frame.extend(noise(rng, body));
            [u32::try_from(frame.len()).unwrap_or(0).to_be_bytes().to_vec(), frame].concat()
        }
        3 => {
            let mut frame = well_formed(rng);
            frame.truncate(1 + below(rng, frame.len()));
            frame
        }
        _ => {
            let mut frame = well_formed(rng);
            for _ in 0..=rng.below(4) {
                // The length is left alone, so that what follows is looked at.
                let at = 4 + below(rng, frame.len() - 4);
                frame[at] = match rng.below(4) {
                    0 => 0xff,
                    1 => 0x80,
                    2 => frame[at] ^ (1 << rng.below(8)),
                    _ => u8::try_from(rng.below(256)).unwrap_or(0),
                };
            }
            frame
        }
    }
}

/// A request that the broker would take.
fn well_formed(rng: &mut dyn RngStream) -> Vec<u8> {
    let name = || Text::from(NAME);
    match rng.below(9) {
        0 => frame(
            9,
            &m::MetadataRequest {
                topics: Some(vec![m::metadata_request::MetadataRequestTopic {
                    name: Some(name()),
                    ..Default::default()
                }]),
                ..Default::default()
            },
        ),
        1 => frame(
            3,
            &m::ApiVersionsRequest {
                client_software_name: name(),
                client_software_version: name(),
                ..Default::default()
            },
        ),
        2 => frame(
            5,
            &m::JoinGroupRequest {
                group_id: name(),
                session_timeout_ms: 6_000,
                rebalance_timeout_ms: 6_000,
                protocol_type: name(),
                protocols: vec![m::join_group_request::JoinGroupRequestProtocol {
                    name: name(),
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        3 => frame(
            8,
            &m::OffsetCommitRequest {
                group_id: name(),
                topics: vec![m::offset_commit_request::OffsetCommitRequestTopic {
                    name: name(),
                    partitions: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        4 => frame(
            9,
            &m::ProduceRequest {
                acks: -1,
                timeout_ms: 1_000,
                topic_data: vec![m::produce_request::TopicProduceData {
                    name: name(),
                    partition_data: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        5 => frame(
            12,
            &m::FetchRequest {
                replica_id: -1,
                max_wait_ms: 10,
                max_bytes: 1_000,
                session_epoch: -1,
                topics: vec![m::fetch_request::FetchTopic {
                    topic: name(),
                    partitions: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        6 => frame(
            5,
            &m::CreateTopicsRequest {
                topics: vec![m::create_topics_request::CreatableTopic {
                    name: name(),
                    num_partitions: 1,
                    replication_factor: 1,
                    ..Default::default()
                }],
                validate_only: true,
                ..Default::default()
            },
        ),
        7 => frame(
            5,
            &m::ListOffsetsRequest {
                replica_id: -1,
                topics: vec![m::list_offsets_request::ListOffsetsTopic {
                    name: name(),
                    partitions: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        _ => frame(
            4,
            &m::DescribeConfigsRequest {
                resources: vec![m::describe_configs_request::DescribeConfigsResource {
                    resource_type: 2,
                    resource_name: name(),
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
    }
}

fn frame<R: ApiRequest>(version: i16, request: &R) -> Vec<u8> {
    encode_request(version, CorrelationId(7), Some(&Text::from(NAME)), request)
        .expect("the request fits its version")
        .concat()
}
