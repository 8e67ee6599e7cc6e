//! The bounds that configuration sets, reached from outside, and the size that one node is meant to hold.
#![cfg(all(feature = "runtime", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test over real sockets"
)]
mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use common::{Client, Served, TestNode, batch, batch_with, eventually};
use ordain::wire::batch::BatchOptions;
use ordain::wire::compression::Codec;
use ordain::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use ordain::wire::messages::metadata_request::MetadataRequestTopic;
use ordain::wire::messages::{ApiVersionsRequest, IncrementalAlterConfigsRequest, MetadataRequest};

/// Tries until a connection is served: a place comes free a moment after its holder has gone.
fn served_at_last(connect: impl Fn() -> Client) {
    eventually("a place comes free", || {
        let mut client = connect();
        client.send_unwanted(&common::frame(0, 1, &ApiVersionsRequest::default()));
        client.receive().map(|_| ())
    });
}

#[test]
fn connections_beyond_the_maximum_wait_until_one_ends() {
    let directory = tempfile::tempdir().unwrap();
    let listeners = "listeners=PLAINTEXT://127.0.0.1:0,SECOND://127.0.0.1:0";
    let protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT";
    let node = TestNode::start(directory.path(), &["max.connections=3", listeners, protocols]);
    let second = node.node().listeners()[1].address;
    let mut clients: Vec<Client> = (0..2).map(|_| node.client()).collect();
    clients.push(Client::connect(second));
    clients.iter_mut().for_each(Client::assert_served);
    // The bound is the node's: whichever listener the fourth comes to, it is taken once another has gone.
    for address in [second, node.address] {
        let mut waiting = Client::connect(address);
        waiting.send_unwanted(&common::frame(0, 1, &ApiVersionsRequest::default()));
        let open = || node.node().listeners().iter().map(|listener| listener.stats.open()).sum::<usize>();
        assert_eq!(open(), 3, "the one that waits is not among the open ones");
        clients.remove(0);
        assert!(waiting.receive().is_some(), "served once there is room");
        clients.push(waiting);
    }
    node.stop();
}

#[test]
fn the_maximum_may_be_raised_while_clients_wait() {
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &["max.connections=1"]);
    let mut first = node.client();
    first.assert_served();
    let mut waiting = node.client();
    waiting.send_unwanted(&common::frame(0, 1, &ApiVersionsRequest::default()));
    let raised = AlterableConfig {
        name: "max.connections".into(),
        value: Some("2".into()),
        ..AlterableConfig::default()
    };
    let resource =
        AlterConfigsResource { resource_type: 4, configs: vec![raised], ..AlterConfigsResource::default() };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        ..IncrementalAlterConfigsRequest::default()
    };
    let answer = first.ask(1, &request);
    assert_eq!(answer.responses[0].error_code, 0);
    assert!(waiting.receive().is_some(), "served without a connection's end");
    node.stop();
}

/// A connection from one of the loopback addresses.
fn connect_from(source: Ipv4Addr, to: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    Client::over(socket.into())
}

#[test]
#[cfg(target_os = "linux")]
fn connections_of_one_address_are_bounded_and_some_addresses_have_their_own_bound() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["max.connections.per.ip=2", "max.connections.per.ip.overrides=127.0.0.9:4,127.0.0.8:0"];
    let node = TestNode::start(directory.path(), &settings);
    let open = |last: u8, count: usize| -> Vec<Client> {
        let source = Ipv4Addr::new(127, 0, 0, last);
        let mut held: Vec<Client> = (0..count).map(|_| connect_from(source, node.address)).collect();
        held.iter_mut().for_each(Client::assert_served);
        connect_from(source, node.address).assert_closed("one more than its address may have");
        held
    };
    let held = [open(1, 2), open(2, 2), open(9, 4), open(8, 0)];
    drop(held);
    served_at_last(|| connect_from(Ipv4Addr::LOCALHOST, node.address));
    node.stop();
}

#[test]
fn many_large_produces_pass_through_a_small_budget() {
    let directory = tempfile::tempdir().unwrap();
    let limits = ["queued.max.request.bytes=1200000", "socket.request.max.bytes=1200000"];
    let settings = [limits[0], limits[1], "ordain.tail.memory.bytes=1048576"];
    let served = Served::start(&directory.path().join("data"), &settings);
    served.client().create_topic("big", 4, &[]);
    let before = served.resident_bytes();
    let value = "v".repeat(900_000);
    let records = batch(&[&value]);
    let highest = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..16)
            .map(|at| {
                let (records, served) = (records.clone(), &served);
                scope.spawn(move || {
                    let mut client = served.client();
                    for _ in 0..3 {
                        let answer = client.produce("big", at % 4, records.clone());
                        assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
                    }
                })
            })
            .collect();
        let mut highest = before;
        while producers.iter().any(|producer| !producer.is_finished()) {
            highest = highest.max(served.resident_bytes());
            std::thread::yield_now();
        }
        highest
    });
    let grown = highest.saturating_sub(before);
    println!("resident memory: {before} before, {highest} at most, {grown} more, for 48 requests of 900 kB");
    assert!(grown < 16 * 900_000, "all sixteen had their requests in memory at once: {grown} bytes");
    let mut client = served.client();
    for partition in 0..4 {
        assert_eq!(client.fetch("big", partition, 0).high_watermark, 12);
    }
    served.stop();
}

#[test]
fn all_of_the_request_memory_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let limits = ["queued.max.request.bytes=1200000", "socket.request.max.bytes=1200000"];
    let node = TestNode::start(directory.path(), &limits);
    let free = node.node().request_memory_available_bytes();
    assert!(free >= 1_200_000);
    node.client().create_topic("big", 1, &[]);
    let records = batch(&[&"v".repeat(700_000)]);
    let address = node.address;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                assert_eq!(client.produce("big", 0, records.clone()).error_code, 0);
            });
        }
    });
    eventually("the budget is whole again", || {
        (node.node().request_memory_available_bytes() == free).then_some(())
    });
    node.stop();
}

#[test]
fn what_the_broker_compresses_anew_keeps_the_topics_maximum() {
    const MESSAGE_TOO_LARGE: i16 = 10;
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &[]);
    let mut client = node.client();
    client.create_topic("plain", 1, &[("max.message.bytes", "10000"), ("compression.type", "uncompressed")]);
    let packed = |bytes: usize| {
        let options = BatchOptions { codec: Codec::Gzip, ..BatchOptions::plain(4 << 20) };
        batch_with(options, &[&"v".repeat(bytes)])
    };
    let bomb = packed(2_000_000);
    assert!(bomb.len() < 10_000, "{} bytes", bomb.len());
    assert_eq!(client.produce("plain", 0, bomb).error_code, MESSAGE_TOO_LARGE);
    assert_eq!(client.produce("plain", 0, packed(9_000)).error_code, 0);
    assert_eq!(client.fetch("plain", 0, 0).high_watermark, 1);
    node.stop();
}

#[test]
fn batches_beyond_the_topics_maximum_are_refused_and_smaller_ones_taken() {
    const MESSAGE_TOO_LARGE: i16 = 10;
    let directory = tempfile::tempdir().unwrap();
    let node = TestNode::start(directory.path(), &["message.max.bytes=5000"]);
    let mut client = node.client();
    client.create_topic("narrow", 1, &[("max.message.bytes", "1000")]);
    client.create_topic("default", 1, &[]);
    let sized = |batch_bytes: usize| {
        let overhead = batch(&[&"v".repeat(batch_bytes - 100)]).len() - (batch_bytes - 100);
        let records = batch(&[&"v".repeat(batch_bytes - overhead)]);
        assert_eq!(records.len(), batch_bytes);
        records
    };
    for (topic, limit) in [("narrow", 1000), ("default", 5000)] {
        let refused = client.produce(topic, 0, sized(limit + 1));
        assert_eq!(refused.error_code, MESSAGE_TOO_LARGE, "{topic}");
        println!("{topic}: {}", refused.error_message.unwrap());
        let taken = client.produce(topic, 0, sized(limit));
        assert_eq!((taken.error_code, taken.base_offset), (0, 0), "{topic}");
    }
    node.stop();
}

const TOPICS: usize = 10;
const PARTITIONS: i32 = 1000;
/// Descriptors that a node with 10,000 partitions may hold.
const OPEN_FILES_MAX: usize = 1000;

/// Partitions that get a record: some of every topic.
fn written() -> impl Iterator<Item = (String, i32)> {
    (0..TOPICS).flat_map(|topic| (0..PARTITIONS).step_by(25).map(move |at| (format!("many-{topic}"), at)))
}

fn assert_all_there(client: &mut Client) {
    let topics = (0..TOPICS)
        .map(|at| MetadataRequestTopic { name: Some(format!("many-{at}").into()), ..Default::default() })
        .collect();
    let metadata = client.ask(12, &MetadataRequest { topics: Some(topics), ..Default::default() });
    assert_eq!(metadata.topics.len(), TOPICS);
    for topic in &metadata.topics {
        assert_eq!((topic.error_code, topic.partitions.len()), (0, PARTITIONS as usize));
        assert!(
            topic.partitions.iter().all(|partition| partition.error_code == 0 && partition.leader_id >= 0)
        );
    }
    for (topic, partition) in written() {
        assert_eq!(client.values(&topic, partition), [format!("{topic}-{partition}")]);
    }
    // Those that nobody wrote to are empty, and answer.
    let data = client.fetch("many-3", 7, 0);
    assert_eq!((data.error_code, data.high_watermark), (0, 0));
}

#[test]
fn ten_thousand_partitions_live_on_one_node() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let served = Served::start(&data, &[]);
    let mut client = served.client();
    let began = Instant::now();
    for topic in 0..TOPICS {
        client.create_topic(&format!("many-{topic}"), PARTITIONS, &[]);
    }
    println!("10,000 partitions created in {:?}", began.elapsed());
    let began = Instant::now();
    for (topic, partition) in written() {
        client.append(&topic, partition, &[&format!("{topic}-{partition}")]);
    }
    println!("a record into {} of them, one by one, in {:?}", written().count(), began.elapsed());
    let (open, resident) = (served.open_files(), served.resident_bytes() >> 20);
    println!("open files {open}, resident memory {resident} MiB");
    assert!(open < OPEN_FILES_MAX, "{open} open files");

    let began = Instant::now();
    served.stop();
    println!("stopped in {:?}", began.elapsed());
    let began = Instant::now();
    let served = Served::start(&data, &[]);
    println!("started again after a clean stop in {:?}", began.elapsed());
    let began = Instant::now();
    assert_all_there(&mut served.client());
    println!("all read in {:?}", began.elapsed());
    let open = served.open_files();
    println!("open files {open}, resident memory {} MiB", served.resident_bytes() >> 20);
    assert!(open < OPEN_FILES_MAX, "{open} open files");

    served.kill();
    let began = Instant::now();
    let served = Served::start(&data, &[]);
    println!("started again after kill -9 in {:?}", began.elapsed());
    assert_all_there(&mut served.client());
    served.stop();
}
