//! A node and a client of it inside one async task, over the seam's own sockets.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ordain::config::{Inputs, load};
use ordain::io::{Connection, Io, read_exact, real, write_all_vectored};
use ordain::metadata::MetadataImage;
use ordain::metadata::controller::{NewTopic, TopicRules, create_topics};
use ordain::server::Node;
use ordain::types::{CorrelationId, TopicId};
use ordain::wire::{ApiRequest, decode_response, encode_request};

/// A node on this directory, with small files and a free port.
pub async fn start(directory: &Path, settings: &[&str]) -> (Io, Node) {
    let io = real::io(real::Options::new(directory)).expect("the directory can be used");
    let own =
        ["listeners=PLAINTEXT://127.0.0.1:0", "ordain.journal.file.bytes=1048576", "ordain.journal.files=4"];
    let overrides: Vec<String> = own.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    let loaded = load(&inputs, None).expect("the configuration is right");
    let node = Node::start(io.clone(), Arc::new(loaded.broker), Arc::new(loaded.settings)).await;
    (io, node.expect("the node starts"))
}

/// Runs a test's task on a runtime of its own.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
    runtime.shutdown_timeout(Duration::from_secs(5));
}

/// Asks one question after another.
pub struct IoClient(pub Connection);

impl IoClient {
    pub async fn connect(io: &Io, node: &Node) -> IoClient {
        let port = node.listeners()[0].address.port();
        IoClient(io.net.connect("127.0.0.1", port).await.expect("the node listens"))
    }

    pub async fn ask<R: ApiRequest>(&mut self, version: i16, request: &R) -> R::Response {
        let IoClient(connection) = self;
        let mut frame = encode_request(version, CorrelationId(7), None, request).expect("it can be encoded");
        write_all_vectored(&mut *connection.write, &mut frame).await.expect("it can be sent");
        let mut buffer = BytesMut::new();
        let name = R::NAME;
        read_exact(&mut *connection.read, &mut buffer, 4)
            .await
            .unwrap_or_else(|error| panic!("no answer to {name} version {version}: {error}"));
        let length = i32::from_be_bytes(buffer[..4].try_into().unwrap()) as usize;
        read_exact(&mut *connection.read, &mut buffer, 4 + length).await.expect("a whole answer comes");
        let answer = decode_response::<R>(version, buffer.freeze().slice(4..));
        let (id, response) = answer.expect("it can be read");
        assert_eq!(id, CorrelationId(7));
        response
    }
}

/// Creates a topic under an id that the test knows.
pub async fn create_topic(node: &Node, name: &str, id: TopicId, partitions: i32, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|&(name, value)| (name.to_owned(), Some(value.to_owned())));
    let topic = NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: configs.collect(),
    };
    let config = node.context().config();
    let decide = move |image: &MetadataImage| create_topics(image, &[topic], &[id], TopicRules::of(&config));
    let created = node.context().controller.change(decide);
    created.await.expect("the metadata log takes it")[0].as_ref().expect("the topic is right");
}
