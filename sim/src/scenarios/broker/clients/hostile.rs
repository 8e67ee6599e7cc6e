//! A client that means harm: whatever it sends, the broker goes on, and nobody else is told anything wrong (I24, seen broken in
//! Nisshi).
use std::time::Duration;

use bytes::BytesMut;
use ordain::client::AutoCreate;
use ordain::io::{Io, RngStream, read_some, timeout, write_all};
use ordain::types::CorrelationId;
use ordain::wire::frame::{ApiRequest, encode_request};
use ordain::wire::messages as m;
use ordain::wire::{ApiKey, Text};

use super::{PATIENCE, Seat};
use crate::scenarios::broker::plan::{BETWEEN_NODES, BROKER, GROUP, PORT, TOPIC, WORKERS};
use crate::scenarios::fleet::machine_name;

mod batches;
mod between;

/// The name that those of its frames carry that could change what others work on.
const NAME: &str = "hostile";

/// Sends what no client should: to those that serve clients, and of several nodes to where they listen for each other, too.
pub(in crate::scenarios) async fn attack(seat: Seat) {
    let ((), ()) = tokio::join!(attack_servers(&seat), attack_between(&seat));
}

/// Noise, lengths that lie, frames of which some bytes are others, halves of frames, batches of records of which some bytes are
/// others, to where everybody writes. Then it asks like everybody else, and must be answered.
async fn attack_servers(seat: &Seat) {
    let (io, name, history) = (&seat.io, &seat.name, &seat.history);
    let (mut rng, mut aim) = (io.rng.stream("workload"), io.rng.stream("aim"));
    let client = seat.client(Duration::from_secs(5));
    let mut batches = batches::Batches::new(seat);
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        if rng.below(4) == 0 {
            let sending = batches.send_one(&client, &mut *rng);
            match bounded(seat, "a hostile batch", sending).await {
                Some(Ok(())) => {}
                Some(Err(error)) => history.note(format_args!("{name}: {error}")),
                None => return,
            }
        } else {
            let bytes = draw(&mut *rng);
            let patience = Duration::from_millis(50 + rng.below(500));
            let host = one_of(&seat.servers.names, &mut *aim).map_or(BROKER, String::as_str);
            let what = Attack { name, host, port: PORT, bytes: &bytes, patience };
            if what.make(seat).await.is_none() {
                return;
            }
        }
        let names = [TOPIC.to_owned()];
        match bounded(seat, "metadata behind an attack", client.describe(Some(&names), AutoCreate::No)).await
        {
            Some(Ok(_)) => history.progress(name),
            Some(Err(error)) => history.note(format_args!("{name}: {error}")),
            None => return,
        }
        io.clock.sleep(Duration::from_millis(20 + rng.below(500))).await;
    }
}

/// What no node sends, to where nodes listen for each other, all the while. That these go on is seen by all others.
async fn attack_between(seat: &Seat) {
    let io = &seat.io;
    let mut rng = io.rng.stream("between nodes");
    let name = format!("{} between nodes", seat.name);
    let client = seat.client(Duration::from_secs(5));
    let mut cluster: Option<String> = None;
    while !seat.ending.has_begun() {
        let Some(&node) = one_of(&seat.servers.nodes, &mut *rng) else { return };
        if cluster.is_none() {
            match bounded(seat, "the cluster's id", client.describe(Some(&[]), AutoCreate::No)).await {
                Some(told) => cluster = told.ok().and_then(|told| told.cluster_id),
                None => return,
            }
        }
        let bytes = between::draw_for(cluster.as_deref(), node, &mut *rng);
        let patience = Duration::from_millis(50 + rng.below(500));
        let (name, host) = (&name, &machine_name(node));
        let what = Attack { name, host, port: BETWEEN_NODES, bytes: &bytes, patience };
        if what.make(seat).await.is_none() {
            return;
        }
        io.clock.sleep(Duration::from_millis(20 + rng.below(500))).await;
    }
}

/// Bytes on their way.
struct Attack<'a> {
    name: &'a str,
    host: &'a str,
    port: u16,
    bytes: &'a [u8],
    patience: Duration,
}

impl Attack<'_> {
    /// `None` if that does not end.
    async fn make(&self, seat: &Seat) -> Option<()> {
        let Attack { name, bytes, .. } = *self;
        seat.history.note(format_args!("{name} sends {} bytes to {}:{}", bytes.len(), self.host, self.port));
        let attack = seat.history.attacks(name, bytes);
        let sent = bounded(seat, "an attack", self.send(&seat.io)).await?;
        seat.history.attacked(name, attack, bytes, sent.as_ref().err());
        Some(())
    }

    /// Sends the bytes and reads what comes for a while. The connection ends with it.
    async fn send(&self, io: &Io) -> std::io::Result<()> {
        let deadline = io.clock.now().after(Duration::from_secs(2));
        let connecting = timeout(&*io.clock, deadline, io.net.connect(self.host, self.port)).await;
        let mut connection = connecting.map_err(|_| std::io::ErrorKind::TimedOut)??;
        let deadline = io.clock.now().after(self.patience);
        let talk = async {
            write_all(&mut *connection.write, self.bytes).await?;
            let mut answer = BytesMut::new();
            while read_some(&mut *connection.read, &mut answer, 4096).await? > 0 {}
            Ok(())
        };
        timeout(&*io.clock, deadline, talk).await.unwrap_or(Ok(()))
    }
}

/// Waits for what its own deadlines bound. What takes longer is what the attack has done.
async fn bounded<F: Future>(seat: &Seat, what: &str, future: F) -> Option<F::Output> {
    let clock = &*seat.io.clock;
    let result = timeout(clock, clock.now().after(PATIENCE), future).await;
    if result.is_err() {
        let what = format!("{what} took more than {PATIENCE:?}, its own deadlines notwithstanding");
        seat.history.wrong("I24-stuck", what);
    }
    result.ok()
}

/// One of them, if there is one; of a single one without a draw.
fn one_of<'a, T>(all: &'a [T], rng: &mut dyn RngStream) -> Option<&'a T> {
    let drawn = if all.len() > 1 { rng.below(all.len() as u64) } else { 0 };
    all.get(usize::try_from(drawn).unwrap_or(0))
}

fn noise(rng: &mut dyn RngStream, length: usize) -> Vec<u8> {
    (0..length).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)).collect()
}

/// Makes some bytes others, from that one on.
fn spoil(frame: &mut [u8], from: usize, rng: &mut dyn RngStream) {
    for _ in 0..=rng.below(4) {
        let at = from + usize::try_from(rng.below((frame.len() - from) as u64)).unwrap_or(0);
        frame[at] = match rng.below(4) {
            0 => 0xff,
            1 => 0x80,
            2 => frame[at] ^ (1 << rng.below(8)),
            _ => u8::try_from(rng.below(256)).unwrap_or(0),
        };
    }
}

fn draw(rng: &mut dyn RngStream) -> Vec<u8> {
    let below = |rng: &mut dyn RngStream, bound: usize| usize::try_from(rng.below(bound as u64)).unwrap_or(0);
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
            // The length is left alone, so that what follows is looked at.
            spoil(&mut frame, 4, rng);
            frame
        }
    }
}

/// A request with nothing in it, of a version; `None` where that cannot be written.
type Bare = fn(i16) -> Option<Vec<u8>>;

/// A request that the broker would take. Those that could delete what others work on, or change it, name what is nobody's.
fn well_formed(rng: &mut dyn RngStream) -> Vec<u8> {
    let version = |rng: &mut dyn RngStream, api: ApiKey| {
        let served = api.served().expect("it is served");
        served.min
            + i16::try_from(rng.below(u64::from((served.max - served.min + 1).unsigned_abs()))).unwrap_or(0)
    };
    macro_rules! bare {
        ($($request:ident),*) => {
            &[$(|version| bare(version, &m::$request::default())),*]
        };
    }
    let bare_ones: &[(ApiKey, &[Bare])] = &[
        (ApiKey::Produce, bare![ProduceRequest]),
        (ApiKey::Fetch, bare![FetchRequest]),
        (ApiKey::ListOffsets, bare![ListOffsetsRequest]),
        (ApiKey::Metadata, bare![MetadataRequest]),
        (ApiKey::OffsetCommit, bare![OffsetCommitRequest]),
        (ApiKey::OffsetFetch, bare![OffsetFetchRequest]),
        (ApiKey::FindCoordinator, bare![FindCoordinatorRequest]),
        (ApiKey::JoinGroup, bare![JoinGroupRequest]),
        (ApiKey::Heartbeat, bare![HeartbeatRequest]),
        (ApiKey::LeaveGroup, bare![LeaveGroupRequest]),
        (ApiKey::SyncGroup, bare![SyncGroupRequest]),
        (ApiKey::DescribeGroups, bare![DescribeGroupsRequest]),
        (ApiKey::ListGroups, bare![ListGroupsRequest]),
        (ApiKey::ApiVersions, bare![ApiVersionsRequest]),
        (ApiKey::CreateTopics, bare![CreateTopicsRequest]),
        (ApiKey::DeleteTopics, bare![DeleteTopicsRequest]),
        (ApiKey::DeleteRecords, bare![DeleteRecordsRequest]),
        (ApiKey::InitProducerId, bare![InitProducerIdRequest]),
        (ApiKey::OffsetForLeaderEpoch, bare![OffsetForLeaderEpochRequest]),
        (ApiKey::DescribeAcls, bare![DescribeAclsRequest]),
        (ApiKey::CreateAcls, bare![CreateAclsRequest]),
        (ApiKey::DeleteAcls, bare![DeleteAclsRequest]),
        (ApiKey::DescribeConfigs, bare![DescribeConfigsRequest]),
        (ApiKey::AlterConfigs, bare![AlterConfigsRequest]),
        (ApiKey::DescribeLogDirs, bare![DescribeLogDirsRequest]),
        (ApiKey::CreatePartitions, bare![CreatePartitionsRequest]),
        (ApiKey::DeleteGroups, bare![DeleteGroupsRequest]),
        (ApiKey::IncrementalAlterConfigs, bare![IncrementalAlterConfigsRequest]),
        (ApiKey::OffsetDelete, bare![OffsetDeleteRequest]),
        (ApiKey::DescribeClientQuotas, bare![DescribeClientQuotasRequest]),
        (ApiKey::DescribeQuorum, bare![DescribeQuorumRequest]),
        (ApiKey::DescribeCluster, bare![DescribeClusterRequest]),
        (ApiKey::DescribeProducers, bare![DescribeProducersRequest]),
        (ApiKey::ListConfigResources, bare![ListConfigResourcesRequest]),
        (ApiKey::DescribeTopicPartitions, bare![DescribeTopicPartitionsRequest]),
    ];
    if rng.below(2) == 0 {
        let index = usize::try_from(rng.below(bare_ones.len() as u64)).unwrap_or(0);
        let (api, makers) = bare_ones[index];
        let version = version(rng, api);
        if let Some(frame) = makers.first().and_then(|make| make(version)) {
            return frame;
        }
    }
    named(rng)
}

/// With nothing in it, if that version can say so.
fn bare<R: ApiRequest>(version: i16, request: &R) -> Option<Vec<u8>> {
    let encoded = encode_request(version, CorrelationId(7), Some(&Text::from(NAME)), request);
    encoded.ok().map(|frame| frame.concat())
}

/// One that names the topic and the groups that everybody works on.
fn named(rng: &mut dyn RngStream) -> Vec<u8> {
    let own = || Text::from(NAME);
    let topic = || Text::from(TOPIC);
    let group = Text::from(if rng.below(2) == 0 { GROUP } else { WORKERS });
    match rng.below(12) {
        0 => frame(
            12,
            &m::MetadataRequest {
                topics: Some(vec![m::metadata_request::MetadataRequestTopic {
                    name: Some(topic()),
                    ..Default::default()
                }]),
                ..Default::default()
            },
        ),
        1 => frame(
            3,
            &m::ApiVersionsRequest {
                client_software_name: own(),
                client_software_version: own(),
                ..Default::default()
            },
        ),
        // A member id is given first, and never used.
        2 => frame(
            5,
            &m::JoinGroupRequest {
                group_id: group,
                session_timeout_ms: 1_000,
                rebalance_timeout_ms: 1_000,
                protocol_type: Text::from("consumer"),
                protocols: vec![m::join_group_request::JoinGroupRequestProtocol {
                    name: own(),
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        3 => frame(
            8,
            &m::OffsetCommitRequest {
                group_id: group,
                generation_id_or_member_epoch: 1,
                member_id: own(),
                topics: vec![m::offset_commit_request::OffsetCommitRequestTopic {
                    name: topic(),
                    partitions: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        4 => frame(4, &m::HeartbeatRequest { group_id: group, member_id: own(), ..Default::default() }),
        5 => frame(
            12,
            &m::FetchRequest {
                replica_id: -1,
                max_wait_ms: 10,
                max_bytes: 1_000,
                session_epoch: -1,
                topics: vec![m::fetch_request::FetchTopic {
                    topic: topic(),
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
                    name: own(),
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
                    name: topic(),
                    partitions: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        8 => frame(
            4,
            &m::LeaveGroupRequest {
                group_id: group,
                members: vec![m::leave_group_request::MemberIdentity {
                    member_id: own(),
                    ..Default::default()
                }],
                ..Default::default()
            },
        ),
        9 => frame(5, &m::SyncGroupRequest { group_id: group, member_id: own(), ..Default::default() }),
        10 => frame(5, &m::DescribeGroupsRequest { groups: vec![group], ..Default::default() }),
        _ => frame(
            4,
            &m::DescribeConfigsRequest {
                resources: vec![m::describe_configs_request::DescribeConfigsResource {
                    resource_type: 2,
                    resource_name: topic(),
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
