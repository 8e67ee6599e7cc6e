use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::frames::Frames;
use crate::disk::Range;
use crate::rng::Stream;
use crate::time::SimTime;
use crate::world::{Incarnation, NodeIndex, ip_of};

/// What the network between the nodes is like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetOptions {
    /// From one node to another, one way.
    #[serde(rename = "latency_us", with = "crate::case::micros_range")]
    pub latency: Range,
    /// From a node to itself.
    #[serde(rename = "loopback_us", with = "crate::case::micros_range")]
    pub loopback: Range,
    /// The share, in thousandths, of segments that take up to ten times as long.
    pub late_per_mille: u32,
    /// The share, in thousandths, of segments that are lost and sent again.
    pub loss_per_mille: u32,
    /// How long the first sending again waits; each further one twice as long.
    #[serde(rename = "resend_us", with = "crate::case::micros")]
    pub resend: Duration,
    /// What may be on the way or unread in one direction of a stream, in bytes.
    pub window: usize,
    /// The share, in thousandths, of writes and of reads that move only a part of what they could.
    pub partial_per_mille: u32,
    /// How long a sender tries before it gives its stream up.
    #[serde(rename = "give_up_us", with = "crate::case::micros")]
    pub give_up: Duration,
    /// How many connections wait to be accepted.
    pub backlog: usize,
}

impl Default for NetOptions {
    fn default() -> NetOptions {
        NetOptions {
            latency: (Duration::from_micros(50), Duration::from_micros(500)),
            loopback: (Duration::from_micros(5), Duration::from_micros(30)),
            late_per_mille: 10,
            loss_per_mille: 0,
            resend: Duration::from_millis(200),
            window: 64 * 1024,
            partial_per_mille: 100,
            give_up: Duration::from_secs(900),
            backlog: 128,
        }
    }
}

pub(crate) type StreamId = u64;
pub(super) type ListenerId = u64;

/// Which end of a stream: the one that connected, or the one that accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// Everything that is on the network or waits in a kernel.
pub(crate) struct NetState {
    pub(super) rng: Stream,
    pub(super) options: NetOptions,
    pub(super) hosts: BTreeMap<NodeIndex, Host>,
    pub(super) listeners: BTreeMap<ListenerId, ListenerState>,
    pub(super) streams: BTreeMap<StreamId, StreamState>,
    /// Directions in which nothing passes.
    pub(crate) cut: BTreeSet<(NodeIndex, NodeIndex)>,
    /// What is added to the latency of a direction.
    pub(crate) slow: BTreeMap<(NodeIndex, NodeIndex), Duration>,
    /// When data last came to the first from the second.
    pub(super) heard: BTreeMap<(NodeIndex, NodeIndex), SimTime>,
    /// How often something was written by the first for the second.
    pub(super) writes: BTreeMap<(NodeIndex, NodeIndex), u64>,
    /// Of what somebody reads about.
    pub(super) frames: Frames,
    next_id: u64,
}

pub(super) struct Host {
    pub(super) name: String,
    /// Whether the machine has power.
    pub(super) powered: bool,
    next_port: u16,
}

pub(super) struct ListenerState {
    pub(super) node: NodeIndex,
    pub(super) incarnation: Incarnation,
    pub(super) address: SocketAddr,
    pub(super) backlog: VecDeque<StreamId>,
    pub(super) waker: Option<Waker>,
}

pub(super) struct StreamState {
    pub(super) client: End,
    pub(super) server: End,
}

impl StreamState {
    pub(super) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// One end of a stream, as the kernel of its node keeps it.
pub(super) struct End {
    pub(super) node: NodeIndex,
    pub(super) incarnation: Incarnation,
    pub(super) address: SocketAddr,
    /// Whether the process still holds that half.
    pub(super) read_open: bool,
    pub(super) write_open: bool,
    /// The kernel has forgotten the socket: what arrives is answered with a reset.
    pub(super) gone: bool,
    pub(super) inbox: VecDeque<Bytes>,
    pub(super) inbox_bytes: usize,
    pub(super) end_received: bool,
    pub(super) failed: Option<io::ErrorKind>,
    /// What was read and not yet told to the peer.
    pub(super) read_untold: usize,
    pub(super) telling: bool,
    /// What may still be sent.
    pub(super) credit: usize,
    pub(super) end_sent: bool,
    pub(super) outgoing: VecDeque<Segment>,
    pub(super) last_due: SimTime,
    pub(super) stalled_since: Option<SimTime>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

pub(super) struct Segment {
    pub(super) due: SimTime,
    pub(super) body: Body,
}

pub(super) enum Body {
    /// The last step of the handshake: the server's end comes to be.
    Open,
    Data(Bytes),
    End,
}

impl End {
    pub(super) fn new(node: NodeIndex, incarnation: Incarnation, address: SocketAddr, window: usize) -> End {
        End {
            node,
            incarnation,
            address,
            read_open: true,
            write_open: true,
            gone: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            end_received: false,
            failed: None,
            read_untold: 0,
            telling: false,
            credit: window,
            end_sent: false,
            outgoing: VecDeque::new(),
            last_due: SimTime(0),
            stalled_since: None,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn wakers(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.reader.take().into_iter().chain(self.writer.take())
    }
}

const FIRST_EPHEMERAL_PORT: u16 = 32_768;

impl NetState {
    pub(crate) fn new(options: NetOptions, rng: Stream) -> NetState {
        NetState {
            rng,
            options,
            hosts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            streams: BTreeMap::new(),
            cut: BTreeSet::new(),
            heard: BTreeMap::new(),
            writes: BTreeMap::new(),
            frames: Frames::default(),
            slow: BTreeMap::new(),
            next_id: 1,
        }
    }

    pub(crate) fn add_host(&mut self, node: NodeIndex, name: &str) {
        let host = Host { name: name.to_owned(), powered: true, next_port: FIRST_EPHEMERAL_PORT };
        self.hosts.insert(node, host);
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn host_name(&self, node: NodeIndex) -> &str {
        self.hosts.get(&node).map_or("?", |host| &host.name)
    }

    pub(super) fn is_powered(&self, node: NodeIndex) -> bool {
        self.hosts.get(&node).is_some_and(|host| host.powered)
    }

    /// Whether a segment gets from one node to the other now.
    pub(super) fn passes(&self, from: NodeIndex, to: NodeIndex) -> bool {
        self.is_powered(to) && !self.cut.contains(&(from, to))
    }

    /// A drawn latency, without losses.
    pub(super) fn latency(&mut self, from: NodeIndex, to: NodeIndex) -> Duration {
        let range = if from == to { self.options.loopback } else { self.options.latency };
        let mut latency = self.rng.duration(range.0, range.1);
        if self.rng.chance(self.options.late_per_mille) {
            latency *= u32::try_from(self.rng.between(2, 10)).expect("a small number");
        }
        latency + self.slow.get(&(from, to)).copied().unwrap_or_default()
    }

    /// A drawn latency of a segment that is sent again until it arrives.
    pub(super) fn latency_with_losses(&mut self, from: NodeIndex, to: NodeIndex) -> Duration {
        let mut latency = self.latency(from, to);
        let mut wait = self.options.resend;
        while from != to && self.rng.chance(self.options.loss_per_mille.min(900)) {
            latency += wait;
            wait *= 2;
        }
        latency
    }

    /// The node that a name or an address means, as `from` sees it, and its address there.
    pub(super) fn resolve(&self, from: NodeIndex, host: &str) -> Option<(NodeIndex, IpAddr)> {
        if host == "localhost" {
            return Some((from, IpAddr::from([127, 0, 0, 1])));
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            if ip.is_loopback() {
                return Some((from, ip));
            }
            return self.hosts.keys().copied().find(|node| ip_of(*node) == ip).map(|node| (node, ip));
        }
        let (node, _) = self.hosts.iter().find(|(_, found)| found.name == host)?;
        Some((*node, ip_of(*node)))
    }

    /// The listener that a connection to this address reaches.
    pub(super) fn listener_at(&self, node: NodeIndex, address: SocketAddr) -> Option<ListenerId> {
        let reaches = |listener: &ListenerState| {
            listener.node == node
                && listener.address.port() == address.port()
                && (listener.address.ip().is_unspecified() || listener.address.ip() == address.ip())
        };
        self.listeners.iter().find(|(_, listener)| reaches(listener)).map(|(id, _)| *id)
    }

    /// Whether a listener of the node has a port for this address or for an overlapping one.
    fn is_taken(&self, node: NodeIndex, address: SocketAddr) -> bool {
        let overlaps =
            |ip: IpAddr| ip == address.ip() || ip.is_unspecified() || address.ip().is_unspecified();
        self.listeners.values().any(|listener| {
            listener.node == node
                && listener.address.port() == address.port()
                && overlaps(listener.address.ip())
        })
    }

    /// A port of the node that nothing uses.
    pub(super) fn free_port(&mut self, node: NodeIndex) -> io::Result<u16> {
        for _ in 0..u16::MAX - FIRST_EPHEMERAL_PORT {
            let Some(host) = self.hosts.get_mut(&node) else { break };
            let port = host.next_port;
            host.next_port = port.checked_add(1).unwrap_or(FIRST_EPHEMERAL_PORT);
            let any = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), port);
            let used = |end: &End| end.node == node && end.address.port() == port && !end.gone;
            if !self.is_taken(node, any)
                && !self.streams.values().any(|stream| used(&stream.client) || used(&stream.server))
            {
                return Ok(port);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    pub(super) fn bind(
        &mut self,
        node: NodeIndex,
        incarnation: Incarnation,
        mut address: SocketAddr,
    ) -> io::Result<(ListenerId, SocketAddr)> {
        let ip = address.ip();
        if !(ip.is_unspecified() || ip.is_loopback() || ip == ip_of(node)) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        if address.port() == 0 {
            address.set_port(self.free_port(node)?);
        }
        if self.is_taken(node, address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let id = self.next_id();
        let listener = ListenerState { node, incarnation, address, backlog: VecDeque::new(), waker: None };
        self.listeners.insert(id, listener);
        Ok((id, address))
    }

    /// Forgets a stream that neither end knows and on which nothing travels.
    pub(super) fn forget_if_over(&mut self, id: StreamId) {
        let over = |end: &End| end.gone && end.outgoing.is_empty() && !end.read_open && !end.write_open;
        if self.streams.get(&id).is_some_and(|stream| over(&stream.client) && over(&stream.server)) {
            self.streams.remove(&id);
            self.frames.forget(id);
        }
    }
}
