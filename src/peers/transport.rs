use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::apart::Apart;
use super::frame::{FrameLimits, FrameReader, HELLO_BYTES_MAX, LinkError, write_frame};
use super::hello::commit_to_wire;
use super::link::{Direction, Ended, Link, LinkEvent, LinkId};
use super::listener::Accepting;
use super::pace::{Backoff, Throttle};
use super::{Greeting, Identity, Introductions, NodeAddress, PeerTiming};
use crate::io::{Connection, Elapsed, Io, Listener, Shutdown, TaskHandle, WriteHalf, timeout, write_all};
use crate::types::{Instant, NodeId, Uuid};
use crate::wire::PeerFrame;
use crate::wire::messages::{PeerFetchReply, PeerHello};
use crate::wire::peer::MAGIC;

/// How connections between nodes behave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerOptions {
    pub timing: PeerTiming,
    /// From connect to the answered hello.
    pub handshake: Duration,
    /// For one frame to pass.
    pub transfer: Duration,
    /// The largest frame that this node takes, in bytes.
    pub frame_bytes_max: usize,
    pub backoff_least: Duration,
    pub backoff_most: Duration,
    /// How many other nodes there may be.
    pub nodes_max: usize,
}

/// A failure that repeats is logged once in this time.
pub(super) const LOG_EVERY: Duration = Duration::from_secs(60);

/// How long a node may be away before anybody is told.
const AWAY_FOR_A_MOMENT: Duration = Duration::from_secs(2);

/// What the transport counts, since the start.
#[derive(Default, Debug)]
pub struct PeerStats {
    pub(super) connected: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) foreign: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl PeerStats {
    /// Handshakes that succeeded, of either side.
    #[must_use]
    pub fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }
    /// Connections closed because of what the other end sent.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
    /// Connections of something else than a node.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed)
    }
    /// Hellos that this node refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// How this node shows itself to others.
#[derive(Clone)]
pub struct Presence {
    /// Who it is. While it is nobody, hellos are not answered and nobody is dialled.
    pub identity: Arc<dyn Fn() -> Option<Identity> + Send + Sync>,
    /// Who answers introductions; `None`: they are not taken.
    pub introductions: Option<Arc<dyn Introductions>>,
    /// Where this node's clients connect, for those who dialled the listener for nodes; `None`: it has no clients.
    pub for_clients: Option<NodeAddress>,
    pub whereabouts: Whereabouts,
}

/// Where nodes listen for nodes, as they say when they connect.
#[derive(Clone, Default)]
pub struct Whereabouts {
    /// What this node says of itself.
    pub own: Option<NodeAddress>,
    /// What others said, once it was clear that they are who they are; as many as there may be nodes.
    met: Arc<Mutex<BTreeMap<NodeId, NodeAddress>>>,
    /// Of those that connected, what [`super::Admissions::alone`] says; as many as there may be nodes.
    alone: Arc<Mutex<BTreeMap<NodeId, (Uuid, Instant)>>>,
}

impl Whereabouts {
    /// Of a node that listens there.
    #[must_use]
    pub fn at(own: NodeAddress) -> Whereabouts {
        Whereabouts { own: Some(own), met: Arc::default(), alone: Arc::default() }
    }

    /// Where the nodes are that have connected to this one.
    #[must_use]
    pub fn met(&self) -> BTreeMap<NodeId, NodeAddress> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The directory of the process that speaks here for a node, or did last, and since when nothing else has claimed to be
    /// that node; `None` if it has not connected since this node began.
    #[must_use]
    pub fn alone(&self, node: NodeId) -> Option<(Uuid, Instant)> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    pub(super) fn note_alone(&self, node: NodeId, alone: Option<(Uuid, Instant)>) {
        if let Some(alone) = alone {
            self.alone.lock().unwrap_or_else(PoisonError::into_inner).insert(node, alone);
        }
    }

    /// Notes where a node is said to be; of no more than `nodes_max` nodes.
    pub fn meet(&self, node: NodeId, address: NodeAddress, nodes_max: usize) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() < nodes_max || met.contains_key(&node) {
            met.insert(node, address);
        }
    }

    /// What a hello says, if it is an address.
    pub(super) fn of(hello: &PeerHello) -> Option<NodeAddress> {
        NodeAddress::said(hello.host.as_deref(), hello.port)
    }
}

/// A connection whose handshake is done.
struct Greeted {
    greeting: Greeting,
    reader: FrameReader,
    write: Box<dyn WriteHalf>,
    apart: Option<Apart>,
}

/// The connections of a node to the others. Moves frames; what they mean is its owner's, who gets [`LinkEvent`]s. Cheap
/// to clone.
#[derive(Clone)]
pub struct PeerTransport {
    pub(super) io: Io,
    pub(super) options: PeerOptions,
    pub(super) presence: Presence,
    pub(super) events: mpsc::Sender<LinkEvent>,
    pub(super) shutdown: Shutdown,
    pub(super) stats: Arc<PeerStats>,
    /// What was logged of connections that were accepted.
    pub(super) log: Arc<Mutex<Throttle>>,
    serials: Arc<AtomicU64>,
    /// Which commit of this node's journal came next when the process started.
    found_commit: Option<u64>,
}

/// The attempts to stay connected to one node; they end when this is dropped.
pub struct Dialling {
    stop: Shutdown,
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.stop.begin();
    }
}

impl PeerTransport {
    /// A transport that tells what happens through `events`, a bounded queue: while it is full, nothing is read.
    #[must_use]
    pub fn new(
        io: Io,
        options: PeerOptions,
        presence: Presence,
        events: mpsc::Sender<LinkEvent>,
        shutdown: Shutdown,
    ) -> PeerTransport {
        PeerTransport {
            io,
            options,
            presence,
            events,
            shutdown,
            stats: Arc::default(),
            log: Arc::new(Mutex::new(Throttle::new(LOG_EVERY))),
            serials: Arc::default(),
            found_commit: None,
        }
    }

    /// Has each hello say which commit of this node's journal came next when the process started.
    #[must_use]
    pub fn telling(self, found_commit: Option<u64>) -> PeerTransport {
        PeerTransport { found_commit, ..self }
    }

    #[must_use]
    pub fn stats(&self) -> &PeerStats {
        &self.stats
    }

    /// A frame of `node` was none that a sound node sends, as its owner found, who closes the connection.
    pub fn malformed(&self, node: NodeId, what: &str) {
        self.stats.malformed.fetch_add(1, Ordering::Relaxed);
        if let Some(held_back) = self.may_log("malformed") {
            warn!(%node, held_back, "closed a connection to another node: it sent what no node sends: {what}");
        }
    }

    /// Takes connections of other nodes until shutdown.
    pub fn serve(&self, listener: Box<dyn Listener>) -> TaskHandle {
        let accepting = Accepting::new(self.clone());
        self.io.spawn.spawn("peer-listener", Box::pin(accepting.run(listener)))
    }

    /// Keeps this node connected to `node`, which listens there.
    #[must_use]
    pub fn dial(&self, node: NodeId, host: &str, port: u16) -> Dialling {
        let stop = Shutdown::new();
        let (transport, host, stopped) = (self.clone(), host.to_owned(), stop.clone());
        drop(self.io.spawn.spawn(
            "peer-dialler",
            Box::pin(async move {
                tokio::select! {
                    biased;
                    () = transport.shutdown.begun() => {}
                    () = transport.keep_dialling(node, &host, port, &stopped) => {}
                }
            }),
        ));
        Dialling { stop }
    }

    async fn keep_dialling(&self, node: NodeId, host: &str, port: u16, stop: &Shutdown) {
        let mut random = self.io.rng.stream("peer-backoff");
        let mut backoff = Backoff::new(self.options.backoff_least, self.options.backoff_most);
        let (mut log, mut clocks) = (Throttle::new(LOG_EVERY), Throttle::new(LOG_EVERY));
        let mut failing_since = None;
        while !stop.has_begun() {
            let began = self.io.clock.now();
            let ended = self.dial_once(node, host, port, (stop, &mut clocks)).await;
            if stop.has_begun() {
                return;
            }
            let Ended { reason, was_answered } = ended;
            if was_answered {
                backoff.reset();
                failing_since = None;
            }
            if reason.is_refused() {
                // The owner is gone if it does not take this.
                drop(self.events.send(LinkEvent::Refused { peer: node }).await);
            }
            if let Some(told) = reason.forgot() {
                drop(self.events.send(LinkEvent::Forgot { peer: node, told }).await);
            }
            let now = self.io.clock.now();
            // Whether the node is there still is worth knowing at once; one that goes on closing waits as any other.
            let at_once = was_answered && now.since(began) >= self.options.backoff_most;
            // A node that starts or stops is away for a moment: no reason to alarm anybody.
            let lasts =
                failing_since.get_or_insert(now).after(AWAY_FOR_A_MOMENT) <= now || reason.is_malformed();
            self.count(&reason);
            let text = reason.to_string();
            let kind = if reason.is_malformed() { "malformed" } else { &text };
            if let Some(held_back) = lasts.then(|| log.permit(now, kind)).flatten() {
                warn!(%node, host, port, held_back, "no connection to another node: {text}");
            }
            if at_once {
                continue;
            }
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = self.io.clock.sleep(backoff.wait(random.next_u64())) => {}
            }
        }
    }

    /// One connection, from its making to its end.
    async fn dial_once(
        &self,
        node: NodeId,
        host: &str,
        port: u16,
        (stop, clocks): (&Shutdown, &mut Throttle),
    ) -> Ended {
        let deadline = self.io.clock.now().after(self.options.handshake);
        let greeting = tokio::select! {
            biased;
            () = stop.begun() => Err(LinkError::Ours),
            greeted = timeout(&*self.io.clock, deadline, self.greet(node, host, port)) => {
                greeted.unwrap_or_else(|Elapsed| Err(LinkError::NoHandshake(self.options.handshake)))
            }
        };
        let Greeted { greeting, reader, write, apart } = match greeting {
            Ok(greeted) => greeted,
            Err(reason) => return Ended { reason, was_answered: false },
        };
        self.note_clock(node, apart, clocks);
        self.stats.connected.fetch_add(1, Ordering::Relaxed);
        info!(%node, host, port, "connected to another node");
        let closing = Shutdown::new();
        let link = self.link(Direction::Dialled, greeting, reader, write, closing.clone());
        let running = link.run(None, |frame| {
            if let PeerFrame::FetchReply(reply) = frame {
                self.note_clock(node, self.apart(reply), clocks);
            }
        });
        tokio::pin!(running);
        tokio::select! {
            biased;
            () = stop.begun() => closing.begin(),
            ended = &mut running => return ended,
        }
        running.await
    }

    async fn greet(&self, node: NodeId, host: &str, port: u16) -> Result<Greeted, LinkError> {
        let identity = (self.presence.identity)().ok_or(LinkError::NotJoined)?;
        let Connection { read, mut write, .. } = self.io.net.connect(host, port).await?;
        write_all(&mut *write, &MAGIC).await?;
        let mut hello = identity.hello(node);
        if let Some(own) = &self.presence.whereabouts.own {
            hello.host = Some(own.host.as_str().into());
            hello.port = own.port.into();
        }
        hello.found_commit = commit_to_wire(self.found_commit);
        let clock = &*self.io.clock;
        let asked = clock.now();
        write_frame(&mut *write, &PeerFrame::Hello(hello), 0, HELLO_BYTES_MAX).await?;
        let mut reader = FrameReader::new(read);
        match PeerFrame::decode(reader.next(clock, self.hello_limits()).await?, 0)? {
            PeerFrame::HelloReply(reply) => {
                let apart = Apart::between(reply.wall_clock, clock.wall(), clock.now().since(asked));
                Ok(Greeted { greeting: identity.greeted(node, &reply)?, reader, write, apart })
            }
            other => Err(LinkError::Unexpected(other.name())),
        }
    }

    /// How far the clock of who replied is from this node's, if the reply tells of it.
    fn apart(&self, reply: &PeerFetchReply) -> Option<Apart> {
        let asked = u64::try_from(reply.echo).ok().map(Instant)?;
        let clock = &*self.io.clock;
        Apart::between(reply.wall_clock, clock.wall(), clock.now().since(asked))
    }

    /// Warns of a clock that is far from this node's.
    fn note_clock(&self, node: NodeId, apart: Option<Apart>, clocks: &mut Throttle) {
        if let Some(apart) = apart
            && clocks.permit(self.io.clock.now(), apart.direction()).is_some()
        {
            warn!(%node, "{}", apart.told(node));
        }
    }

    pub(super) fn hello_limits(&self) -> FrameLimits {
        FrameLimits {
            bytes_max: HELLO_BYTES_MAX,
            silence: self.options.handshake,
            transfer: self.options.handshake,
        }
    }

    pub(super) fn link(
        &self,
        direction: Direction,
        greeting: Greeting,
        reader: FrameReader,
        write: Box<dyn WriteHalf>,
        closing: Shutdown,
    ) -> Link {
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        Link {
            io: self.io.clone(),
            options: self.options,
            id: LinkId { peer: greeting.peer.node, direction, serial },
            greeting,
            reader,
            write,
            events: self.events.clone(),
            shutdown: self.shutdown.clone(),
            closing,
        }
    }

    pub(super) fn count(&self, reason: &LinkError) {
        if reason.is_malformed() {
            self.stats.malformed.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(reason, LinkError::Foreign(_) | LinkError::KafkaClient { .. }) {
            self.stats.foreign.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a line about an accepted connection is to be written, and how many were not.
    pub(super) fn may_log(&self, kind: &str) -> Option<u64> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.permit(self.io.clock.now(), kind)
    }
}
