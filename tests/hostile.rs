//! What a node makes of clients that are wrong, broken or mean: each loses its own connection at most, and
//! everybody else is served.
#![cfg(all(feature = "runtime", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test over real sockets"
)]
mod common;

use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    Client, FETCH, Noise, PRODUCE, Served, TestNode, batch, eventually, fetch, frame, produce, serve_command,
};
use ordain::broker::ByteBudget;
use ordain::config::{Inputs, LiveConfig};
use ordain::io::{Shutdown, real};
use ordain::server::{
    Answer, ConnectionLimits, ConnectionQuota, ListenerStats, MemoryShare, RequestMemory, ServerContext,
    Service, Session, serve,
};
use ordain::types::{CorrelationId, ErrorCode};
use ordain::wire::frame::decode_api_versions;
use ordain::wire::messages::join_group_request::JoinGroupRequestProtocol;
use ordain::wire::messages::*;
use ordain::wire::{ApiKey, ApiRequest};

/// The beginning of an old client's hello, which offers TLS in the shape of SSLv2.
const SSL2_HELLO: &[u8] = &[0x80, 0x2e, 0x01, 0x03, 0x01, 0x00, 0x15, 0x00, 0x00, 0x00, 0x10];

/// The beginning of a TLS 1.3 client's first record.
const CLIENT_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a,
    0x5a,
];

fn prefixed(body: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

/// The first header version: key, version, correlation id, no client id.
fn header(key: i16, version: i16, id: i32) -> Vec<u8> {
    let mut header = key.to_be_bytes().to_vec();
    header.extend(version.to_be_bytes());
    header.extend(id.to_be_bytes());
    header.extend((-1_i16).to_be_bytes());
    header
}

#[test]
fn other_protocols_and_wild_frames_are_named_in_the_log_and_closed() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(&directory.path().join("data"), &[]);
    let told: [(&[u8], &str); 7] = [
        (CLIENT_HELLO, "the client began a TLS handshake, but this listener speaks plain text"),
        (SSL2_HELLO, "the client began a TLS handshake, but this listener speaks plain text"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the client speaks SSH, but this port speaks the Kafka protocol"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "the client sent an HTTP request"),
        (&i32::MAX.to_be_bytes(), "a request frame of 2147483647 bytes"),
        (&(-2_i32).to_be_bytes(), "a request frame of -2 bytes"),
        (&prefixed(&header(4242, 0, 1)), "there is no API with key 4242"),
    ];
    for (bytes, line) in told {
        let mut client = served.client();
        let from = client.stream.local_addr().unwrap().to_string();
        client.send_bytes(bytes);
        client.assert_closed(line);
        served.logged(line);
        let of_this = served.logged(&from);
        assert!(of_this.contains(line), "the line tells whose connection it was: {of_this}");
        println!("{of_this}");
    }
    assert!(served.logged("2147483647").contains("socket.request.max.bytes"), "the way out is named");
    served.client().assert_served();
    assert!(served.resident_bytes() < 1 << 30, "no memory was taken on the word of a length");
    served.stop();
}

#[test]
fn what_is_not_served_is_told_once_with_what_to_set() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(&directory.path().join("data"), &[]);
    for _ in 0..3 {
        let mut client = served.client();
        client.send(1, 1, &ConsumerGroupHeartbeatRequest::default());
        client.assert_closed("there are no groups of the new protocol");
        let mut client = served.client();
        let producer = InitProducerIdRequest {
            transactional_id: Some("orders".into()),
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        assert_eq!(client.ask(4, &producer).error_code, ErrorCode::UnsupportedVersion.code());
        let find = FindCoordinatorRequest { key: "orders".into(), key_type: 1, ..Default::default() };
        assert_eq!(client.ask(3, &find).error_code, ErrorCode::InvalidRequest.code());
    }
    served.client().assert_served();
    let log = served.stop();
    for (asked, way_out) in [
        ("ConsumerGroupHeartbeat", "set group.protocol=classic"),
        ("InitProducerId with a transactional.id", "leave transactional.id unset"),
        ("the coordinator of transactions (FindCoordinator)", "leave transactional.id unset"),
    ] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(asked)).collect();
        assert_eq!(lines.len(), 1, "{asked} is told of once a minute: {lines:#?}");
        let told = format!("a client asks for {asked}, which is not served: ");
        assert!(lines[0].contains("WARN") && lines[0].contains(&told), "{}", lines[0]);
        assert!(lines[0].contains(way_out) && lines[0].contains("127.0.0.1"), "{}", lines[0]);
    }
}

#[test]
fn lengths_beyond_the_limit_close_the_connection_and_the_limit_itself_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &["socket.request.max.bytes=100000"]);
    for length in [i32::MAX, i32::MIN, -1, 100_001] {
        let mut client = node.client();
        client.send_bytes(&length.to_be_bytes());
        client.assert_closed("a length that no request has");
    }
    // A whole request, filled up with bytes after its body, exactly as long as allowed.
    let mut longest = header(ApiKey::ApiVersions.key(), 0, 5);
    longest.resize(100_000, 0);
    let mut client = node.client();
    client.send_bytes(&prefixed(&longest));
    assert_eq!(client.answer::<ApiVersionsRequest>(0, 5).error_code, 0);
    node.stop();
}

/// Memory for requests that a few large ones take up.
const LITTLE_MEMORY: [&str; 2] = ["queued.max.request.bytes=4000000", "socket.request.max.bytes=4000000"];

#[test]
fn promises_of_large_frames_take_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &LITTLE_MEMORY);
    let free = node.node().request_memory_available_bytes();
    let mut promises = Vec::new();
    for _ in 0..200 {
        let mut client = node.client();
        client.send_bytes(&1_000_000_i32.to_be_bytes());
        client.send_bytes(&[0; 10]);
        promises.push(client);
    }
    let mut client = node.client();
    client.create_topic("orders", 1, &[]);
    assert_eq!(client.append("orders", 0, &["a"]), 0);
    assert_eq!(client.values("orders", 0), ["a"]);
    assert_eq!(client.produce("orders", 0, batch(&[&"v".repeat(700_000)])).error_code, 0);
    eventually("nothing is counted for them", || {
        (node.node().request_memory_available_bytes() == free).then_some(())
    });
    node.stop();
}

#[test]
fn what_is_kept_of_a_large_frame_counts_all_of_it() {
    const KEPT: usize = 4 << 20;
    const JUNK: usize = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &[&format!("ordain.tail.memory.bytes={KEPT}")]);
    let mut client = node.client();
    client.create_topic("orders", 2, &[]);
    let value = "v".repeat(20_000);
    let used = || node.node().storage().tail_budget().used();
    let before = used();
    for round in 0..12 {
        // A batch that is taken beside a megabyte that is not.
        let mut request = produce("orders", 0, -1, batch(&[&value]));
        let junk = produce("orders", 1, -1, Bytes::from(vec![7; JUNK])).topic_data.remove(0).partition_data;
        request.topic_data[0].partition_data.extend(junk);
        let answer = client.ask(PRODUCE, &request);
        let codes: Vec<i16> =
            answer.responses[0].partition_responses.iter().map(|one| one.error_code).collect();
        assert_eq!((codes[0], codes[1] == 0), (0, false), "{codes:?}");
        if round == 0 {
            assert!(used() >= before + JUNK, "{} bytes count", used() - before);
        }
        assert!(used() <= KEPT + 2 * JUNK, "{} bytes are held", used());
    }
    assert_eq!(client.values("orders", 0).len(), 12);
    node.stop();
}

#[test]
fn frames_that_stand_still_hold_nobody_else_up() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &LITTLE_MEMORY);
    let free = node.node().request_memory_available_bytes();
    node.client().create_topic("orders", 1, &[]);
    let mut halves = Vec::new();
    for _ in 0..8 {
        let mut client = node.client();
        client.send_bytes(&1_000_000_i32.to_be_bytes());
        client.send_bytes(&[0; 100_000]);
        halves.push(client);
    }
    eventually("what has arrived is counted, and all is taken", || {
        (node.node().request_memory_available_bytes() <= free / 4).then_some(())
    });
    let mut client = node.client();
    assert_eq!(client.append("orders", 0, &["a"]), 0, "small requests have memory of their own");
    assert_eq!(client.values("orders", 0), ["a"]);
    // A large one has to wait until those that stand still are closed, which is soon.
    assert_eq!(client.produce("orders", 0, batch(&[&"v".repeat(700_000)])).error_code, 0);
    // Three fit and keep nobody waiting: which three they are is left to the order in which the node came to read them.
    eventually("half a frame that stands still while memory is short is closed", || {
        (halves.iter().filter(|half| half.is_closed()).count() >= 5).then_some(())
    });
    drop(halves);
    eventually("the memory of abandoned frames comes back", || {
        (node.node().request_memory_available_bytes() == free).then_some(())
    });
    node.stop();
}

#[test]
fn parked_joins_hold_nobody_else_up() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &LITTLE_MEMORY);
    let free = node.node().request_memory_available_bytes();
    node.client().create_topic("orders", 1, &[]);
    let join = |metadata_bytes: usize| JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 60_000,
        rebalance_timeout_ms: 600_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from(vec![0; metadata_bytes]),
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    };
    // The first one makes the group rebalance when others come; it does not join again, so they wait.
    let mut first = node.client();
    let find = FindCoordinatorRequest { key: "g".into(), ..FindCoordinatorRequest::default() };
    eventually("the group has a coordinator", || {
        (first.ask(1, &find).error_code == 0 && first.ask(1, &join(100)).error_code == 0).then_some(())
    });
    let mut parked = Vec::new();
    for _ in 0..10 {
        let mut client = node.client();
        client.send(1, 7, &join(900_000));
        parked.push(client);
    }
    let mut client = node.client();
    assert_eq!(client.ask(1, &join(2_000_000)).error_code, -1, "more than a write of the group can hold");
    assert_eq!(client.produce("orders", 0, batch(&[&"v".repeat(700_000)])).error_code, 0);
    eventually("what waits is not counted as a request", || {
        (node.node().request_memory_available_bytes() == free).then_some(())
    });
    let open = node.node().listeners()[0].stats.open();
    drop(parked);
    eventually("connections of clients that are gone are let go", || {
        (node.node().listeners()[0].stats.open() < open).then_some(())
    });
    node.stop();
}

#[test]
fn idle_connections_leave_the_node_its_files() {
    let directory = tempfile::tempdir().unwrap();
    let (data, log) = (directory.path().join("data"), directory.path().join("log"));
    let plain = serve_command(&data, &log, &["connections.max.idle.ms=2000"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    let served = Served::spawn(command, &log);
    served.logged("the system leaves room for 100 connections");
    let mut idle: Vec<Client> = (0..300).map(|_| served.client()).collect();
    served.logged("a new connection waits");
    assert!(served.open_files() < 200, "{} files", served.open_files());
    // They go when they have been idle for long; whoever comes then is served.
    drop(idle.split_off(100));
    let mut client = served.client();
    client.create_topic("orders", 1, &[]);
    assert_eq!(client.append("orders", 0, &["a"]), 0);
    drop(idle);
    let said = served.stop();
    assert!(!said.contains("poisoned") && !said.contains("could not be taken"), "{said}");
}

#[test]
fn random_bytes_hurt_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &[]);
    let mut other = node.client();
    let mut noise = Noise(42);
    for round in 0..300 {
        let length = usize::try_from(noise.next() % 600).unwrap();
        let mut bytes = noise.bytes(length);
        match round % 3 {
            0 => {}
            1 => bytes = prefixed(&bytes),
            _ => {
                let api = ApiKey::ALL[usize::try_from(noise.next()).unwrap() % ApiKey::ALL.len()];
                let version = api.served().map_or(0, |served| served.max);
                let mut body = header(api.key(), version, round);
                body.extend(bytes);
                bytes = prefixed(&body);
            }
        }
        let mut client = node.client();
        client.send_unwanted(&bytes);
        drop(client);
        if round % 30 == 0 {
            other.assert_served();
        }
    }
    other.assert_served();
    drop(other);
    let stats = Arc::clone(&node.node().listeners()[0].stats);
    eventually("every connection ends", || (stats.open() == 0).then_some(()));
    node.stop();
}

/// Sends `R` with its default fields in every served version: whole, it is answered; cut short anywhere, or
/// with noise for a body, it costs the connection at most.
fn every_version_of<R: ApiRequest + Default>(node: &TestNode, noise: &mut Noise) {
    let served = R::API.served().expect("the table of this test names what is served");
    for version in served.min..=served.max {
        let whole = frame(version, 7, &R::default());
        let body = &whole[4..];
        let mut client = node.client();
        if R::API == ApiKey::Produce {
            // Its default asks for no acknowledgement of nothing: there is no reply, and no reason to close.
            client.send_bytes(&whole);
            client.assert_served();
        } else {
            client.send_bytes(&whole);
            let answer = client.receive();
            assert!(answer.is_some(), "{} version {version}: an empty request is answered", R::API);
            client.answered_as::<R>(version, answer.unwrap());
        }
        for length in [body.len() - 1, body.len() / 2, 9, 3, 0] {
            let mut client = node.client();
            client.send_bytes(&prefixed(&body[..length]));
            client.assert_closed(&format!("{} version {version} cut to {length} bytes", R::API));
        }
        let mut garbage = body[..10.min(body.len())].to_vec();
        garbage.extend(noise.bytes(64));
        let mut client = node.client();
        client.send_bytes(&prefixed(&garbage));
        // An answer or the end of the connection; `receive` fails on neither.
        drop(client.receive());
    }
    for version in [served.min - 1, served.max + 1, i16::MAX, i16::MIN] {
        let mut body = header(R::API.key(), version, 9);
        body.extend([0; 16]);
        let mut client = node.client();
        client.send_bytes(&prefixed(&body));
        if R::API == ApiKey::ApiVersions {
            let frame = client.receive().expect("ApiVersions is answered in any version");
            let (id, response) = decode_api_versions(0, frame).unwrap();
            assert_eq!((id, response.error_code), (CorrelationId(9), 35), "version {version}");
        } else {
            client.assert_closed(&format!("{} version {version}", R::API));
        }
    }
}

impl Client {
    fn answered_as<R: ApiRequest>(&self, version: i16, answer: Bytes) {
        let (id, _response) = ordain::wire::decode_response::<R>(version, answer)
            .unwrap_or_else(|error| panic!("{} version {version}: {error}", R::API));
        assert_eq!(id, CorrelationId(7));
    }
}

macro_rules! for_each_served {
    ($node:expr, $noise:expr, $($request:ident)*) => {{
        let mut seen = Vec::new();
        $(
            every_version_of::<$request>($node, $noise);
            seen.push(<$request as ApiRequest>::API);
        )*
        seen
    }};
}

#[test]
fn every_api_survives_requests_that_are_cut_garbled_or_of_an_unknown_version() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &["group.initial.rebalance.delay.ms=0"]);
    let noise = &mut Noise(7);
    let mut seen = for_each_served!(&node, noise,
        ProduceRequest FetchRequest ListOffsetsRequest MetadataRequest OffsetCommitRequest OffsetFetchRequest
        FindCoordinatorRequest JoinGroupRequest HeartbeatRequest LeaveGroupRequest SyncGroupRequest
        DescribeGroupsRequest ListGroupsRequest ApiVersionsRequest CreateTopicsRequest DeleteTopicsRequest
        DeleteRecordsRequest InitProducerIdRequest OffsetForLeaderEpochRequest DescribeAclsRequest
        CreateAclsRequest DeleteAclsRequest DescribeConfigsRequest AlterConfigsRequest DescribeLogDirsRequest
        CreatePartitionsRequest DeleteGroupsRequest IncrementalAlterConfigsRequest OffsetDeleteRequest
        DescribeClientQuotasRequest DescribeClusterRequest DescribeProducersRequest
        ListConfigResourcesRequest DescribeTopicPartitionsRequest ElectLeadersRequest DescribeQuorumRequest
        AlterPartitionReassignmentsRequest ListPartitionReassignmentsRequest
        AlterReplicaLogDirsRequest UpdateFeaturesRequest UnregisterBrokerRequest AddRaftVoterRequest
        RemoveRaftVoterRequest);
    for &api in ApiKey::ALL {
        if api.served().is_some() {
            continue;
        }
        seen.push(api);
        for version in api.schema().min..=api.schema().max {
            let mut client = node.client();
            client.send_bytes(&prefixed(&header(api.key(), version, 1)));
            client.assert_closed(&format!("{api} version {version} is not served"));
        }
    }
    seen.sort();
    assert_eq!(seen, ApiKey::ALL, "every API was tried");
    node.client().assert_served();
    node.stop();
}

#[test]
fn a_newer_client_is_told_the_versions_in_the_oldest_form() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &[]);
    let mut client = node.client();
    let mut body = header(ApiKey::ApiVersions.key(), 99, 77);
    body.extend(b"\x00\x01 whatever a version 99 may hold");
    client.send_bytes(&prefixed(&body));
    let (id, response) = decode_api_versions(0, client.receive().unwrap()).unwrap();
    assert_eq!((id, response.error_code), (CorrelationId(77), 35));
    let keys: Vec<_> = response.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
    assert_eq!(keys, [(18, 0, 4)]);
    // The connection is still good: the client asks again in a version that it was told.
    client.assert_served();
    node.stop();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &[]);
    let mut client = node.client();
    client.create_topic("orders", 2, &[]);
    let mut wait = fetch("orders", 1, 0);
    (wait.max_wait_ms, wait.min_bytes) = (10_000, 1);
    let all_topics = MetadataRequest { topics: None, ..Default::default() };
    let mut bytes = Vec::new();
    for round in 0..50 {
        let id = round * 4;
        bytes.extend(frame(PRODUCE, id, &produce("orders", 1, -1, batch(&["x"]))));
        bytes.extend(frame(12, id + 1, &all_topics));
        bytes.extend(frame(PRODUCE, id + 2, &produce("orders", 0, 1, batch(&["y"]))));
        bytes.extend(frame(FETCH, id + 3, &wait));
    }
    client.send_bytes(&bytes);
    for round in 0..50 {
        let id = round * 4;
        for (id, partition) in [(id, 1), (id + 2, 0)] {
            let produced = client.answer::<ProduceRequest>(PRODUCE, id);
            let answer = &produced.responses[0].partition_responses[0];
            let expected = (partition, 0, i64::from(round));
            assert_eq!((answer.index, answer.error_code, answer.base_offset), expected);
            if partition == 1 {
                let metadata = client.answer::<MetadataRequest>(12, id + 1);
                assert_eq!(metadata.topics[0].partitions.len(), 2);
            }
        }
        let fetched = client.answer::<FetchRequest>(FETCH, id + 3);
        assert!(
            fetched.responses[0].partitions[0].high_watermark > 0,
            "the fetch waited for the first record"
        );
    }
    assert_eq!(client.values("orders", 0).len(), 50);
    node.stop();
}

#[test]
fn produces_without_acknowledgement_keep_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &[]);
    let mut client = node.client();
    client.create_topic("orders", 1, &[]);
    let mut bytes = Vec::new();
    for round in 0..20 {
        for _ in 0..5 {
            bytes.extend(frame(PRODUCE, -1, &produce("orders", 0, 0, batch(&["quiet"]))));
        }
        bytes.extend(frame(PRODUCE, round, &produce("orders", 0, 1, batch(&["loud"]))));
    }
    client.send_bytes(&bytes);
    for round in 0..20 {
        let answer = client.answer::<ProduceRequest>(PRODUCE, round);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, i64::from(round) * 6 + 5);
    }
    let values = client.values("orders", 0);
    let expected: Vec<_> = (0..120).map(|at| if at % 6 == 5 { "loud" } else { "quiet" }).collect();
    assert_eq!(values, expected);
    node.stop();
}

#[test]
fn an_error_without_acknowledgement_closes_the_connection_after_what_was_before() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &["auto.create.topics.enable=false"]);
    let mut client = node.client();
    client.create_topic("orders", 1, &[]);
    let mut bytes = frame(PRODUCE, 1, &produce("orders", 0, 1, batch(&["first"])));
    bytes.extend(frame(PRODUCE, 2, &produce("orders", 44, 0, batch(&["nowhere"]))));
    client.send_bytes(&bytes);
    let answer = client.answer::<ProduceRequest>(PRODUCE, 1);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    client.assert_closed("there is no partition 44, and no reply could say so");
    assert_eq!(node.client().values("orders", 0), ["first"]);
    node.stop();
}

/// Clients that ask for much and take nothing: their replies must not pile up, from the disk into memory. Each of these would
/// have 12 MB of its own, 600 MB in all.
#[test]
fn clients_that_never_read_take_little_memory_and_nobodys_turn() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // A small tail, so that the records are read from the files anew for each reply.
    let settings = ["ordain.tail.memory.bytes=1048576", "ordain.fetch.memory.bytes=16777216"];
    let served = Served::start(&data, &settings);
    let mut client = served.client();
    client.create_topic("big", 1, &[]);
    let value = "v".repeat(1_000_000);
    for _ in 0..12 {
        client.append("big", 0, &[&value]);
    }
    drop(client);
    served.stop();

    let served = Served::start(&data, &settings);
    let before = served.resident_bytes();
    let mut highest = before;
    let mut greedy = Vec::new();
    for _ in 0..50 {
        let mut client = served.client();
        for id in 0..100 {
            client.send(FETCH, id, &fetch("big", 0, 0));
        }
        greedy.push(client);
    }
    // Each of them has its first reply under way, or was let go for what it kept, before the node is asked for more.
    for client in &greedy {
        let mut peeked = [0; 4];
        eventually("a reply has begun", || {
            highest = highest.max(served.resident_bytes());
            client.stream.peek(&mut peeked).map_or(true, |bytes| bytes == 4).then_some(())
        });
    }
    let mut other = served.client();
    let began = Instant::now();
    for at in 0..200 {
        assert_eq!(other.append("big", 0, &["small"]), 12 + at);
        highest = highest.max(served.resident_bytes());
    }
    println!("200 produces beside fifty greedy clients: {:?}", began.elapsed());
    let grown = highest.saturating_sub(before);
    println!("resident memory: {before} before, {highest} at most, {grown} more");
    // The budget, and what the allocator keeps of answers that have gone.
    assert!(grown < 200 << 20, "fifty clients that read nothing cost {grown} bytes");
    drop(greedy);
    other.assert_served();
    served.stop();
}

/// Answers each frame with `reply_bytes` bytes.
struct Parrot {
    reply_bytes: usize,
}

impl Service for Parrot {
    fn session(&self, _peer: SocketAddr) -> Box<dyn Session> {
        Box::new(Parrot { reply_bytes: self.reply_bytes })
    }
}

impl Session for Parrot {
    fn call<'a>(
        &'a mut self,
        _frame: Bytes,
        _memory: &'a mut MemoryShare,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let reply = vec![Bytes::from(prefixed(&vec![1; self.reply_bytes]))];
        Box::pin(std::future::ready(Answer::Now(reply)))
    }
}

const SHORT: Duration = Duration::from_millis(100);

/// A listener alone, with short deadlines.
fn with_listener(
    reply_bytes: usize,
    transfer: Duration,
    test: impl FnOnce(SocketAddr, &ListenerStats, &RequestMemory),
) {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stats = Arc::new(ListenerStats::default());
    let (address, shutdown, memory) = runtime.block_on(async {
        let io = real::io(real::Options::new(directory.path())).unwrap();
        let socket = io.net.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = socket.local_addr();
        let shutdown = Shutdown::new();
        let memory = RequestMemory::new(1 << 20);
        let limits = ConnectionLimits {
            frame_bytes_max: 1 << 20,
            idle: Duration::from_millis(300),
            transfer,
            pipelined_max: 8,
        };
        let config = ordain::config::load(&Inputs::default(), None).expect("the defaults are right").broker;
        let live = Arc::new(LiveConfig::new(Arc::new(config)));
        let quota = ConnectionQuota::new(live, &io);
        let context = ServerContext {
            io: io.clone(),
            service: Arc::new(Parrot { reply_bytes }),
            limits,
            memory: memory.clone(),
            reply_memory: ByteBudget::new(1 << 20),
            quota,
            shutdown: shutdown.clone(),
        };
        drop(io.spawn.spawn("listener", Box::pin(serve(context, socket, Arc::clone(&stats)))));
        (address, shutdown, memory)
    });
    test(address, &stats, &memory);
    shutdown.begin();
    runtime.shutdown_timeout(Duration::from_secs(5));
}

#[test]
fn silence_has_its_deadlines() {
    with_listener(4, SHORT, |address, stats, memory| {
        let free = memory.available_bytes();
        let mut half = Client::connect(address);
        half.send_bytes(&prefixed(&[0; 100])[..50]);
        let mut idle = Client::connect(address);
        idle.send_bytes(&prefixed(&[0; 100]));
        assert_eq!(idle.receive().unwrap().len(), 4);
        half.assert_closed("half a frame and then silence");
        idle.assert_closed("nothing but silence");
        eventually("both are gone", || (stats.open() == 0).then_some(()));
        assert_eq!(memory.available_bytes(), free);
    });
}

#[test]
fn a_reply_that_is_not_taken_has_its_deadline() {
    with_listener(8 << 20, SHORT, |address, stats, memory| {
        let free = memory.available_bytes();
        let mut client = Client::connect(address);
        for _ in 0..5 {
            client.send_unwanted(&prefixed(&[0; 10]));
        }
        // It reads nothing, and is let go.
        eventually("the slow client is cut off", || {
            (stats.accepted() == 1 && stats.open() == 0).then_some(())
        });
        assert_eq!(memory.available_bytes(), free);
    });
}

#[test]
fn a_large_reply_that_is_taken_slowly_has_its_time() {
    const REPLY_BYTES: usize = 16 << 20;
    with_listener(REPLY_BYTES, Duration::from_secs(1), |address, _, _| {
        let mut client = Client::connect(address);
        client.send_bytes(&prefixed(&[0; 10]));
        let began = Instant::now();
        client.take_slowly(REPLY_BYTES + 4, 128 << 10, Duration::from_millis(20));
        assert!(began.elapsed() > Duration::from_secs(2), "longer than a small reply may take");
    });
}

#[test]
fn answers_that_nobody_takes_hold_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(
        directory.path(),
        &["ordain.fetch.memory.bytes=8000000", "ordain.tail.memory.bytes=65536"],
    );
    let mut client = node.client();
    client.create_topic("orders", 1, &[]);
    let values: Vec<String> = (0..20).map(|i| format!("{i}-{}", "v".repeat(900_000))).collect();
    for value in &values {
        client.append("orders", 0, &[value]);
    }
    let memory = node.node().context().fetch_memory.clone();
    let free = memory.available_bytes();
    let mut greedy = fetch("orders", 0, 0);
    (greedy.max_bytes, greedy.topics[0].partitions[0].partition_max_bytes) = (7_000_000, 7_000_000);
    let mut readers = Vec::new();
    for _ in 0..8 {
        let mut reader = node.client();
        for id in 0..5 {
            reader.send(FETCH, id, &greedy);
        }
        readers.push(reader);
    }
    eventually("what is read is counted", || (memory.available_bytes() < free / 4).then_some(()));
    assert_eq!(client.values("orders", 0), values);
    eventually("those that take nothing are let go", || readers.iter().any(is_let_go).then_some(()));
    drop(readers);
    eventually("the memory comes back", || (memory.available_bytes() == free).then_some(()));
    node.stop();
}

/// Whether the node has closed a connection of which nothing has been read.
fn is_let_go(client: &Client) -> bool {
    let mut client = Client::over(client.stream.try_clone().unwrap());
    client.stream.write(&[0]).is_err()
}
