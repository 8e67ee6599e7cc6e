//! What can be wrong with a configuration. Every message says what, where it was set, and the way out.
use std::fmt;

use crate::config::hint::number_hint;
use crate::config::properties::SyntaxError;
use crate::config::settings::Source;
use crate::config::value::InvalidValue;
use crate::types::Roles;

/// One mistake in a node's configuration.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{file} {error}")]
    Syntax { file: String, error: SyntaxError },
    #[error("--set {text}: expected key=value")]
    NoAssignment { text: String },
    #[error("{origin}: {key} is no configuration key; {}", did_you_mean(.nearest))]
    Unknown { key: String, nearest: Option<&'static str>, origin: Source },
    #[error("{origin}: {key} was dropped by Kafka 4: {advice}")]
    Removed { key: String, advice: &'static str, origin: Source },
    #[error(
        "{origin}: {key} is a per-listener key, and these are not supported; set the key without its prefix"
    )]
    PerListener { key: String, origin: Source },
    #[error("{origin}: {key} configures a plug-in, and Ordain cannot load any; remove it")]
    PlugIn { key: String, origin: Source },
    #[error("{origin}: {key} is refused: {reason}")]
    Refused { key: &'static str, reason: &'static str, origin: Source },
    #[error("{origin}: {invalid}{}", hinted(.invalid))]
    Value { invalid: InvalidValue, origin: Source },
    /// Two values that contradict each other.
    #[error("{lesser} ({lesser_value}) must not be greater than {greater} ({greater_value})")]
    Order { lesser: &'static str, lesser_value: i64, greater: &'static str, greater_value: i64 },
    #[error(
        "node.id is {node} and broker.id is {broker}: both name the same number; remove broker.id, which is the \
         older name"
    )]
    TwoNodeIds { node: i32, broker: i32 },
    #[error(
        "{key} names {count} data directories, and a node has one; name one of them, and give a second disk to a \
         second node"
    )]
    SeveralDirectories { key: &'static str, count: usize },
    #[error(
        "process.roles is {roles}, and no other nodes are named: a node that is alone is broker and controller in one; set \
         process.roles=broker,controller or remove it, or name the controllers in controller.quorum.bootstrap.servers"
    )]
    RolesAlone { roles: Roles },
    #[error(
        "controller.quorum.auto.join.enable is true, and process.roles is broker: only controllers vote on the metadata; \
         remove the one, or set process.roles=broker,controller"
    )]
    BrokerJoinsQuorum,
    #[error(
        "max.connections.per.ip is 0, which lets nobody in; name the addresses that may connect in \
         max.connections.per.ip.overrides, or raise it"
    )]
    NobodyMayConnect,
    #[error(
        "Dynamic thread count update validation failed for {key}={to}, value should not be greater than double the \
         current value {from}"
    )]
    PoolGrows { key: &'static str, from: i64, to: i64 },
    #[error(
        "Dynamic thread count update validation failed for {key}={to}, value should be at least half the current \
         value {from}"
    )]
    PoolShrinks { key: &'static str, from: i64, to: i64 },
    #[error(
        "ordain.admin.listener: {address} can be reached from other machines, and nothing authenticates them; \
         either bind it to loopback (127.0.0.1:9644), or say --insecure (ordain.insecure=true)"
    )]
    AdminExposed { address: String },
    #[error("{key}: {error}")]
    Listener { key: &'static str, error: ListenerError },
    #[error("{key}: {error}")]
    Quorum { key: &'static str, error: QuorumError },
}

/// The way out of a number that is none, behind what is wrong with it.
fn hinted(invalid: &InvalidValue) -> String {
    number_hint(&invalid.key, &invalid.value).map_or_else(String::new, |hint| format!("; {hint}"))
}

/// Who connects to a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    Clients,
    /// The other nodes of the cluster.
    Nodes,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Audience::Clients => "clients",
            Audience::Nodes => "nodes",
        })
    }
}

/// What is wrong with one of the listeners.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListenerError {
    #[error("{entry} is no listener; write NAME://host:port, for example PLAINTEXT://127.0.0.1:9092")]
    Syntax { entry: String },
    #[error("{entry} has no listener name in front; write PLAINTEXT://{entry}")]
    NoName { entry: String },
    #[error("{entry}: {port} is no port; a port lies between 0 and 65535")]
    Port { entry: String, port: String },
    #[error("the name {name} occurs twice; every listener needs a name of its own")]
    DuplicateName { name: String },
    #[error("port {port} occurs twice, at {first} and {second}; every listener needs a port of its own")]
    DuplicatePort { port: u16, first: String, second: String },
    #[error(
        "listener {name} has no security protocol; add {name}:PLAINTEXT to listener.security.protocol.map, or call \
         the listener PLAINTEXT"
    )]
    UnknownProtocol { name: String },
    #[error(
        "listener {name} speaks {protocol}, which is not supported yet; make it PLAINTEXT, and keep it on loopback \
         or behind a network that you trust"
    )]
    Unsupported { name: String, protocol: &'static str },
    #[error(
        "listener {name} at {host}:{port} can be reached from other machines, and nothing authenticates them; \
         either bind it to loopback ({name}://127.0.0.1:{port}), or say --insecure (ordain.insecure=true) if \
         everybody who reaches the port may do everything"
    )]
    Exposed { name: String, host: String, port: u16 },
    #[error(
        "every listener is for controllers, and clients could not connect; add one for them, or set \
         process.roles=controller if this node is to serve none"
    )]
    NoneForClients,
    #[error(
        "{name} is a listener for clients, and process.roles is controller: such a node has only those of \
         controller.listener.names; take it away, or set process.roles=broker,controller"
    )]
    ForClientsOfController { name: String },
    #[error(
        "{name} stands in controller.listener.names, but not in listeners; add it there or remove it here"
    )]
    NoControllerListener { name: String },
    #[error(
        "{name} is no name in listeners; name one of {}, or add {name} to listeners", .known.join(", ")
    )]
    NotListened { name: String, known: Vec<String> },
    #[error(
        "{name} advertises {host}, which {audience} cannot connect to; advertise the name or address by which \
         {audience} reach this machine"
    )]
    AdvertisedAny { name: String, host: String, audience: Audience },
    #[error("{name} advertises no host; write the name or address by which {audience} reach this machine")]
    AdvertisedNoHost { name: String, audience: Audience },
    #[error(
        "{name} advertises port 0, which {audience} cannot connect to; write the port that {audience} connect to"
    )]
    AdvertisedNoPort { name: String, audience: Audience },
    #[error(
        "listener {name} listens on all interfaces, and it is not known by which name {audience} reach this \
         machine; set advertised.listeners={name}://<host>:{port}"
    )]
    NothingToAdvertise { name: String, port: u16, audience: Audience },
}

/// What is wrong with the list of a cluster's founders.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QuorumError {
    #[error(
        "it names nodes that form a cluster, and none of this node's listeners is for them; add one to listeners, \
         for example CONTROLLER://127.0.0.1:9093, and set controller.listener.names=CONTROLLER"
    )]
    NoListener,
    #[error("{entry} is no address; write host:port, for example 127.0.0.1:9093")]
    NoAddress { entry: String },
    #[error("{entry} is no voter; write id@host:port, for example 1@127.0.0.1:9093")]
    NoVoter { entry: String },
    #[error("{entry} names a listener; write the address alone, {address}")]
    NamesListener { entry: String, address: String },
    #[error(
        "{entry} gives an id, and only addresses stand here; write {address}, or move the list to \
         controller.quorum.voters"
    )]
    NamesId { entry: String, address: String },
    #[error("{entry}: {id} is no node id; an id lies between 0 and 2147483647")]
    Id { entry: String, id: String },
    #[error("{entry}: {port} is no port that nodes can connect to; such a port lies between 1 and 65535")]
    Port { entry: String, port: String },
    #[error("{entry} has no host; write the name or address by which the other nodes reach that one")]
    NoHost { entry: String },
    #[error(
        "{entry}: {host} stands for all interfaces, and no node can be reached there; write the name or address by \
         which the other nodes reach that one"
    )]
    AnyHost { entry: String, host: String },
    #[error("the address {address} occurs twice; every node has an address of its own")]
    DuplicateAddress { address: String },
    #[error("the id {id} occurs twice, at {first} and {second}; every node has an id of its own (node.id)")]
    DuplicateId { id: i32, first: String, second: String },
    #[error(
        "it names {count} nodes, and {max} may found a cluster; name an odd number of them, 3 or 5: further nodes \
         join by naming the same ones"
    )]
    TooMany { count: usize, max: usize },
    #[error(
        "node {id} is this one, and stands there with port {port}, while its listener for other nodes is {listener}; \
         make both the same, or set advertised.listeners if the port is mapped on the way"
    )]
    OtherPort { id: i32, port: u16, listener: String },
    #[error(
        "{address} is where this node listens for other nodes, and stands there as node {id}, while node.id is \
         {own}; correct one of them"
    )]
    OtherId { address: String, id: i32, own: i32 },
    #[error(
        "{address} is this node, and process.roles is broker: only controllers stand there; take it away, or set \
         process.roles=broker,controller"
    )]
    NamesBroker { address: String },
    #[error(
        "{address} does not stand in {other}, and both have to name the same nodes; correct it, or remove one of \
         the two keys"
    )]
    Disagree { address: String, other: &'static str },
}

/// What is allowed, and most likely not meant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigWarning {
    #[error(
        "advertised.listeners: {name} advertises {host} while it listens on all interfaces; {audience} on other \
         machines will connect to themselves; advertise the name or address by which they reach this one"
    )]
    AdvertisedLoopback { name: String, host: String, audience: Audience },
    #[error(
        "advertised.listeners: {name} advertises {host}:{port}, and no listener of this node has that port ({listens}): {audience} on this \
         machine find nobody there, unless something forwards it; advertise {host}:{listens}"
    )]
    AdvertisedElsewhere { name: String, host: String, port: u16, listens: u16, audience: Audience },
    #[error(
        "advertised.listeners: listener {name} is not advertised; clients that connect to it find no broker"
    )]
    NotAdvertised { name: String },
    #[error(
        "advertised.listeners: {first} and {second} both advertise {host}:{port}, where only one of them can be; advertise each at the \
         host and port by which it is reached"
    )]
    AdvertisedTwice { first: String, second: String, host: String, port: u16 },
    #[error("listeners: {name} is for controllers, and is not opened: {reason}")]
    ControllerListener { name: String, reason: ClosedListener },
    #[error("{key}: it names {count} nodes: {}; name an odd number, 3 or 5", even(*count))]
    EvenQuorum { key: &'static str, count: usize },
    #[error("{origin}: {key} has no effect: {reason}")]
    NoEffect { key: &'static str, reason: &'static str, origin: Source },
    #[error(
        "message.max.bytes ({message}) is not under socket.request.max.bytes ({request}); a batch of that size \
         comes in a larger request, which is refused"
    )]
    MessagesOverRequests { message: i32, request: i32 },
}

/// Why a listener for controllers stays closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClosedListener {
    /// Neither of the quorum's keys is set.
    NoQuorum,
    /// Another one is named before it.
    NotFirst,
}

impl fmt::Display for ClosedListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClosedListener::NoQuorum => {
                "this node is a cluster of its own; controller.quorum.bootstrap.servers names those of a larger one"
            }
            ClosedListener::NotFirst => "nodes use the first one that controller.listener.names names",
        })
    }
}

/// What so many voters on the metadata are worth, of whom any two make no majority but with one more.
fn even(count: usize) -> String {
    if count == 2 {
        return "if they alone vote on the metadata, the loss of either stops it, and one node alone would bear no less"
            .to_owned();
    }
    let (bearable, fewer) = ((count - 1) / 2, count - 1);
    format!("if they alone vote on the metadata, no more than {bearable} may be lost, as of {fewer}")
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(key) => format!("did you mean {key}?"),
        None => "`ordain config` lists them all".to_owned(),
    }
}

/// Every mistake in a configuration; never empty.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// # Errors
    /// If there are any.
    pub fn unless_none(errors: Vec<ConfigError>) -> Result<(), ConfigErrors> {
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
    }

    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
