//! How a node forms a cluster with others: the founders' addresses, and the listener for nodes. Both of Kafka's
//! keys name the founders: `controller.quorum.voters` with their ids, `controller.quorum.bootstrap.servers`
//! without. `docs/cluster.md` says what becomes of them.
use std::fmt;
use std::time::Duration;

use crate::config::broker::Reader;
use crate::config::error::{ConfigError, ConfigWarning, QuorumError};
use crate::config::listeners::{
    Advertised, BetweenNodes, Listener, is_host, is_unspecified, parse_address, split_address,
};
use crate::config::value::Problem;
use crate::types::limits::QUORUM_SERVERS_MAX;
use crate::types::{NodeId, Roles};

const VOTERS: &str = "controller.quorum.voters";
const SERVERS: &str = "controller.quorum.bootstrap.servers";
const NAMES: &str = "controller.listener.names";
const SESSION: &str = "broker.session.timeout.ms";
const BALANCE: &str = "auto.leader.rebalance.enable";
const BALANCE_INTERVAL: &str = "leader.imbalance.check.interval.seconds";
const AUTO_JOIN: &str = "controller.quorum.auto.join.enable";
const HEARTBEAT: &str = "broker.heartbeat.interval.ms";

/// How this node forms a cluster with others; without it, it is a cluster of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuorumConfig {
    /// Where this node listens for nodes: the first listener of `controller.listener.names`. Port 0 means any
    /// free one.
    pub listener: Listener,
    /// What other nodes are told to dial: the entry of that name in `advertised.listeners`, else the listener
    /// with its host. Port 0 stands for the port that was bound.
    pub advertised: Listener,
    /// The founders, as `controller.quorum.voters` names them, else `controller.quorum.bootstrap.servers`: at
    /// least one, at most [`QUORUM_SERVERS_MAX`], no address and no id twice. This node need not be one of them.
    pub servers: Vec<QuorumServer>,
    /// How long a node counts as alive without a heartbeat; at least one millisecond.
    pub session_timeout: Duration,
    /// How often a node tells that it lives; at least one millisecond, and no longer than `session_timeout`.
    pub heartbeat_interval: Duration,
    /// How often leaders that are not the preferred ones hand over to those; `None`: not by themselves.
    pub balance_interval: Option<Duration>,
    /// Whether this node asks to vote on the metadata once it has caught up.
    pub joins_quorum: bool,
}

/// Where a founder listens for nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuorumServer {
    /// Where the list gives it; never negative.
    pub node: Option<NodeId>,
    /// A name or an address, without brackets; never empty, never all interfaces.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl QuorumServer {
    /// Whether both may stand for one node: a name and an address with the same port may, since only a resolver
    /// knows.
    fn may_be(&self, other: &QuorumServer) -> bool {
        let one_is_name = parse_address(&self.host).is_some() != parse_address(&other.host).is_some();
        self.port == other.port && (one_is_name || is_same_host(&self.host, &other.host))
    }

    fn is_at(&self, host: &str, port: u16) -> bool {
        self.port == port && is_same_host(&self.host, host)
    }
}

/// `host:port`, without the id.
impl fmt::Display for QuorumServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl QuorumConfig {
    /// What is to be said of so many founders: an even number bears no more losses than one less.
    pub(super) fn warning(&self, roles: Roles) -> Option<ConfigWarning> {
        let count = self.servers.len();
        let key = if self.servers.iter().any(|server| server.node.is_some()) { VOTERS } else { SERVERS };
        (roles.is_controller() && count.is_multiple_of(2)).then_some(ConfigWarning::EvenQuorum { key, count })
    }
}

impl Reader<'_> {
    /// Whether one of the two keys names founders.
    pub(super) fn between_nodes(&self) -> BetweenNodes {
        let is_set = |key| self.list(key).is_some_and(|entries| !entries.is_empty());
        if is_set(VOTERS) || is_set(SERVERS) { BetweenNodes::Opened } else { BetweenNodes::Closed }
    }

    /// `listener` is the one for nodes, if it is right. `None` as well where there are mistakes.
    pub(super) fn quorum(
        &mut self,
        (own, roles): (NodeId, Roles),
        listener: Option<Advertised>,
    ) -> Option<QuorumConfig> {
        if self.between_nodes() == BetweenNodes::Closed {
            return None;
        }
        let lists = Lists {
            voters: &self.list(VOTERS).unwrap_or_default(),
            servers: &self.list(SERVERS).unwrap_or_default(),
        };
        let key = lists.key();
        let (servers, mistakes) = lists.read();
        self.errors.extend(mistakes);
        if self.list(NAMES).is_none() {
            self.errors.push(ConfigError::Quorum { key, error: QuorumError::NoListener });
        }
        self.ordered(HEARTBEAT, SESSION);
        let [session_timeout, heartbeat_interval] = [SESSION, HEARTBEAT].map(|name| self.span(name));
        let interval = self.long(BALANCE_INTERVAL);
        let interval = Duration::from_secs(u64::try_from(interval).expect("the key's check bounds it"));
        let balance_interval = self.boolean(BALANCE).then_some(interval);
        let joins_quorum = self.boolean(AUTO_JOIN);
        if joins_quorum && !roles.is_controller() {
            self.errors.push(ConfigError::BrokerJoinsQuorum);
        }
        let Advertised { listener, advertised } = listener?;
        let named = if roles.is_controller() { Vec::new() } else { names_broker(&servers, own, &advertised) };
        for error in misplaced(&servers, own, &listener, &advertised).into_iter().chain(named) {
            self.errors.push(ConfigError::Quorum { key, error });
        }
        Some(QuorumConfig {
            listener,
            advertised,
            servers,
            session_timeout: session_timeout?,
            heartbeat_interval: heartbeat_interval?,
            balance_interval,
            joins_quorum,
        })
    }

    /// Milliseconds, of which there has to be one.
    fn span(&mut self, name: &str) -> Option<Duration> {
        let ms = u64::try_from(self.int(name)).ok().filter(|ms| *ms > 0);
        if ms.is_none() {
            self.wrong(name, Problem::BelowLeast(1.0));
        }
        ms.map(Duration::from_millis)
    }
}

/// The founders as the two keys name them; one is not empty.
struct Lists<'a> {
    voters: &'a [String],
    servers: &'a [String],
}

impl Lists<'_> {
    /// The key that counts.
    fn key(&self) -> &'static str {
        if self.voters.is_empty() { SERVERS } else { VOTERS }
    }

    fn read(&self) -> (Vec<QuorumServer>, Vec<ConfigError>) {
        let mut errors = Vec::new();
        let voters = read_all(VOTERS, self.voters, parse_voter, &mut errors);
        let servers = read_all(SERVERS, self.servers, parse_server, &mut errors);
        if errors.is_empty() && !voters.is_empty() && !servers.is_empty() {
            let missing = |from: &[QuorumServer], of: &[QuorumServer]| {
                let missing = of.iter().find(|one| !from.iter().any(|other| other.may_be(one)));
                missing.map(ToString::to_string)
            };
            let disagreement = match (missing(&voters, &servers), missing(&servers, &voters)) {
                (Some(address), _) => Some((SERVERS, QuorumError::Disagree { address, other: VOTERS })),
                (None, Some(address)) => Some((VOTERS, QuorumError::Disagree { address, other: SERVERS })),
                (None, None) => None,
            };
            errors.extend(disagreement.map(|(key, error)| ConfigError::Quorum { key, error }));
        }
        (if voters.is_empty() { servers } else { voters }, errors)
    }
}

fn read_all(
    key: &'static str,
    entries: &[String],
    parse: fn(&str) -> Result<QuorumServer, QuorumError>,
    errors: &mut Vec<ConfigError>,
) -> Vec<QuorumServer> {
    let mut tell = |error| errors.push(ConfigError::Quorum { key, error });
    if entries.len() > QUORUM_SERVERS_MAX {
        tell(QuorumError::TooMany { count: entries.len(), max: QUORUM_SERVERS_MAX });
        return Vec::new();
    }
    let mut all: Vec<QuorumServer> = Vec::new();
    for entry in entries {
        match parse(entry) {
            Ok(server) => {
                if all.iter().any(|earlier| earlier.is_at(&server.host, server.port)) {
                    tell(QuorumError::DuplicateAddress { address: server.to_string() });
                } else if let Some((id, first)) = all
                    .iter()
                    .find(|earlier| earlier.node == server.node)
                    .and_then(|earlier| Some((earlier.node?.0, earlier.to_string())))
                {
                    tell(QuorumError::DuplicateId { id, first, second: server.to_string() });
                }
                all.push(server);
            }
            Err(error) => tell(error),
        }
    }
    all
}

/// `host:port`.
fn parse_server(entry: &str) -> Result<QuorumServer, QuorumError> {
    if let Some((_, address)) = entry.split_once('@') {
        return Err(QuorumError::NamesId { entry: entry.to_owned(), address: address.to_owned() });
    }
    if let Some((_, address)) = entry.split_once("://") {
        return Err(QuorumError::NamesListener { entry: entry.to_owned(), address: address.to_owned() });
    }
    let no_address = || QuorumError::NoAddress { entry: entry.to_owned() };
    let (host, port) = split_address(entry).ok_or_else(no_address)?;
    if !is_host(host) {
        return Err(no_address());
    }
    check_reachable(entry, host, port).map(|port| QuorumServer { node: None, host: host.to_owned(), port })
}

/// `id@host:port`.
fn parse_voter(entry: &str) -> Result<QuorumServer, QuorumError> {
    let no_voter = || QuorumError::NoVoter { entry: entry.to_owned() };
    let (id, address) = entry.split_once('@').ok_or_else(no_voter)?;
    if let Some((_, bare)) = address.split_once("://") {
        return Err(QuorumError::NamesListener { entry: entry.to_owned(), address: format!("{id}@{bare}") });
    }
    let (host, port) = split_address(address).ok_or_else(no_voter)?;
    if !is_host(host) {
        return Err(no_voter());
    }
    let number = id.parse().ok().filter(|id| *id >= 0).map(NodeId);
    let node = number.ok_or_else(|| QuorumError::Id { entry: entry.to_owned(), id: id.to_owned() })?;
    let port = check_reachable(entry, host, port)?;
    Ok(QuorumServer { node: Some(node), host: host.to_owned(), port })
}

/// The port, if nodes can connect to it at `host`.
fn check_reachable(entry: &str, host: &str, port: &str) -> Result<u16, QuorumError> {
    let entry = entry.to_owned();
    if host.is_empty() {
        return Err(QuorumError::NoHost { entry });
    }
    if is_unspecified(host) {
        return Err(QuorumError::AnyHost { entry, host: host.to_owned() });
    }
    let number = port.parse().ok().filter(|port| *port != 0);
    number.ok_or_else(|| QuorumError::Port { entry, port: port.to_owned() })
}

/// What the list says of this node and its listener does not.
fn misplaced(
    servers: &[QuorumServer],
    own: NodeId,
    listener: &Listener,
    advertised: &Listener,
) -> Vec<QuorumError> {
    let mut errors = Vec::new();
    for server in servers {
        let Some(node) = server.node else { continue };
        if node == own {
            if ![listener.port, advertised.port].contains(&server.port) {
                let listener = advertised.to_string();
                errors.push(QuorumError::OtherPort { id: own.0, port: server.port, listener });
            }
        } else if [listener, advertised].iter().any(|at| server.is_at(&at.host, at.port)) {
            errors.push(QuorumError::OtherId { address: server.to_string(), id: node.0, own: own.0 });
        }
    }
    errors
}

/// Where a node that is no controller stands in the list of controllers.
fn names_broker(servers: &[QuorumServer], own: NodeId, advertised: &Listener) -> Vec<QuorumError> {
    let is_own = |server: &&QuorumServer| {
        server.node.map_or_else(|| server.is_at(&advertised.host, advertised.port), |node| node == own)
    };
    let own = servers.iter().filter(is_own);
    own.map(|server| QuorumError::NamesBroker { address: server.to_string() }).collect()
}

fn is_same_host(a: &str, b: &str) -> bool {
    match (parse_address(a), parse_address(b)) {
        (Some(a), Some(b)) => a == b,
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => a.eq_ignore_ascii_case(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigFile, Inputs, LoadedConfig, load};
    use proptest::prelude::*;

    const NODE: &str = "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n\
                        controller.listener.names=CONTROLLER\n";

    fn read(text: &str) -> Result<LoadedConfig, Vec<String>> {
        let file = Some(ConfigFile { name: "f", text });
        let loaded = load(&Inputs { file, ..Inputs::default() }, Some("box"));
        loaded.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn quorum(text: &str) -> QuorumConfig {
        read(text).expect("right").broker.quorum.expect("it forms a cluster")
    }

    fn only_error(text: &str) -> String {
        let mut told = read(text).expect_err("a wrong configuration");
        assert_eq!(told.len(), 1, "{told:#?}");
        told.remove(0)
    }

    fn servers(entries: &str) -> String {
        only_error(&format!("{NODE}{SERVERS}={entries}"))
    }

    fn voters(entries: &str) -> String {
        only_error(&format!("{NODE}{VOTERS}={entries}"))
    }

    #[test]
    fn a_node_without_a_list_is_a_cluster_of_its_own() {
        for text in ["", NODE, "controller.quorum.voters=\ncontroller.quorum.bootstrap.servers="] {
            assert_eq!(read(text).expect("right").broker.quorum, None, "{text}");
        }
    }

    #[test]
    fn a_list_opens_the_listener_for_nodes() {
        let text = format!("{NODE}{SERVERS}=127.0.0.1:9093,box:9093, [::1]:9094");
        let found = quorum(&text);
        assert_eq!(found.listener.to_string(), "CONTROLLER://127.0.0.1:9093");
        assert_eq!(found.advertised, found.listener);
        let names: Vec<String> = found.servers.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["127.0.0.1:9093", "box:9093", "[::1]:9094"]);
        assert!(found.servers.iter().all(|server| server.node.is_none()));
        assert_eq!((found.session_timeout.as_millis(), found.heartbeat_interval.as_millis()), (9000, 2000));
        let loaded = read(&text).expect("right");
        let for_clients: Vec<String> = loaded.broker.listeners.iter().map(ToString::to_string).collect();
        assert_eq!(for_clients, ["PLAINTEXT://127.0.0.1:9092"]);
        assert_eq!(loaded.broker.advertised_listeners, loaded.broker.listeners);
        assert_eq!(loaded.warnings, []);
    }

    #[test]
    fn an_even_number_of_founders_is_warned_of() {
        let warned = |text: &str| {
            let warnings = read(&format!("{NODE}{text}")).expect("right").warnings;
            warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            warned("controller.quorum.bootstrap.servers=a:1,b:1"),
            [
                "controller.quorum.bootstrap.servers: it names 2 nodes: if they alone vote on the metadata, the loss of either \
                 stops it, and one node alone would bear no less; name an odd number, 3 or 5"
            ]
        );
        assert_eq!(
            warned("controller.quorum.voters=2@a:1,3@b:1,4@c:1,5@d:1"),
            [
                "controller.quorum.voters: it names 4 nodes: if they alone vote on the metadata, no more than 1 may be lost, \
                 as of 3; name an odd number, 3 or 5"
            ]
        );
        assert!(
            warned(&format!("{SERVERS}=a:1,b:1,c:1,d:1,e:1,f:1"))[0]
                .contains("no more than 2 may be lost, as of 5")
        );
        for odd in ["a:1", "a:1,b:1,c:1", "a:1,b:1,c:1,d:1,e:1"] {
            assert_eq!(warned(&format!("{SERVERS}={odd}")), [""; 0], "{odd}");
        }
        assert_eq!(
            warned(&format!("process.roles=broker\n{SERVERS}=a:1,b:1")),
            [""; 0],
            "others found the cluster"
        );
    }

    #[test]
    fn voters_have_ids() {
        let found = quorum(&format!("{NODE}node.id=2\n{VOTERS}=2@127.0.0.1:9093,0@box:9093"));
        let founders: Vec<_> = found.servers.iter().map(|s| (s.node.map(|id| id.0), s.port)).collect();
        assert_eq!(founders, [(Some(2), 9093), (Some(0), 9093)]);
        // A node that is no founder joins.
        assert_eq!(quorum(&format!("{NODE}node.id=9\n{VOTERS}=1@box:9093")).servers.len(), 1);
    }

    #[test]
    fn the_first_name_counts_and_may_have_an_address_of_its_own() {
        let text = "listeners=PLAINTEXT://127.0.0.1:1,B://127.0.0.1:2,A://127.0.0.1:3\n\
                    controller.listener.names=a,B\ncontroller.quorum.voters=1@localhost:9\n\
                    advertised.listeners=PLAINTEXT://127.0.0.1:1,A://localhost:9";
        let found = quorum(text);
        assert_eq!(found.listener.to_string(), "A://127.0.0.1:3");
        assert_eq!(found.advertised.to_string(), "A://localhost:9");
        let warnings = read(text).expect("right").warnings;
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert_eq!(
            warnings[0].to_string(),
            "listeners: B is for controllers, and is not opened: nodes use the first one that \
             controller.listener.names names"
        );
    }

    #[test]
    fn a_list_needs_a_listener() {
        assert_eq!(
            only_error("controller.quorum.bootstrap.servers=box:9093"),
            "controller.quorum.bootstrap.servers: it names nodes that form a cluster, and none of this node's \
             listeners is for them; add one to listeners, for example CONTROLLER://127.0.0.1:9093, and set \
             controller.listener.names=CONTROLLER"
        );
        let not_there =
            only_error("controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@box:9093");
        assert!(not_there.contains("CONTROLLER stands in controller.listener.names, but not"), "{not_there}");
    }

    #[test]
    fn the_listener_for_nodes_is_held_to_the_rules_of_all() {
        let open = "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://:9093\n\
                    controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@box:9093\n";
        assert_eq!(
            only_error(open),
            "listeners: listener CONTROLLER at 0.0.0.0:9093 can be reached from other machines, and nothing \
             authenticates them; either bind it to loopback (CONTROLLER://127.0.0.1:9093), or say --insecure \
             (ordain.insecure=true) if everybody who reaches the port may do everything"
        );
        let found = quorum(&format!("{open}ordain.insecure=true"));
        assert_eq!(found.advertised.to_string(), "CONTROLLER://box:9093");
        let any = "ordain.insecure=true\n\
                   advertised.listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://0.0.0.0:9093";
        assert_eq!(
            only_error(&format!("{open}{any}")),
            "advertised.listeners: CONTROLLER advertises 0.0.0.0, which nodes cannot connect to; advertise the \
             name or address by which nodes reach this machine"
        );
        let map = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT";
        let unmapped = only_error(&format!("{NODE}{SERVERS}=box:1\n{map}"));
        assert!(unmapped.contains("listener CONTROLLER has no security protocol"), "{unmapped}");
        quorum(&format!("{NODE}{SERVERS}=box:1\n{map},CONTROLLER:PLAINTEXT"));
    }

    #[test]
    fn wrong_addresses_are_told() {
        let at = "controller.quorum.bootstrap.servers: ";
        for (entry, told) in [
            ("box", "box is no address; write host:port, for example 127.0.0.1:9093"),
            ("b/x:1", "b/x:1 is no address; write host:port, for example 127.0.0.1:9093"),
            ("CONTROLLER://box:1", "CONTROLLER://box:1 names a listener; write the address alone, box:1"),
            (
                "1@box:1",
                "1@box:1 gives an id, and only addresses stand here; write box:1, or move the list to \
                 controller.quorum.voters",
            ),
            ("box:0", "box:0: 0 is no port that nodes can connect to; such a port lies between 1 and 65535"),
            (
                "box:65536",
                "box:65536: 65536 is no port that nodes can connect to; such a port lies between 1 and 65535",
            ),
            (":1", ":1 has no host; write the name or address by which the other nodes reach that one"),
            (
                "0.0.0.0:1",
                "0.0.0.0:1: 0.0.0.0 stands for all interfaces, and no node can be reached there; write the name or \
                 address by which the other nodes reach that one",
            ),
            ("BOX:1,box:1", "the address box:1 occurs twice; every node has an address of its own"),
            ("[::1]:1,[0::1]:1", "the address [0::1]:1 occurs twice; every node has an address of its own"),
            (
                "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1",
                "it names 8 nodes, and 7 may found a cluster; name an odd number of them, 3 or 5: further nodes \
                 join by naming the same ones",
            ),
        ] {
            assert_eq!(servers(entry), format!("{at}{told}"));
        }
        assert!(servers("[::]:1").contains(":: stands for all interfaces"));
    }

    #[test]
    fn wrong_voters_are_told() {
        let at = "controller.quorum.voters: ";
        for (entry, told) in [
            ("box:1", "box:1 is no voter; write id@host:port, for example 1@127.0.0.1:9093"),
            ("2@box", "2@box is no voter; write id@host:port, for example 1@127.0.0.1:9093"),
            ("x@box:1", "x@box:1: x is no node id; an id lies between 0 and 2147483647"),
            ("-1@box:1", "-1@box:1: -1 is no node id; an id lies between 0 and 2147483647"),
            ("2@C://box:1", "2@C://box:1 names a listener; write the address alone, 2@box:1"),
            (
                "2@a:1,2@b:1",
                "the id 2 occurs twice, at a:1 and b:1; every node has an id of its own (node.id)",
            ),
            ("2@a:1,3@a:1", "the address a:1 occurs twice; every node has an address of its own"),
            (
                "1@box:9099",
                "node 1 is this one, and stands there with port 9099, while its listener for other nodes is \
                 CONTROLLER://127.0.0.1:9093; make both the same, or set advertised.listeners if the port is \
                 mapped on the way",
            ),
            (
                "2@127.0.0.1:9093",
                "127.0.0.1:9093 is where this node listens for other nodes, and stands there as node 2, while \
                 node.id is 1; correct one of them",
            ),
        ] {
            assert_eq!(voters(entry), format!("{at}{told}"));
        }
    }

    #[test]
    fn both_keys_have_to_name_the_same() {
        let both = |voters: &str, servers: &str| format!("{NODE}{VOTERS}={voters}\n{SERVERS}={servers}");
        let found = quorum(&both("1@localhost:9093,2@b:1", "B:1,127.0.0.1:9093"));
        assert_eq!(found.servers[1].node, Some(NodeId(2)));
        assert_eq!(
            only_error(&both("2@a:1,3@b:1", "a:1,c:1")),
            "controller.quorum.bootstrap.servers: c:1 does not stand in controller.quorum.voters, and both have \
             to name the same nodes; correct it, or remove one of the two keys"
        );
        assert!(
            only_error(&both("2@a:1,3@b:1", "a:1")).starts_with("controller.quorum.voters: b:1 does not")
        );
        assert!(only_error(&both("2@10.0.0.1:1", "10.0.0.2:1")).contains("10.0.0.2:1 does not stand"));
    }

    #[test]
    fn a_node_of_several_may_have_one_role_alone() {
        let roles = |text: &str| read(text).expect("right").broker.roles;
        assert_eq!(roles(""), Roles::Both);
        assert_eq!(roles("process.roles=controller,broker"), Roles::Both);
        assert_eq!(roles(&format!("{NODE}{SERVERS}=box:1\nprocess.roles=broker")), Roles::Broker);
        let controller = "listeners=CONTROLLER://127.0.0.1:9093\ncontroller.listener.names=CONTROLLER\n\
                          process.roles=controller\n";
        let broker = read(&format!("{controller}{SERVERS}=127.0.0.1:9093")).expect("right").broker;
        assert_eq!((broker.roles, broker.listeners.len()), (Roles::Controller, 0));
        assert_eq!(broker.advertised_listeners, []);
        assert!(
            only_error("process.roles=broker").starts_with("process.roles is broker, and no other nodes")
        );
    }

    #[test]
    fn what_does_not_fit_a_nodes_roles_is_told() {
        let of = |role: &str, text: &str| only_error(&format!("{NODE}process.roles={role}\n{text}"));
        assert_eq!(
            of("controller", &format!("{SERVERS}=127.0.0.1:9093")),
            "listeners: PLAINTEXT is a listener for clients, and process.roles is controller: such a node has only those \
             of controller.listener.names; take it away, or set process.roles=broker,controller"
        );
        let this = "is this node, and process.roles is broker: only controllers stand there; take it away, or set \
                    process.roles=broker,controller";
        assert_eq!(
            of("broker", &format!("{SERVERS}=box:1,127.0.0.1:9093")),
            format!("{SERVERS}: 127.0.0.1:9093 {this}")
        );
        assert_eq!(
            of("broker", &format!("{VOTERS}=2@box:1,1@name:9093")),
            format!("{VOTERS}: name:9093 {this}")
        );
        assert_eq!(
            of("broker", &format!("{SERVERS}=box:1\n{AUTO_JOIN}=true")),
            "controller.quorum.auto.join.enable is true, and process.roles is broker: only controllers vote on the \
             metadata; remove the one, or set process.roles=broker,controller"
        );
        assert!(
            only_error(&format!(
                "listeners=CONTROLLER://127.0.0.1:9093\ncontroller.listener.names=CONTROLLER\n\
             {SERVERS}=127.0.0.1:9093"
            ))
            .contains("set process.roles=controller if this node is to serve none")
        );
    }

    #[test]
    fn heartbeats_come_within_a_session() {
        let with = |text: &str| format!("{NODE}{SERVERS}=box:1\n{text}");
        assert_eq!(
            only_error(&with("broker.heartbeat.interval.ms=9001")),
            "broker.heartbeat.interval.ms (9001) must not be greater than broker.session.timeout.ms (9000)"
        );
        assert_eq!(
            only_error(&with("broker.heartbeat.interval.ms=0")),
            "f line 4: Invalid value 0 for configuration broker.heartbeat.interval.ms: Value must be at least 1"
        );
        let found = quorum(&with("broker.heartbeat.interval.ms=5\nbroker.session.timeout.ms=5"));
        assert_eq!(found.heartbeat_interval, found.session_timeout);
    }

    proptest! {
        #[test]
        fn no_list_panics(
            voters in "([0-9]{0,3}@)?[a-c0.:\\[\\]@/é]{0,6}:?[0-9]{0,5}(,[0-9]@[a-c]:[0-9]{1,4}){0,3}",
            servers in "[a-c0.:\\[\\]@/é]{0,6}:?[0-9]{0,5}(,[a-c]:[0-9]{1,4}){0,3}",
        ) {
            if let Ok(loaded) = read(&format!("{NODE}{VOTERS}={voters}\n{SERVERS}={servers}")) {
                let is_set = !(voters.trim().is_empty() && servers.trim().is_empty());
                prop_assert_eq!(loaded.broker.quorum.is_some(), is_set);
            }
        }
    }
}
