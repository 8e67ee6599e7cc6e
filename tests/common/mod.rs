//! What tests over a socket share: a node inside the process, the binary as a child process, and a client
//! that sends bytes and waits for them, each wait with a deadline.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of the real side"
)]
pub mod over_io;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ordain::config::{Inputs, load};
use ordain::io::{Io, real};
use ordain::server::Node;
use ordain::types::{CorrelationId, Timestamp};
use ordain::wire::batch::{BatchBuilder, BatchCheck, BatchIterator, BatchOptions, NewRecord};
use ordain::wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::fetch_response::PartitionData;
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::produce_response::PartitionProduceResponse;
use ordain::wire::messages::{ApiVersionsRequest, CreateTopicsRequest, FetchRequest, ProduceRequest};
use ordain::wire::{ApiRequest, Records, decode_response, encode_request};

/// The longest that anything in these tests may take.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// The versions in which the helpers speak: the last ones with topic names.
pub const PRODUCE: i16 = 12;
pub const FETCH: i16 = 12;

/// Waits until `done` gives something, looking again and again until the patience ends.
pub fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As [`eventually`], for what is looked at by waiting.
pub async fn eventually_async<T>(what: &str, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A node inside the test's process.
pub struct TestNode {
    pub runtime: tokio::runtime::Runtime,
    pub node: Option<Node>,
    pub address: SocketAddr,
}

impl TestNode {
    pub fn start(directory: &Path, settings: &[&str]) -> TestNode {
        TestNode::start_on(directory, settings, |io| io)
    }

    /// On a world that differs from the real one by what `change` makes of it.
    pub fn start_on(directory: &Path, settings: &[&str], change: impl FnOnce(Io) -> Io) -> TestNode {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut overrides = small_journal();
        overrides.push("listeners=PLAINTEXT://127.0.0.1:0".to_owned());
        overrides.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let node = runtime.block_on(async {
            let io = change(real::io(real::Options::new(directory)).expect("the directory can be used"));
            let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
            let loaded = load(&inputs, None).expect("the configuration is right");
            Node::start(io, Arc::new(loaded.broker), Arc::new(loaded.settings)).await
        });
        let node = node.expect("the node starts");
        let address = node.listeners()[0].address;
        TestNode { runtime, node: Some(node), address }
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("it runs until it is stopped")
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn stop(mut self) {
        let node = self.node.take().expect("it is stopped once");
        self.runtime.block_on(node.shutdown());
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }
}

fn small_journal() -> Vec<String> {
    vec!["ordain.journal.file.bytes=4194304".to_owned(), "ordain.journal.files=4".to_owned()]
}

/// `ordain serve` as a child process; killed when dropped.
pub struct Served {
    pub child: Child,
    pub address: SocketAddr,
    /// What it said on standard output.
    pub announced: Vec<String>,
    log: PathBuf,
}

/// The command, with small files, a free port and no admin port; its log goes to `log`.
pub fn serve_command(data: &Path, log: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.arg("serve").arg("--data").arg(data);
    let mut all = small_journal();
    all.push("listeners=PLAINTEXT://127.0.0.1:0".to_owned());
    all.push("ordain.admin.listener=".to_owned());
    all.extend(settings.iter().map(|setting| (*setting).to_owned()));
    for setting in all {
        command.arg("--set").arg(setting);
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).env_remove("ORDAIN_LOG");
    command
}

impl Served {
    pub fn start(data: &Path, settings: &[&str]) -> Served {
        Served::start_logging_to(data, &data.with_extension("log"), settings)
    }

    pub fn start_logging_to(data: &Path, log: &Path, settings: &[&str]) -> Served {
        let command = serve_command(data, log, settings);
        Served::spawn(command, log)
    }

    /// What `command` starts, which is `ordain serve` in the end; its log goes to `log`.
    pub fn spawn(mut command: Command, log: &Path) -> Served {
        let log = log.to_path_buf();
        if command.get_program() != std::ffi::OsStr::new(env!("CARGO_BIN_EXE_ordain")) {
            let to_log = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(to_log).env_remove("ORDAIN_LOG");
        }
        let mut child = command.spawn().expect("the binary runs");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut announced = Vec::new();
        for _ in 0..3 {
            let mut line = String::new();
            // The end of the output ends this wait as well: a process that failed prints nothing.
            output.read_line(&mut line).expect("the output can be read");
            announced.push(line.trim_end().to_owned());
        }
        let address = announced[0]
            .strip_prefix("Listening on ")
            .and_then(|rest| rest.split([' ', ',']).next())
            .and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let status = child.wait().unwrap();
            panic!("it did not start ({status}): {announced:?}\n{}", std::fs::read_to_string(&log).unwrap());
        };
        Served { child, address, announced, log }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for a line of the log that holds `text`.
    pub fn logged(&self, text: &str) -> String {
        eventually(&format!("{text} in the log:\n{}", self.log()), || {
            self.log().lines().find(|line| line.contains(text)).map(str::to_owned)
        })
    }

    pub fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: the child is ours and not yet waited for, so that its id is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "the child can be signalled");
    }

    pub fn wait(&mut self) -> ExitStatus {
        eventually("the process ends", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and its orderly end.
    pub fn stop(mut self) -> String {
        self.signal(libc::SIGTERM);
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.signal(libc::SIGKILL);
        self.wait();
    }

    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Resident memory, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells it");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(libc::SIGKILL);
            self.wait();
        }
    }
}

/// Runs `ordain serve` that is expected to fail at once: its exit code and what it said.
pub fn refused(data: &Path, settings: &[&str]) -> (Option<i32>, String) {
    let log = data.with_extension("refused");
    let mut command = serve_command(data, &log, settings);
    run_to_failure(&mut command, &log)
}

pub fn run_to_failure(command: &mut Command, log: &Path) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).spawn().expect("the binary runs");
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it went on instead of failing: {}", std::fs::read_to_string(log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let said = std::fs::read_to_string(log).unwrap();
    println!("--- exit {:?}\n{said}", status.code());
    (status.code(), said)
}

/// A connection that speaks in bytes.
pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the node listens");
        Client::over(stream)
    }

    pub fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it can be sent");
    }

    /// Sends bytes that the node may have refused already.
    pub fn send_unwanted(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(
                matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "the node closes what it does not want: {error}"
            );
        }
    }

    pub fn send<R: ApiRequest>(&mut self, version: i16, id: i32, request: &R) {
        self.send_bytes(&frame(version, id, request));
    }

    /// The next frame without its length; `None` if the node has closed the connection.
    pub fn receive(&mut self) -> Option<Bytes> {
        let mut prefix = [0; 4];
        if !self.fill(&mut prefix) {
            return None;
        }
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(prefix)).expect("a length")];
        assert!(self.fill(&mut body), "the connection ended within a frame");
        Some(body.into())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> bool {
        match self.stream.read_exact(buffer) {
            Ok(()) => true,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                false
            }
            Err(error) => panic!("neither an answer nor an end within {PATIENCE:?}: {error}"),
        }
    }

    pub fn answer<R: ApiRequest>(&mut self, version: i16, id: i32) -> R::Response {
        let frame = self.receive().expect("the node answers");
        let (got, response) = decode_response::<R>(version, frame).expect("it can be read");
        assert_eq!(got, CorrelationId(id), "answers come in order");
        response
    }

    pub fn ask<R: ApiRequest>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, 7, request);
        self.answer::<R>(version, 7)
    }

    /// The node has closed the connection, and said nothing more on it.
    pub fn assert_closed(&mut self, why: &str) {
        let answer = self.receive();
        assert!(answer.is_none(), "{why}: answered {answer:?} instead of closing");
    }

    /// Takes so many bytes, some at a time, as a client on a slow line would.
    pub fn take_slowly(&mut self, bytes: usize, at_once: usize, every: Duration) {
        let (mut taken, mut some) = (0, vec![0; at_once]);
        while taken < bytes {
            std::thread::sleep(every);
            match self.stream.read(&mut some) {
                Ok(0) => panic!("closed after {taken} bytes"),
                Ok(more) => taken += more,
                Err(error) => panic!("lost after {taken} bytes: {error}"),
            }
        }
    }

    /// Whether the node has closed the connection, without waiting for it; a node that has answered has not.
    pub fn is_closed(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        match peeked {
            Ok(bytes) => bytes == 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    ErrorKind::ConnectionReset,
                    "the node closes what it does not want: {error}"
                );
                true
            }
        }
    }

    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: (*name).into(),
                value: Some((*value).into()),
                ..Default::default()
            })
            .collect();
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs,
            ..Default::default()
        };
        let response = self.ask(7, &CreateTopicsRequest { topics: vec![topic], ..Default::default() });
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
    }

    pub fn produce(&mut self, topic: &str, partition: i32, records: Bytes) -> PartitionProduceResponse {
        let response = self.ask(PRODUCE, &produce(topic, partition, -1, records));
        response.responses[0].partition_responses[0].clone()
    }

    /// Produces, and is not refused.
    pub fn append(&mut self, topic: &str, partition: i32, values: &[&str]) -> i64 {
        let answer = self.produce(topic, partition, batch(values));
        assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
        answer.base_offset
    }

    pub fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        let response = self.ask(FETCH, &fetch(topic, partition, offset));
        assert_eq!(response.error_code, 0);
        response.responses[0].partitions[0].clone()
    }

    /// All values of a partition up to its high watermark.
    pub fn values(&mut self, topic: &str, partition: i32) -> Vec<String> {
        let mut values = Vec::new();
        let mut offset = 0;
        loop {
            let data = self.fetch(topic, partition, offset);
            assert_eq!(data.error_code, 0, "{topic}-{partition} at offset {offset}");
            if offset >= data.high_watermark {
                return values;
            }
            let bytes = data.records.expect("records").into_bytes();
            assert!(!bytes.is_empty(), "{topic}-{partition} has records at offset {offset}");
            for batch in BatchIterator::new(bytes, BatchCheck::Verify) {
                let batch = batch.unwrap();
                assert_eq!(batch.header().base_offset.0, offset, "offsets are dense");
                for record in batch.records(16 << 20).unwrap() {
                    values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
                    offset += 1;
                }
            }
        }
    }

    pub fn assert_served(&mut self) {
        let response = self.ask(
            3,
            &ApiVersionsRequest {
                client_software_name: "test".into(),
                client_software_version: "1".into(),
                ..Default::default()
            },
        );
        assert_eq!(response.error_code, 0);
        assert!(response.api_keys.len() > 20);
    }
}

/// A request as the bytes of its frame.
pub fn frame<R: ApiRequest>(version: i16, id: i32, request: &R) -> Vec<u8> {
    encode_request(version, CorrelationId(id), None, request).expect("it can be encoded").concat()
}

pub fn batch(values: &[&str]) -> Bytes {
    batch_with(BatchOptions::plain(16 << 20), values)
}

pub fn batch_with(options: BatchOptions, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for value in values {
        let value = Some(value.as_bytes());
        builder.append(NewRecord { timestamp: Timestamp(now_ms()), key: None, value, headers: &[] }).unwrap();
    }
    builder.build().into_batch().to_bytes()
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub fn produce(topic: &str, partition: i32, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData {
        index: partition,
        records: Some(Records::from(records)),
        ..Default::default()
    };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() }
}

/// A fetch that does not wait.
pub fn fetch(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let partition = FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 8 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: 8 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

/// Bytes that look random and are the same in every run.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.next() & 0xff).unwrap()).collect()
    }
}
