//! Listeners and what is advertised of them: `NAME://host:port`, by Kafka's syntax, and checked for the
//! mistakes that leave clients or other nodes without a connection, or strangers with one.
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::config::error::{Audience, ClosedListener, ConfigError, ConfigWarning, ListenerError};
use crate::types::Roles;

/// A named address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// In capitals, as Kafka compares them.
    pub name: String,
    /// A name or an address, without brackets; empty for all interfaces.
    pub host: String,
    /// For a listener 0 means any free port; what is advertised for it is then the port that was bound.
    pub port: u16,
}

impl Listener {
    /// Reads `NAME://host:port`.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(entry: &str) -> Result<Listener, ListenerError> {
        let syntax = || ListenerError::Syntax { entry: entry.to_owned() };
        let Some((name, address)) = entry.split_once("://") else {
            let is_address = entry.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let no_name = || ListenerError::NoName { entry: entry.to_owned() };
            return Err(if is_address { no_name() } else { syntax() });
        };
        let (host, port) = split_address(address).ok_or_else(syntax)?;
        if name.is_empty() || !is_host(host) {
            return Err(syntax());
        }
        let wrong_port = || ListenerError::Port { entry: entry.to_owned(), port: port.to_owned() };
        let port = port.parse().map_err(|_| wrong_port())?;
        Ok(Listener { name: name.to_uppercase(), host: host.to_owned(), port })
    }

    /// Whether it takes connections on every interface.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.host.is_empty() || is_unspecified(&self.host)
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The host to bind to; never empty.
    #[must_use]
    pub fn bind_host(&self) -> &str {
        if self.host.is_empty() { "0.0.0.0" } else { &self.host }
    }

    /// `host:port`, without the name.
    #[must_use]
    pub fn address_text(&self) -> String {
        let (host, port) = (self.bind_host(), self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    fn address(&self) -> Option<IpAddr> {
        parse_address(&self.host)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// Host and port of `host:port` or `[address]:port`.
pub(super) fn split_address(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(rest) => Some((rest.strip_suffix(']')?, port)),
        None if host.contains(['[', ']']) => None,
        None => Some((host, port)),
    }
}

/// Whether a host is this machine only.
pub(super) fn is_loopback(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    let by_name = lower == "localhost" || lower.ends_with(".localhost");
    by_name || parse_address(host).is_some_and(|address| address.is_loopback())
}

/// Whether `host` is an address that stands for all interfaces.
pub(super) fn is_unspecified(host: &str) -> bool {
    parse_address(host).is_some_and(|address| address.is_unspecified())
}

/// Whether `host` is made of what names and addresses are made of; it may be empty.
pub(super) fn is_host(host: &str) -> bool {
    host.chars().all(|c| c.is_ascii_alphanumeric() || "-%._:".contains(c))
}

/// The address that `host` is, without its zone; `None` for a name.
pub(super) fn parse_address(host: &str) -> Option<IpAddr> {
    host.split('%').next().and_then(|address| address.parse().ok())
}

/// What decides which listeners there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListenerKeys<'a> {
    pub listeners: &'a [String],
    /// `None` where it is not set.
    pub advertised: Option<&'a [String]>,
    /// Protocol by listener name.
    pub protocols: &'a BTreeMap<String, Protocol>,
    pub controller_names: &'a [String],
    pub between_nodes: BetweenNodes,
    pub roles: Roles,
    /// Whether the user takes listeners that strangers can reach.
    pub exposure: Exposure,
    /// The name by which other machines know this one.
    pub hostname: Option<&'a str>,
}

/// Whether listeners may be reached from other machines while nothing is authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exposure {
    LoopbackOnly,
    Accepted,
}

/// Whether the first listener of `controller.listener.names` is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BetweenNodes {
    /// The node is a cluster of its own.
    Closed,
    Opened,
}

/// What a listener speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    pub(super) fn parse(text: &str) -> Option<Protocol> {
        let all = [Protocol::Plaintext, Protocol::Ssl, Protocol::SaslPlaintext, Protocol::SaslSsl];
        all.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(text))
    }

    fn name(self) -> &'static str {
        match self {
            Protocol::Plaintext => "PLAINTEXT",
            Protocol::Ssl => "SSL",
            Protocol::SaslPlaintext => "SASL_PLAINTEXT",
            Protocol::SaslSsl => "SASL_SSL",
        }
    }
}

/// The listeners, and what is advertised for them. All is empty or incomplete where there are errors.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Resolved {
    /// For clients.
    pub listeners: Vec<Listener>,
    pub advertised: Vec<Listener>,
    /// For other nodes; `None` as well where it stays closed.
    pub between_nodes: Option<Advertised>,
    pub errors: Vec<ConfigError>,
    pub warnings: Vec<ConfigWarning>,
}

/// A listener, and what is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Advertised {
    pub listener: Listener,
    pub advertised: Listener,
}

/// Checks the listeners, and finds what is advertised.
pub(super) fn resolve(keys: &ListenerKeys<'_>) -> Resolved {
    let mut resolved = Resolved::default();
    let mut told = Findings { key: "listeners", errors: &mut resolved.errors };
    let all = parse_all(keys.listeners, &mut told);
    check_names(&all, &mut told);
    check_ports(&all, &mut told);
    let controllers: Vec<String> = keys.controller_names.iter().map(|name| name.to_uppercase()).collect();
    for name in &controllers {
        if !all.iter().any(|listener| listener.name == *name) && !all.is_empty() {
            told.add(ListenerError::NoControllerListener { name: name.clone() });
        }
    }
    let (inner, listeners): (Vec<_>, Vec<_>) = all.into_iter().partition(|l| controllers.contains(&l.name));
    check_roles(keys.roles, &inner, &listeners, &mut told);
    let (between_nodes, reason) = match keys.between_nodes {
        BetweenNodes::Closed => (None, ClosedListener::NoQuorum),
        BetweenNodes::Opened => {
            let first = controllers.first();
            (inner.iter().find(|l| Some(&l.name) == first).cloned(), ClosedListener::NotFirst)
        }
    };
    for listener in listeners.iter().chain(&between_nodes) {
        check_protocol(listener, keys.protocols, &mut told);
        if !listener.is_loopback() && keys.exposure == Exposure::LoopbackOnly {
            let (name, host, port) = (listener.name.clone(), listener.bind_host().to_owned(), listener.port);
            told.add(ListenerError::Exposed { name, host, port });
        }
    }
    let closed = inner.into_iter().filter(|l| Some(l) != between_nodes.as_ref());
    let closed = closed.map(|l| ConfigWarning::ControllerListener { name: l.name, reason });
    resolved.warnings.extend(closed);
    let mut told = Findings { key: "advertised.listeners", errors: &mut resolved.errors };
    let entries = keys.advertised.map(|entries| {
        let all = parse_all(entries, &mut told);
        check_names(&all, &mut told);
        all
    });
    let ports: Vec<u16> = listeners.iter().chain(&between_nodes).map(|listener| listener.port).collect();
    resolved.advertised = match &entries {
        Some(entries) => {
            let for_clients = entries.iter().filter(|l| !controllers.contains(&l.name)).cloned().collect();
            advertised(for_clients, &listeners, &ports, &mut told, &mut resolved.warnings)
        }
        None => derived(&listeners, keys.hostname, Audience::Clients, &mut told),
    };
    resolved.between_nodes = between_nodes.and_then(|listener| {
        let own = entries.iter().flatten().find(|entry| entry.name == listener.name);
        let advertised = match own {
            Some(entry) => {
                let audience = Audience::Nodes;
                check_advertised(entry, Some(&listener), &ports, audience, &mut told, &mut resolved.warnings);
                entry.clone()
            }
            None => {
                derived(std::slice::from_ref(&listener), keys.hostname, Audience::Nodes, &mut told).pop()?
            }
        };
        Some(Advertised { listener, advertised })
    });
    resolved.listeners = listeners;
    if entries.is_some() {
        let twice = advertised_twice(&resolved);
        resolved.warnings.extend(twice);
    }
    resolved
}

/// Listeners that are said to be where an earlier one is.
fn advertised_twice(resolved: &Resolved) -> Vec<ConfigWarning> {
    let nodes = resolved.between_nodes.iter().map(|opened| &opened.advertised);
    let all: Vec<&Listener> = resolved.advertised.iter().chain(nodes).collect();
    let mut found = Vec::new();
    for (at, second) in all.iter().enumerate() {
        let same =
            |first: &&&Listener| first.port == second.port && first.host.eq_ignore_ascii_case(&second.host);
        if let Some(first) = all[..at].iter().find(same) {
            found.push(ConfigWarning::AdvertisedTwice {
                first: first.name.clone(),
                second: second.name.clone(),
                host: second.host.clone(),
                port: second.port,
            });
        }
    }
    found
}

struct Findings<'a> {
    key: &'static str,
    errors: &'a mut Vec<ConfigError>,
}

impl Findings<'_> {
    fn add(&mut self, error: ListenerError) {
        self.errors.push(ConfigError::Listener { key: self.key, error });
    }
}

fn parse_all(entries: &[String], told: &mut Findings<'_>) -> Vec<Listener> {
    let mut listeners = Vec::new();
    for entry in entries {
        match Listener::parse(entry) {
            Ok(listener) => listeners.push(listener),
            Err(error) => told.add(error),
        }
    }
    listeners
}

fn check_names(listeners: &[Listener], told: &mut Findings<'_>) {
    for (at, listener) in listeners.iter().enumerate() {
        if listeners[..at].iter().any(|earlier| earlier.name == listener.name) {
            told.add(ListenerError::DuplicateName { name: listener.name.clone() });
        }
    }
}

/// Brokers have listeners for clients, and controllers alone have none.
fn check_roles(roles: Roles, inner: &[Listener], listeners: &[Listener], told: &mut Findings<'_>) {
    if !roles.is_broker() {
        for listener in listeners {
            told.add(ListenerError::ForClientsOfController { name: listener.name.clone() });
        }
    } else if listeners.is_empty() && !inner.is_empty() {
        told.add(ListenerError::NoneForClients);
    }
}

fn check_ports(listeners: &[Listener], told: &mut Findings<'_>) {
    for (at, second) in listeners.iter().enumerate() {
        let clash = |first: &&Listener| first.port == second.port && !are_two_stacks(first, second);
        if let Some(first) = listeners[..at].iter().find(clash).filter(|_| second.port != 0) {
            let (first, port) = (first.to_string(), second.port);
            told.add(ListenerError::DuplicatePort { port, first, second: second.to_string() });
        }
    }
}

/// One IPv4 and one IPv6 address may share a port.
fn are_two_stacks(a: &Listener, b: &Listener) -> bool {
    a.address().zip(b.address()).is_some_and(|(a, b)| a.is_ipv4() != b.is_ipv4())
}

fn check_protocol(listener: &Listener, protocols: &BTreeMap<String, Protocol>, told: &mut Findings<'_>) {
    let name = listener.name.clone();
    match protocols.get(&listener.name) {
        Some(Protocol::Plaintext) => {}
        Some(other) => told.add(ListenerError::Unsupported { name, protocol: other.name() }),
        None => told.add(ListenerError::UnknownProtocol { name }),
    }
}

/// What the user advertises for clients.
fn advertised(
    entries: Vec<Listener>,
    listeners: &[Listener],
    ports: &[u16],
    told: &mut Findings<'_>,
    warnings: &mut Vec<ConfigWarning>,
) -> Vec<Listener> {
    for entry in &entries {
        let listener = listeners.iter().find(|listener| listener.name == entry.name);
        if listener.is_none() {
            let known = listeners.iter().map(|l| l.name.clone()).collect();
            told.add(ListenerError::NotListened { name: entry.name.clone(), known });
        }
        check_advertised(entry, listener, ports, Audience::Clients, told, warnings);
    }
    for listener in listeners {
        if !entries.iter().any(|entry| entry.name == listener.name) {
            warnings.push(ConfigWarning::NotAdvertised { name: listener.name.clone() });
        }
    }
    entries
}

/// Whether `audience` can connect to what is advertised for `listener`; `ports` are those that this node has opened, 0 one that
/// is not known yet.
fn check_advertised(
    entry: &Listener,
    listener: Option<&Listener>,
    ports: &[u16],
    audience: Audience,
    told: &mut Findings<'_>,
    warnings: &mut Vec<ConfigWarning>,
) {
    let name = entry.name.clone();
    if entry.port == 0 {
        told.add(ListenerError::AdvertisedNoPort { name: name.clone(), audience });
    }
    if entry.host.is_empty() {
        told.add(ListenerError::AdvertisedNoHost { name, audience });
    } else if entry.is_any() {
        told.add(ListenerError::AdvertisedAny { name, host: entry.host.clone(), audience });
    } else if entry.is_loopback() && listener.is_some_and(Listener::is_any) {
        warnings.push(ConfigWarning::AdvertisedLoopback { name, host: entry.host.clone(), audience });
    } else if let Some(listens) = listener.map(|listener| listener.port)
        && entry.is_loopback()
        && !ports.contains(&0)
        && !ports.contains(&entry.port)
    {
        let (host, port) = (entry.host.clone(), entry.port);
        warnings.push(ConfigWarning::AdvertisedElsewhere { name, host, port, listens, audience });
    }
}

/// What is advertised where the user says nothing: the listeners themselves, and this machine's name for
/// those on all interfaces.
fn derived(
    listeners: &[Listener],
    hostname: Option<&str>,
    audience: Audience,
    told: &mut Findings<'_>,
) -> Vec<Listener> {
    let mut advertised = Vec::new();
    for listener in listeners {
        let host = match (listener.is_any(), hostname) {
            (false, _) => listener.host.clone(),
            (true, Some(hostname)) => hostname.to_owned(),
            (true, None) => {
                let (name, port) = (listener.name.clone(), listener.port);
                told.add(ListenerError::NothingToAdvertise { name, port, audience });
                continue;
            }
        };
        advertised.push(Listener { host, ..listener.clone() });
    }
    advertised
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy)]
    struct Case {
        listeners: &'static [&'static str],
        advertised: Option<&'static [&'static str]>,
        controllers: &'static [&'static str],
        between_nodes: BetweenNodes,
        exposure: Exposure,
        hostname: Option<&'static str>,
    }

    const PLAIN: Case = Case {
        listeners: &["PLAINTEXT://127.0.0.1:9092"],
        advertised: None,
        controllers: &[],
        between_nodes: BetweenNodes::Closed,
        exposure: Exposure::LoopbackOnly,
        hostname: Some("box"),
    };

    fn run(case: &Case) -> Resolved {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let protocols =
            [("PLAINTEXT", Protocol::Plaintext), ("OUT", Protocol::Plaintext), ("SSL", Protocol::Ssl)];
        resolve(&ListenerKeys {
            listeners: &owned(case.listeners),
            advertised: case.advertised.map(owned).as_deref(),
            protocols: &protocols.map(|(name, protocol)| (name.to_owned(), protocol)).into(),
            controller_names: &owned(case.controllers),
            between_nodes: case.between_nodes,
            roles: Roles::Both,
            exposure: case.exposure,
            hostname: case.hostname,
        })
    }

    fn only_error(case: &Case) -> String {
        let resolved = run(case);
        assert_eq!(resolved.errors.len(), 1, "{:?}", resolved.errors);
        resolved.errors[0].to_string()
    }

    fn texts(listeners: &[Listener]) -> Vec<String> {
        listeners.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn syntax_is_kafkas() {
        let parse = |entry| Listener::parse(entry).map(|l| (l.name, l.host, l.port));
        let right = |name: &str, host: &str, port| Ok((name.to_owned(), host.to_owned(), port));
        assert_eq!(parse("PLAINTEXT://localhost:9092"), right("PLAINTEXT", "localhost", 9092));
        assert_eq!(parse("plaintext://:9092"), right("PLAINTEXT", "", 9092));
        assert_eq!(parse("A://[::1]:1"), right("A", "::1", 1));
        assert_eq!(parse("A://[fe80::1%eth0]:1"), right("A", "fe80::1%eth0", 1));
        assert_eq!(parse("A://0.0.0.0:0"), right("A", "0.0.0.0", 0));
        assert_eq!(Listener::parse("A://[::1]:1").expect("right").to_string(), "A://[::1]:1");
        let wrong = |entry| Listener::parse(entry).expect_err("no listener").to_string();
        assert_eq!(
            wrong("localhost:9092"),
            "localhost:9092 has no listener name in front; write PLAINTEXT://localhost:9092"
        );
        let example = "is no listener; write NAME://host:port, for example PLAINTEXT://127.0.0.1:9092";
        for entry in ["PLAINTEXT", "://h:1", "A://h", "A://[::1:1", "A://h/x:1", "A://b c:1", ""] {
            assert_eq!(wrong(entry), format!("{entry} {example}"));
        }
        assert_eq!(wrong("A://h:65536"), "A://h:65536: 65536 is no port; a port lies between 0 and 65535");
        assert_eq!(wrong("A://h:-1"), "A://h:-1: -1 is no port; a port lies between 0 and 65535");
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "a.localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn loopback_alone_is_advertised_as_it_is() {
        let resolved = run(&PLAIN);
        assert_eq!(resolved.errors, []);
        assert_eq!(texts(&resolved.advertised), ["PLAINTEXT://127.0.0.1:9092"]);
    }

    #[test]
    fn an_exposed_listener_needs_a_word() {
        let case = Case { listeners: &["PLAINTEXT://:9092"], ..PLAIN };
        assert_eq!(
            only_error(&case),
            "listeners: listener PLAINTEXT at 0.0.0.0:9092 can be reached from other machines, and nothing \
             authenticates them; either bind it to loopback (PLAINTEXT://127.0.0.1:9092), or say --insecure \
             (ordain.insecure=true) if everybody who reaches the port may do everything"
        );
        let resolved = run(&Case { exposure: Exposure::Accepted, ..case });
        assert_eq!(resolved.errors, []);
        assert_eq!(texts(&resolved.advertised), ["PLAINTEXT://box:9092"]);
    }

    #[test]
    fn all_interfaces_need_a_name_to_advertise() {
        let case = Case {
            listeners: &["PLAINTEXT://0.0.0.0:9092"],
            exposure: Exposure::Accepted,
            hostname: None,
            ..PLAIN
        };
        assert_eq!(
            only_error(&case),
            "advertised.listeners: listener PLAINTEXT listens on all interfaces, and it is not known by which \
             name clients reach this machine; set advertised.listeners=PLAINTEXT://<host>:9092"
        );
    }

    #[test]
    fn the_classic_mistakes_of_advertising() {
        let advertise = |entry: &'static [&'static str]| Case { advertised: Some(entry), ..PLAIN };
        assert_eq!(
            only_error(&advertise(&["PLAINTEXT://0.0.0.0:9092"])),
            "advertised.listeners: PLAINTEXT advertises 0.0.0.0, which clients cannot connect to; advertise \
             the name or address by which clients reach this machine"
        );
        assert!(
            only_error(&advertise(&["PLAINTEXT://[::]:9092"]))
                .contains("PLAINTEXT advertises ::, which clients")
        );
        assert_eq!(
            only_error(&advertise(&["PLAINTEXT://:9092"])),
            "advertised.listeners: PLAINTEXT advertises no host; write the name or address by which clients \
             reach this machine"
        );
        assert_eq!(
            only_error(&advertise(&["PLAINTEXT://box:0"])),
            "advertised.listeners: PLAINTEXT advertises port 0, which clients cannot connect to; write the \
             port that clients connect to"
        );
        assert_eq!(
            only_error(&advertise(&["PLAINTEXT://box:1", "OUT://box:2"])),
            "advertised.listeners: OUT is no name in listeners; name one of PLAINTEXT, or add OUT to listeners"
        );
        assert_eq!(
            only_error(&advertise(&["PLAINTEXT://box:1", "plaintext://box:2"])),
            "advertised.listeners: the name PLAINTEXT occurs twice; every listener needs a name of its own"
        );
    }

    #[test]
    fn likely_mistakes_are_warned_of() {
        let resolved = run(&Case {
            listeners: &["PLAINTEXT://0.0.0.0:9092", "OUT://0.0.0.0:9093"],
            advertised: Some(&["PLAINTEXT://localhost:9092"]),
            exposure: Exposure::Accepted,
            ..PLAIN
        });
        assert_eq!(resolved.errors, []);
        let told: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("PLAINTEXT advertises localhost while it listens on all interfaces"));
        assert!(told[1].contains("listener OUT is not advertised"));
    }

    #[test]
    fn two_listeners_at_one_place_are_warned_of() {
        let case = Case {
            listeners: &["PLAINTEXT://10.0.0.1:9092", "OUT://10.0.0.1:9093"],
            advertised: Some(&["PLAINTEXT://box:9092", "OUT://Box:9092"]),
            exposure: Exposure::Accepted,
            ..PLAIN
        };
        let resolved = run(&case);
        assert_eq!(resolved.errors, []);
        let told: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "advertised.listeners: PLAINTEXT and OUT both advertise Box:9092, where only one of them can be; advertise each at the \
              host and port by which it is reached"
            ]
        );
        let apart = Case { advertised: Some(&["PLAINTEXT://box:9092", "OUT://box:9093"]), ..case };
        assert_eq!(run(&apart).warnings, []);
        let with_nodes = Case { controllers: &["OUT"], between_nodes: BetweenNodes::Opened, ..case };
        assert!(run(&with_nodes).warnings[0].to_string().contains("PLAINTEXT and OUT both advertise"));
    }

    #[test]
    fn names_and_ports_are_unique() {
        let listen = |listeners: &'static [&'static str]| Case { listeners, ..PLAIN };
        assert_eq!(
            only_error(&listen(&["PLAINTEXT://localhost:1", "PLAINTEXT://localhost:2"])),
            "listeners: the name PLAINTEXT occurs twice; every listener needs a name of its own"
        );
        assert_eq!(
            only_error(&listen(&["PLAINTEXT://localhost:1", "OUT://127.0.0.1:1"])),
            "listeners: port 1 occurs twice, at PLAINTEXT://localhost:1 and OUT://127.0.0.1:1; every listener \
             needs a port of its own"
        );
        assert_eq!(run(&listen(&["PLAINTEXT://127.0.0.1:1", "OUT://[::1]:1"])).errors, []);
        assert_eq!(run(&listen(&["PLAINTEXT://127.0.0.1:0", "OUT://127.0.0.1:0"])).errors, []);
    }

    #[test]
    fn a_loopback_port_that_is_nobodys_is_told() {
        let advertise = |advertised: &'static [&'static str], listeners: &'static [&'static str]| {
            let resolved = run(&Case { listeners, advertised: Some(advertised), ..PLAIN });
            assert_eq!(resolved.errors, []);
            resolved.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let own: &[&str] = &["PLAINTEXT://127.0.0.1:9092"];
        assert_eq!(
            advertise(&["PLAINTEXT://localhost:9029"], own),
            [
                "advertised.listeners: PLAINTEXT advertises localhost:9029, and no listener of this node has that port (9092): clients on \
              this machine find nobody there, unless something forwards it; advertise localhost:9092"
            ]
        );
        let none: [&str; 0] = [];
        assert_eq!(advertise(&["PLAINTEXT://localhost:9092"], own), none);
        assert_eq!(advertise(&["PLAINTEXT://localhost:1"], &["PLAINTEXT://127.0.0.1:0"]), none, "any port");
        assert_eq!(advertise(&["PLAINTEXT://example.com:1"], own), none, "a port may be mapped on the way");
        let two: &[&str] = &["PLAINTEXT://127.0.0.1:1", "OUT://127.0.0.1:2"];
        assert_eq!(advertise(&["PLAINTEXT://localhost:2", "OUT://localhost:1"], two), none);
    }

    #[test]
    fn unencrypted_is_never_served_where_tls_was_asked_for() {
        let listen = |listeners: &'static [&'static str]| Case { listeners, ..PLAIN };
        assert!(
            only_error(&listen(&["SSL://localhost:1"])).contains("listener SSL speaks SSL, which is not")
        );
        assert_eq!(
            only_error(&listen(&["INNER://localhost:1"])),
            "listeners: listener INNER has no security protocol; add INNER:PLAINTEXT to \
             listener.security.protocol.map, or call the listener PLAINTEXT"
        );
    }

    #[test]
    fn listeners_for_controllers_stay_closed() {
        let case = Case {
            listeners: &["PLAINTEXT://localhost:9092", "CONTROLLER://:9093"],
            advertised: Some(&["PLAINTEXT://localhost:9092", "CONTROLLER://localhost:9093"]),
            controllers: &["CONTROLLER"],
            ..PLAIN
        };
        let resolved = run(&case);
        assert_eq!(resolved.errors, []);
        assert_eq!(texts(&resolved.listeners), ["PLAINTEXT://localhost:9092"]);
        assert_eq!(texts(&resolved.advertised), ["PLAINTEXT://localhost:9092"]);
        assert_eq!(
            resolved.warnings,
            [ConfigWarning::ControllerListener {
                name: "CONTROLLER".into(),
                reason: ClosedListener::NoQuorum
            }]
        );
        let none = Case { listeners: &["CONTROLLER://:9093"], advertised: None, ..case };
        assert!(only_error(&none).contains("every listener is for controllers"));
        let missing = Case { controllers: &["OTHER"], ..PLAIN };
        assert!(only_error(&missing).contains("OTHER stands in controller.listener.names"));
    }

    #[test]
    fn the_first_listener_for_controllers_is_opened_for_nodes() {
        let case = Case {
            listeners: &["PLAINTEXT://localhost:9092", "OUT://:9093"],
            controllers: &["OUT"],
            between_nodes: BetweenNodes::Opened,
            exposure: Exposure::Accepted,
            ..PLAIN
        };
        let resolved = run(&case);
        assert_eq!((resolved.errors, resolved.warnings), (vec![], vec![]));
        assert_eq!(texts(&resolved.listeners), ["PLAINTEXT://localhost:9092"]);
        let found = resolved.between_nodes.expect("opened");
        assert_eq!(texts(&[found.listener, found.advertised]), ["OUT://:9093", "OUT://box:9093"]);
        let told = Case { advertised: Some(&["PLAINTEXT://localhost:1", "OUT://localhost:2"]), ..case };
        let resolved = run(&told);
        assert_eq!(texts(&resolved.advertised), ["PLAINTEXT://localhost:1"]);
        assert_eq!(resolved.between_nodes.expect("opened").advertised.port, 2);
        let (name, host) = ("OUT".to_owned(), "localhost".to_owned());
        let loopback =
            ConfigWarning::AdvertisedLoopback { name, host: host.clone(), audience: Audience::Nodes };
        let (name, audience) = ("PLAINTEXT".to_owned(), Audience::Clients);
        let elsewhere = ConfigWarning::AdvertisedElsewhere { name, host, port: 1, listens: 9092, audience };
        assert_eq!(resolved.warnings, [elsewhere, loopback]);
        let nameless = Case { hostname: None, ..case };
        assert!(only_error(&nameless).contains("by which name nodes reach this machine"));
        let exposed = Case { exposure: Exposure::LoopbackOnly, ..case };
        assert!(only_error(&exposed).contains("listener OUT at 0.0.0.0:9093 can be reached"));
        let encrypted = Case {
            listeners: &["PLAINTEXT://localhost:9092", "SSL://localhost:9093"],
            controllers: &["SSL"],
            ..case
        };
        assert!(only_error(&encrypted).contains("listener SSL speaks SSL"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[A-Z\\[\\]:/.0-9%é]{0,32}") {
            if let Ok(listener) = Listener::parse(&text) {
                prop_assert_eq!(Listener::parse(&listener.to_string()), Ok(listener));
            }
        }
    }
}
