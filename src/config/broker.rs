//! What a node is started with, typed and checked as a whole.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::error::{ConfigError, ConfigErrors, ConfigWarning};
use crate::config::keys::broker_key;
use crate::config::layers::{BrokerLayers, DynamicConfig, TopicDefaults};
use crate::config::listeners::{
    BetweenNodes, Exposure, Listener, ListenerKeys, Protocol, Resolved, is_loopback, resolve, split_address,
};
use crate::config::quorum::QuorumConfig;
use crate::config::settings::{Inputs, Settings};
use crate::config::value::{Problem, Value};
use crate::types::limits::{DISK_BLOCK_BYTES, METADATA_BATCH_BYTES_MAX};
use crate::types::{NodeId, Roles};

/// Requests held in memory at once where `queued.max.request.bytes` sets no bound, in bytes.
const QUEUED_REQUEST_BYTES_DEFAULT: u64 = 512 << 20;

/// The configuration of a node.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerConfig {
    pub node_id: NodeId,
    /// A node that is no broker has no listeners for clients.
    pub roles: Roles,
    /// Where the broker stands, for clients that prefer near replicas.
    pub rack: Option<String>,
    /// Where clients connect; at least one.
    pub listeners: Vec<Listener>,
    /// What clients are told, by listener name; port 0 stands for the port that was bound.
    pub advertised_listeners: Vec<Listener>,
    /// How it forms a cluster with other nodes; without it, it is a cluster of its own.
    pub quorum: Option<QuorumConfig>,
    /// Where everything is kept; relative to the working directory unless it begins with `/`.
    pub data_directory: String,
    pub network: NetworkConfig,
    pub fetch: FetchConfig,
    pub topics: TopicsConfig,
    /// What topics have where they set nothing themselves.
    pub topic_defaults: TopicDefaults,
    pub offsets: OffsetsConfig,
    pub groups: GroupsConfig,
    pub producers: ProducersConfig,
    pub cleaner: CleanerConfig,
    pub metadata: MetadataConfig,
    pub storage: StorageConfig,
    /// Where metrics and health are served; `None` for nowhere. Its name is empty.
    pub admin_listener: Option<Listener>,
    /// How long a stopping node waits for the requests in flight.
    pub shutdown_timeout: Duration,
}

/// Connections and the memory that they may take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkConfig {
    pub request_bytes_max: usize,
    /// Over all connections, never less than one request.
    pub queued_request_bytes_max: u64,
    pub connections_max: usize,
    /// New ones each second.
    pub connection_rate_max: usize,
    pub connections_per_ip_max: usize,
    /// By address or host name.
    pub connections_per_ip_overrides: BTreeMap<String, usize>,
    /// `None` keeps silent connections open.
    pub connection_idle_max: Option<Duration>,
    pub listen_backlog: u32,
    /// `None` leaves the operating system's own.
    pub send_buffer_bytes: Option<usize>,
    /// `None` leaves the operating system's own.
    pub receive_buffer_bytes: Option<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchConfig {
    /// Record bytes of one response.
    pub response_bytes_max: usize,
    /// Record bytes of all responses that are being read or wait for their clients.
    pub memory_bytes: usize,
    pub sessions_max: usize,
    /// Partitions of one DescribeTopicPartitions answer.
    pub described_partitions_max: usize,
    /// Whether consumers that name their rack are sent to replicas there.
    pub rack_aware: bool,
}

/// How topics come and go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicsConfig {
    pub partitions: i32,
    pub replication_factor: i16,
    pub auto_create: bool,
    pub delete_enabled: bool,
}

/// The topic that holds offsets and groups, and what lies in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetsConfig {
    pub topic_partitions: i32,
    /// As configured; a cluster of fewer nodes takes as many as it has.
    pub topic_replication_factor: i16,
    pub topic_segment_bytes: i32,
    pub metadata_bytes_max: usize,
    /// How long the offsets of an empty group stay.
    pub retention: Duration,
    pub retention_check_interval: Duration,
    pub commit_timeout: Duration,
}

/// Bounds of classic groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupsConfig {
    pub session_timeout_min: Duration,
    pub session_timeout_max: Duration,
    pub initial_rebalance_delay: Duration,
    pub members_max: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducersConfig {
    /// How long a partition remembers a silent producer.
    pub id_expiration: Duration,
    pub id_expiration_check_interval: Duration,
}

/// Retention and compaction as a whole; each topic's rules are in its own configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct CleanerConfig {
    pub compaction_enabled: bool,
    pub key_buffer_bytes: u64,
    /// Bytes read and written per second.
    pub bytes_per_second_max: f64,
    pub backoff: Duration,
    pub retention_check_interval: Duration,
}

/// How the metadata log is written, and when a snapshot of it is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataConfig {
    /// Bytes of the metadata log since the last one.
    pub snapshot_bytes: u64,
    /// Time since the last one; `None` goes by size alone.
    pub snapshot_interval: Option<Duration>,
    /// Bytes of a snapshot that another node is asked for at once; at least one.
    pub snapshot_piece_bytes: u32,
    /// Bytes of records that one batch takes, if there is more than one of them.
    pub batch_bytes: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorageConfig {
    /// A multiple of the disk's block.
    pub journal_file_bytes: u64,
    pub journal_files: usize,
    /// From how many bytes on a batch may be written once.
    pub large_batch_bytes: usize,
    /// Newest records of all partitions.
    pub tail_memory_bytes: u64,
    /// `None` takes one per core.
    pub shards: Option<usize>,
    pub direct_io: DirectIo,
}

/// Whether files are written past the page cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectIo {
    /// Where the disk takes it.
    Auto,
    /// Or not at all.
    On,
    Off,
}

/// A configuration that is right.
#[derive(Clone, PartialEq, Debug)]
pub struct LoadedConfig {
    pub broker: BrokerConfig,
    /// For `ordain config` and DescribeConfigs.
    pub settings: Settings,
    pub warnings: Vec<ConfigWarning>,
}

/// Reads and checks the whole configuration. `hostname` is the name by which other machines know this one; it
/// is advertised for listeners on all interfaces.
///
/// # Errors
/// Every mistake there is, each with its source and the way out.
pub fn load(inputs: &Inputs<'_>, hostname: Option<&str>) -> Result<LoadedConfig, ConfigErrors> {
    let (settings, mut errors) = Settings::read(inputs);
    let mut warnings = Vec::new();
    let broker = Reader { settings: &settings, errors: &mut errors }.broker(hostname, &mut warnings);
    warnings.extend(settings.without_effect());
    ConfigErrors::unless_none(errors).map(|()| LoadedConfig { broker, settings, warnings })
}

/// Reads typed values out of settings, and gathers what contradicts each other.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    fn broker(&mut self, hostname: Option<&str>, warnings: &mut Vec<ConfigWarning>) -> BrokerConfig {
        let roles = self.roles();
        self.check_lags();
        let listeners = self.listeners(roles, hostname);
        warnings.extend(listeners.warnings);
        self.errors.extend(listeners.errors);
        let (message, request) = (self.int("message.max.bytes"), self.int("socket.request.max.bytes"));
        if message >= request {
            warnings.push(ConfigWarning::MessagesOverRequests { message, request });
        }
        let none = DynamicConfig::default();
        let layers = BrokerLayers { broker: &none, cluster: &none, settings: self.settings };
        let node_id = self.node_id();
        let quorum = self.quorum((node_id, roles), listeners.between_nodes);
        warnings.extend(quorum.as_ref().and_then(|quorum| quorum.warning(roles)));
        BrokerConfig {
            node_id,
            rack: self.text("broker.rack").filter(|rack| !rack.is_empty()),
            listeners: listeners.listeners,
            advertised_listeners: listeners.advertised,
            roles,
            quorum,
            data_directory: self.data_directory(),
            network: self.network(),
            fetch: FetchConfig {
                response_bytes_max: self.count("fetch.max.bytes"),
                memory_bytes: usize::try_from(self.long("ordain.fetch.memory.bytes")).unwrap_or(usize::MAX),
                sessions_max: self.count("max.incremental.fetch.session.cache.slots"),
                described_partitions_max: self.count("max.request.partition.size.limit"),
                rack_aware: self
                    .text("replica.selector.class")
                    .is_some_and(|class| class.ends_with(".RackAwareReplicaSelector")),
            },
            topics: self.topics(),
            topic_defaults: TopicDefaults::new(&layers),
            offsets: self.offsets(),
            groups: self.groups(),
            producers: self.producers(),
            cleaner: self.cleaner(),
            metadata: self.metadata(),
            storage: self.storage(),
            admin_listener: self.admin_listener(),
            shutdown_timeout: self.duration("ordain.shutdown.timeout.ms"),
        }
    }

    pub(super) fn check_lags(&mut self) {
        self.ordered("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms");
    }

    /// What this node does in its cluster. One that is alone does everything.
    pub(super) fn roles(&mut self) -> Roles {
        let named = self.list("process.roles").unwrap_or_default();
        let has = |role: &str| named.iter().any(|named| named == role);
        let roles = match (has("broker"), has("controller")) {
            (true, false) => Roles::Broker,
            (false, true) => Roles::Controller,
            // An empty list, or another name, is told by the key's check.
            (true, true) | (false, false) => Roles::Both,
        };
        if roles != Roles::Both && self.between_nodes() == BetweenNodes::Closed {
            self.errors.push(ConfigError::RolesAlone { roles });
        }
        roles
    }

    fn node_id(&mut self) -> NodeId {
        let number = |name| self.settings.explicit(name).map(|setting| as_int(&setting.value));
        let old = number("broker.id").filter(|id| *id >= 0);
        match (number("node.id"), old) {
            (Some(node), Some(broker)) if node != broker => {
                self.errors.push(ConfigError::TwoNodeIds { node, broker });
                NodeId(node)
            }
            (Some(id), _) | (None, Some(id)) => NodeId(id),
            (None, None) => NodeId(self.int("node.id")),
        }
    }

    fn data_directory(&mut self) -> String {
        let key = if self.settings.value("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
        let directories = self.list(key).unwrap_or_default();
        if directories.len() > 1 {
            self.errors.push(ConfigError::SeveralDirectories { key, count: directories.len() });
        }
        directories.into_iter().next().expect("the keys' check forbids an empty list")
    }

    fn listeners(&mut self, roles: Roles, hostname: Option<&str>) -> Resolved {
        let mut protocols = self.protocols();
        let controller_names = self.list("controller.listener.names").unwrap_or_default();
        let between_nodes = self.between_nodes();
        // As Kafka has it: without a map, what is said between nodes needs no entry.
        if between_nodes == BetweenNodes::Opened
            && self.settings.explicit("listener.security.protocol.map").is_none()
        {
            for name in &controller_names {
                protocols.entry(name.to_uppercase()).or_insert(Protocol::Plaintext);
            }
        }
        resolve(&ListenerKeys {
            listeners: &self.list("listeners").unwrap_or_default(),
            advertised: self.list("advertised.listeners").as_deref(),
            protocols: &protocols,
            controller_names: &controller_names,
            between_nodes,
            roles,
            exposure: self.exposure(),
            hostname,
        })
    }

    fn exposure(&self) -> Exposure {
        if self.boolean("ordain.insecure") { Exposure::Accepted } else { Exposure::LoopbackOnly }
    }

    fn protocols(&mut self) -> BTreeMap<String, Protocol> {
        let name = "listener.security.protocol.map";
        let mut protocols = BTreeMap::new();
        for pair in self.pairs(name) {
            let parsed = pair
                .split_once(':')
                .and_then(|(name, text)| Some((name.trim(), Protocol::parse(text.trim())?)));
            match parsed {
                Some((listener, protocol)) if !listener.is_empty() => {
                    protocols.insert(listener.to_uppercase(), protocol);
                }
                Some(_) | None => self.wrong(name, Problem::NotNameProtocol { pair }),
            }
        }
        protocols
    }

    pub(super) fn network(&mut self) -> NetworkConfig {
        let request_bytes_max = self.count("socket.request.max.bytes");
        let queued = self.long("queued.max.request.bytes");
        if queued > 0 {
            self.ordered("socket.request.max.bytes", "queued.max.request.bytes");
        }
        let connections_per_ip_max = self.count("max.connections.per.ip");
        let connections_per_ip_overrides = self.connection_overrides();
        if connections_per_ip_max == 0 && connections_per_ip_overrides.is_empty() {
            self.errors.push(ConfigError::NobodyMayConnect);
        }
        let buffer = |name| usize::try_from(self.int(name)).ok().filter(|bytes| *bytes > 0);
        NetworkConfig {
            request_bytes_max,
            queued_request_bytes_max: match u64::try_from(queued) {
                Ok(bytes) if bytes > 0 => bytes,
                Ok(_) | Err(_) => QUEUED_REQUEST_BYTES_DEFAULT.max(request_bytes_max as u64),
            },
            connections_max: self.count("max.connections"),
            connection_rate_max: self.count("max.connection.creation.rate"),
            connections_per_ip_max,
            connections_per_ip_overrides,
            connection_idle_max: Some(self.long("connections.max.idle.ms"))
                .filter(|ms| *ms >= 0)
                .map(|ms| Duration::from_millis(ms.unsigned_abs())),
            listen_backlog: self.int("socket.listen.backlog.size").unsigned_abs(),
            send_buffer_bytes: buffer("socket.send.buffer.bytes"),
            receive_buffer_bytes: buffer("socket.receive.buffer.bytes"),
        }
    }

    fn connection_overrides(&mut self) -> BTreeMap<String, usize> {
        let name = "max.connections.per.ip.overrides";
        let mut overrides = BTreeMap::new();
        for pair in self.pairs(name) {
            let parsed = pair.rsplit_once(':').map(|(address, limit)| (address.trim(), limit.trim().parse()));
            match parsed {
                Some((address, Ok(limit))) if !address.is_empty() => {
                    let address = address.trim_start_matches('[').trim_end_matches(']');
                    overrides.insert(address.to_owned(), limit);
                }
                Some(_) | None => self.wrong(name, Problem::NotAddressLimit { pair }),
            }
        }
        overrides
    }

    fn topics(&self) -> TopicsConfig {
        let factor = self.int("default.replication.factor");
        TopicsConfig {
            partitions: self.int("num.partitions"),
            replication_factor: i16::try_from(factor).expect("the key's check bounds it"),
            auto_create: self.boolean("auto.create.topics.enable"),
            delete_enabled: self.boolean("delete.topic.enable"),
        }
    }

    fn offsets(&self) -> OffsetsConfig {
        OffsetsConfig {
            topic_partitions: self.int("offsets.topic.num.partitions"),
            topic_replication_factor: self.short("offsets.topic.replication.factor"),
            topic_segment_bytes: self.int("offsets.topic.segment.bytes"),
            metadata_bytes_max: self.count("offset.metadata.max.bytes"),
            retention: Duration::from_secs(
                60 * u64::from(self.int("offsets.retention.minutes").unsigned_abs()),
            ),
            retention_check_interval: self.duration("offsets.retention.check.interval.ms"),
            commit_timeout: self.duration("offsets.commit.timeout.ms"),
        }
    }

    fn groups(&mut self) -> GroupsConfig {
        self.ordered("group.min.session.timeout.ms", "group.max.session.timeout.ms");
        GroupsConfig {
            session_timeout_min: self.duration("group.min.session.timeout.ms"),
            session_timeout_max: self.duration("group.max.session.timeout.ms"),
            initial_rebalance_delay: self.duration("group.initial.rebalance.delay.ms"),
            members_max: self.count("group.max.size"),
        }
    }

    pub(super) fn producers(&self) -> ProducersConfig {
        ProducersConfig {
            id_expiration: self.duration("producer.id.expiration.ms"),
            id_expiration_check_interval: self.duration("producer.id.expiration.check.interval.ms"),
        }
    }

    pub(super) fn cleaner(&self) -> CleanerConfig {
        CleanerConfig {
            compaction_enabled: self.boolean("log.cleaner.enable"),
            key_buffer_bytes: self.long("log.cleaner.dedupe.buffer.size").unsigned_abs(),
            bytes_per_second_max: self.required("log.cleaner.io.max.bytes.per.second", as_real),
            backoff: self.duration("log.cleaner.backoff.ms"),
            retention_check_interval: self.duration("log.retention.check.interval.ms"),
        }
    }

    fn metadata(&self) -> MetadataConfig {
        let interval = self.duration("metadata.log.max.snapshot.interval.ms");
        MetadataConfig {
            snapshot_bytes: self.long("metadata.log.max.record.bytes.between.snapshots").unsigned_abs(),
            snapshot_interval: (!interval.is_zero()).then_some(interval),
            snapshot_piece_bytes: self.int("controller.quorum.fetch.snapshot.max.bytes").unsigned_abs(),
            batch_bytes: (self.int("internal.metadata.max.batch.size.in.bytes").unsigned_abs() as usize)
                .min(METADATA_BATCH_BYTES_MAX),
        }
    }

    fn storage(&mut self) -> StorageConfig {
        let journal_file_bytes = self.long("ordain.journal.file.bytes").unsigned_abs();
        if !journal_file_bytes.is_multiple_of(DISK_BLOCK_BYTES as u64) {
            self.wrong("ordain.journal.file.bytes", Problem::NotMultipleOf(DISK_BLOCK_BYTES as i64));
        }
        StorageConfig {
            journal_file_bytes,
            journal_files: self.count("ordain.journal.files"),
            large_batch_bytes: self.count("ordain.large.batch.bytes"),
            tail_memory_bytes: self.long("ordain.tail.memory.bytes").unsigned_abs(),
            shards: Some(self.count("ordain.shards")).filter(|shards| *shards > 0),
            direct_io: match self.text("ordain.direct.io").as_deref() {
                Some("auto") | None => DirectIo::Auto,
                Some("on") => DirectIo::On,
                Some("off") => DirectIo::Off,
                Some(other) => panic!("{other} has passed the check of ordain.direct.io"),
            },
        }
    }

    fn admin_listener(&mut self) -> Option<Listener> {
        let name = "ordain.admin.listener";
        let address = self.text(name).filter(|address| !address.is_empty())?;
        let parsed = split_address(&address).and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = parsed else {
            self.wrong(name, Problem::NotHostPort);
            return None;
        };
        if !is_loopback(host) && self.exposure() == Exposure::LoopbackOnly {
            self.errors.push(ConfigError::AdminExposed { address: address.clone() });
        }
        Some(Listener { name: String::new(), host: host.to_owned(), port })
    }

    pub(super) fn ordered(&mut self, lesser: &'static str, greater: &'static str) {
        let both = self.number(lesser).zip(self.number(greater));
        if let Some((lesser_value, greater_value)) = both.filter(|(lesser, greater)| lesser > greater) {
            self.errors.push(ConfigError::Order { lesser, lesser_value, greater, greater_value });
        }
    }

    /// Notes that the value in force for the key is wrong.
    pub(super) fn wrong(&mut self, name: &str, problem: Problem) {
        let key = broker_key(name).unwrap_or_else(|| panic!("{name} is no broker key"));
        let text = self.settings.value(name).map(|value| value.to_string()).unwrap_or_default();
        let origin = self.settings.source(name);
        self.errors.push(ConfigError::Value { invalid: key.invalid(&text, problem), origin });
    }

    /// The parts between the commas of a string that Kafka does not count as a list.
    fn pairs(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
    }

    fn required<T>(&self, name: &str, typed: fn(&Value) -> T) -> T {
        typed(&self.settings.value(name).unwrap_or_else(|| panic!("{name} has a default")))
    }

    pub(super) fn int(&self, name: &str) -> i32 {
        self.required(name, as_int)
    }

    fn short(&self, name: &str) -> i16 {
        self.required(name, |value| match value {
            Value::Short(number) => *number,
            other => panic!("{other:?} is no short"),
        })
    }

    pub(super) fn long(&self, name: &str) -> i64 {
        self.required(name, as_integer)
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        self.required(name, |value| match value {
            Value::Boolean(truth) => *truth,
            other => panic!("{other:?} is no boolean"),
        })
    }

    /// An int that is a number of things.
    fn count(&self, name: &str) -> usize {
        usize::try_from(self.int(name)).expect("the key's check forbids negative numbers")
    }

    /// Of an int or a long that counts milliseconds.
    fn duration(&self, name: &str) -> Duration {
        Duration::from_millis(
            u64::try_from(self.long(name)).expect("the key's check forbids negative numbers"),
        )
    }

    /// An integer of any width; `None` for null.
    fn number(&self, name: &str) -> Option<i64> {
        self.settings.value(name).map(|value| as_integer(&value))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.settings.value(name).map(|value| match value {
            Value::Text(text) => text,
            other => panic!("{name} is a string, and is {other:?}"),
        })
    }

    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        self.settings.value(name).map(|value| match value {
            Value::List(list) => list,
            other => panic!("{name} is a list, and is {other:?}"),
        })
    }
}

fn as_int(value: &Value) -> i32 {
    match value {
        Value::Int(number) => *number,
        other => panic!("{other:?} is no int"),
    }
}

fn as_integer(value: &Value) -> i64 {
    match value {
        Value::Short(number) => i64::from(*number),
        Value::Int(number) => i64::from(*number),
        Value::Long(number) => *number,
        other => panic!("{other:?} is no integer"),
    }
}

fn as_real(value: &Value) -> f64 {
    match value {
        Value::Double(number) => *number,
        other => as_integer(other) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::ConfigFile;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<LoadedConfig, ConfigErrors> {
        let file = Some(ConfigFile { name: "server.properties", text });
        load(&Inputs { file, ..Inputs::default() }, Some("box"))
    }

    fn messages(text: &str) -> Vec<String> {
        read(text).expect_err("a wrong configuration").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_configuration_one_safe_node_starts() {
        let loaded = read("").expect("right");
        let broker = loaded.broker;
        assert_eq!(broker.node_id, NodeId(1));
        assert_eq!(broker.data_directory, "./ordain-data");
        assert_eq!(
            broker.listeners.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["PLAINTEXT://127.0.0.1:9092"]
        );
        assert_eq!(broker.advertised_listeners, broker.listeners);
        assert_eq!(broker.quorum, None);
        assert!(broker.topics.auto_create && broker.topics.delete_enabled);
        assert_eq!(broker.network.queued_request_bytes_max, QUEUED_REQUEST_BYTES_DEFAULT);
        assert_eq!(broker.network.connection_idle_max, Some(Duration::from_secs(600)));
        assert_eq!(broker.offsets.retention, Duration::from_secs(7 * 24 * 3600));
        assert_eq!(broker.storage.shards, None);
        assert_eq!(broker.admin_listener.map(|l| (l.host, l.port)), Some(("127.0.0.1".to_owned(), 9644)));
        assert_eq!(loaded.warnings, []);
    }

    #[test]
    fn kafkas_own_example_file_works_once_it_is_said_aloud() {
        let text = "process.roles=broker,controller\nnode.id=7\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
                    listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
                    advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
                    controller.listener.names=CONTROLLER\nlistener.security.protocol.map=CONTROLLER:PLAINTEXT,\
                    PLAINTEXT:PLAINTEXT\nnum.network.threads=3\nnum.io.threads=16\nlog.dirs=/data\noffsets.topic.replication.factor=1\n";
        let told = messages(text);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("listener PLAINTEXT at") && told[0].contains("say --insecure"));
        assert!(told[1].contains("listener CONTROLLER at") && told[1].contains("say --insecure"));
        let loaded = read(&format!("{text}ordain.insecure=true")).expect("right");
        assert_eq!(loaded.broker.node_id, NodeId(7));
        assert_eq!(loaded.broker.data_directory, "/data");
        assert_eq!(loaded.broker.offsets.topic_replication_factor, 1);
        assert_eq!(loaded.broker.listeners.len(), 1);
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 4, "{warnings:#?}");
        assert!(warnings[0].contains("PLAINTEXT advertises localhost"));
        assert!(warnings[1].contains("CONTROLLER advertises localhost"));
        assert!(warnings[2].contains("inter.broker.listener.name has no effect"), "{}", warnings[2]);
        let quorum = loaded.broker.quorum.expect("a cluster of one that others can join");
        assert_eq!(quorum.listener.to_string(), "CONTROLLER://:9093");
        assert_eq!(quorum.advertised.to_string(), "CONTROLLER://localhost:9093");
        assert_eq!(quorum.servers.len(), 1);
        assert_eq!(
            warnings[3],
            "server.properties line 10: num.io.threads has no effect: a node runs shards instead of thread pools; \
             see ordain.shards"
        );
    }

    #[test]
    fn contradictions_are_told_together() {
        let told = messages(
            "node.id=1\nbroker.id=2\nlog.dirs=/a,/b\nprocess.roles=broker\nnonsense=1\ncontroller.quorum.auto.join.enable=true\n\
             controller.quorum.voters=1@a:1,2@b\ngroup.min.session.timeout.ms=9\ngroup.max.session.timeout.ms=8\n\
             max.connections.per.ip=0\nordain.journal.file.bytes=100000\ndefault.replication.factor=0\n\
             log.retention.hours=0\nqueued.max.request.bytes=5\nordain.admin.listener=:9644",
        );
        let has =
            |part: &str| assert!(told.iter().any(|message| message.contains(part)), "{part}: {told:#?}");
        has("node.id is 1 and broker.id is 2");
        has("log.dirs names 2 data directories, and a node has one");
        has("controller.quorum.auto.join.enable is true, and process.roles is broker");
        has("controller.quorum.voters: 2@b is no voter");
        has(
            "controller.quorum.voters: it names nodes that form a cluster, and none of this node's listeners",
        );
        has("group.min.session.timeout.ms (9) must not be greater than group.max.session.timeout.ms (8)");
        has("max.connections.per.ip is 0, which lets nobody in");
        has(
            "server.properties line 11: Invalid value 100000 for configuration ordain.journal.file.bytes: must be a",
        );
        has("Invalid value 0 for configuration default.replication.factor: Value must be at least 1");
        has("Invalid value 0 for configuration log.retention.hours: must be unlimited (-1), or at least 1");
        has("socket.request.max.bytes (104857600) must not be greater than queued.max.request.bytes (5)");
        has("ordain.admin.listener: :9644 can be reached from other machines");
        has("nonsense is no configuration key");
        assert_eq!(told.len(), 13, "{told:#?}");
    }

    #[test]
    fn pairs_are_read_and_their_mistakes_told() {
        let broker =
            read("max.connections.per.ip.overrides=10.0.0.1:5, [::1]:7,host:9").expect("right").broker;
        let overrides = broker.network.connections_per_ip_overrides;
        assert_eq!(overrides, [("10.0.0.1".into(), 5), ("::1".into(), 7), ("host".into(), 9)].into());
        assert!(messages("max.connections.per.ip.overrides=10.0.0.1")[0].contains("10.0.0.1 is none"));
        assert!(
            messages("listener.security.protocol.map=PLAINTEXT:PLAIN")[0].contains("PLAINTEXT:PLAIN is none")
        );
    }

    #[test]
    fn the_older_name_of_the_node_id_still_counts() {
        assert_eq!(read("broker.id=4").expect("right").broker.node_id, NodeId(4));
        assert_eq!(read("broker.id=-1").expect("right").broker.node_id, NodeId(1));
    }

    #[test]
    fn the_admin_listener_can_be_closed() {
        assert_eq!(read("ordain.admin.listener=").expect("right").broker.admin_listener, None);
        assert!(messages("ordain.admin.listener=here")[0].contains("expected host:port"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_value_of_a_used_key_panics(
            at in 0usize..500,
            text in "\\PC{0,16}|-?[0-9]{1,10}|[A-Z]{1,5}://[a-z0-9.]{0,9}:[0-9]{1,5}|true",
        ) {
            let keys: Vec<_> = crate::config::broker_keys().map(|key| key.name).collect();
            let overrides = [format!("{}={text}", keys[at % keys.len()])];
            let inputs = Inputs { overrides: &overrides, ..Inputs::default() };
            if let Ok(loaded) = load(&inputs, None) {
                prop_assert!(!loaded.broker.listeners.is_empty());
            }
        }
    }
}
