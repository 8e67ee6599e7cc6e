use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::frame::{FrameLimits, FrameReader, HELLO_BYTES_MAX, LinkError, write_frame};
use super::hello::{commit_from_wire, commit_to_wire};
use super::link::{Direction, Ended, expected};
use super::pace::Throttle;
use super::transport::LOG_EVERY;
use super::{
    Admissions, Greeting, Introduction, NodeAddress, PeerTransport, Refusal, RefusedHello, Ticket,
    Whereabouts,
};
use crate::io::{Connection, Elapsed, Listener, Shutdown, WriteHalf, timeout};
use crate::types::NodeId;
use crate::wire::messages::PeerHelloReply;
use crate::wire::peer::MAGIC;
use crate::wire::{PeerFrame, Text};

/// How many connections may be open that have not said yet, or not confirmed, who they are.
const UNCONFIRMED_MAX: usize = 16;

/// How long the listener rests after an error that will not pass by itself, such as a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections that other nodes made. Cheap to clone.
#[derive(Clone)]
pub(super) struct Accepting {
    transport: PeerTransport,
    known: Arc<Mutex<Known>>,
    unconfirmed: Arc<AtomicUsize>,
    /// What was warned of: each refusal for itself, since who is refused dials again, and others may be at the same time.
    warned: Arc<Mutex<BTreeMap<Refusal, Throttle>>>,
}

struct Known {
    admissions: Admissions,
    /// How to close a connection that is open.
    open: BTreeMap<Ticket, Shutdown>,
}

impl Accepting {
    pub(super) fn new(transport: PeerTransport) -> Accepting {
        let options = transport.options;
        let admissions = Admissions::new(options.timing.silence, options.nodes_max);
        let known = Arc::new(Mutex::new(Known { admissions, open: BTreeMap::new() }));
        Accepting { transport, known, unconfirmed: Arc::default(), warned: Arc::default() }
    }

    pub(super) async fn run(self, mut listener: Box<dyn Listener>) {
        let shutdown = self.transport.shutdown.clone();
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.begun() => return,
                accepted = poll_fn(|context| listener.poll_accept(context)) => accepted,
            };
            match accepted {
                Ok(connection) => self.start(connection),
                Err(error) => {
                    warn!(%error, "a node's connection could not be taken");
                    self.transport.io.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn start(&self, connection: Connection) {
        let place = Place::take(&self.unconfirmed);
        let Some(place) = place else {
            if let Some(held_back) = self.transport.may_log("crowded") {
                warn!(peer = %connection.peer, held_back, "too many connections that did not say who they are");
            }
            return;
        };
        let this = self.clone();
        let task = async move {
            let shutdown = this.transport.shutdown.clone();
            let peer = connection.peer;
            let end = tokio::select! {
                biased;
                () = shutdown.begun() => return,
                end = this.greet(connection) => end,
            };
            match end {
                Ok(Met::Claimant(claimant)) => this.confirm(*claimant, place, peer).await,
                Ok(Met::Introduced) => {}
                Err(reason) => this.log(peer, &reason),
            }
        };
        drop(self.transport.io.spawn.spawn("peer-connection", Box::pin(task)));
    }

    /// The acceptor's side of the handshake.
    async fn greet(&self, connection: Connection) -> Result<Met, LinkError> {
        let Connection { read, write, .. } = connection;
        let clock = &*self.transport.io.clock;
        let patience = self.transport.options.handshake;
        let deadline = clock.now().after(patience);
        let greeting = timeout(clock, deadline, self.greet_in_time(FrameReader::new(read), write));
        greeting.await.unwrap_or_else(|Elapsed| Err(LinkError::NoHandshake(patience)))
    }

    async fn greet_in_time(
        &self,
        mut reader: FrameReader,
        mut write: Box<dyn WriteHalf>,
    ) -> Result<Met, LinkError> {
        reader.expect(&MAGIC).await?;
        let limits = self.transport.hello_limits();
        let hello = match PeerFrame::decode(reader.next(&*self.transport.io.clock, limits).await?, 0)? {
            PeerFrame::Hello(hello) => hello,
            PeerFrame::Introduction(theirs) => {
                let theirs = Introduction::from_wire(&theirs)?;
                let presence = &self.transport.presence;
                let introductions = presence.introductions.as_ref().ok_or(LinkError::NotForming)?;
                let own = introductions.introduced(theirs).await;
                let answer = PeerFrame::Introduction(own.to_wire());
                write_frame(&mut *write, &answer, 0, HELLO_BYTES_MAX).await?;
                return Ok(Met::Introduced);
            }
            other => return Err(LinkError::Unexpected(other.name())),
        };
        let identity = (self.transport.presence.identity)().ok_or(LinkError::NotJoined)?;
        let mut told = None;
        let admitted = identity.meet(&hello)?.and_then(|greeting| {
            let now = self.transport.io.clock.now();
            let mut known = self.lock();
            let node = greeting.peer.node;
            let ticket = known.admissions.hello(now, &greeting.peer, commit_from_wire(hello.found_commit));
            told = known.admissions.told_commit(node);
            self.transport.presence.whereabouts.note_alone(node, known.admissions.alone(node));
            drop(known);
            let ticket = ticket?;
            // Given back from here on, whatever becomes of the connection.
            Ok((
                greeting.clone(),
                Admitted { known: Arc::clone(&self.known), node: greeting.peer.node, ticket },
            ))
        });
        let outcome = admitted.as_ref().map(|(greeting, _)| greeting.version).map_err(|refusal| *refusal);
        let wall_clock = self.transport.io.clock.wall().0;
        let told_commit = match outcome {
            Err(Refusal::Forgot) => commit_to_wire(told),
            _ => -1,
        };
        let reply =
            PeerFrame::HelloReply(PeerHelloReply { wall_clock, told_commit, ..identity.reply(outcome) });
        write_frame(&mut *write, &reply, 0, HELLO_BYTES_MAX).await?;
        match admitted {
            Ok((greeting, admitted)) => {
                let address = Whereabouts::of(&hello);
                Ok(Met::Claimant(Box::new(Claimant { greeting, address, admitted, reader, write })))
            }
            Err(refusal) => Err(self.refused(refusal, NodeId(hello.node_id), hello.cluster_id)),
        }
    }

    /// Waits for the request that confirms the hello, and serves the connection to its end.
    async fn confirm(&self, claimant: Claimant, place: Place, peer: SocketAddr) {
        let transport = &self.transport;
        let Claimant { greeting, address, admitted, mut reader, write } = claimant;
        let options = transport.options;
        let limits = FrameLimits {
            bytes_max: options.frame_bytes_max,
            silence: options.timing.silence,
            transfer: options.transfer,
        };
        let first = async {
            let frame = reader.next(&*transport.io.clock, limits).await?;
            let frame = PeerFrame::decode(frame, greeting.version)?;
            match &frame {
                PeerFrame::Fetch(_) => Ok(frame),
                other => Err(LinkError::Unexpected(other.name())),
            }
        };
        let first = tokio::select! {
            biased;
            () = transport.shutdown.begun() => return,
            first = first => first,
        };
        let closing = Shutdown::new();
        let confirmed = first.and_then(|first| {
            let now = transport.io.clock.now();
            admitted.confirm(now, &closing).map_err(|refusal| {
                let reason = self.refused(refusal, greeting.peer.node, greeting.peer.cluster.clone());
                // Of the same process, most often, which has dialled again.
                if refusal == Refusal::Superseded { LinkError::Overtaken } else { reason }
            })?;
            admitted.heard(now, &first);
            Ok(first)
        });
        let first = match confirmed {
            Ok(first) => first,
            Err(reason) => return self.log(peer, &reason),
        };
        drop(place);
        let alone = self.lock().admissions.alone(greeting.peer.node);
        transport.presence.whereabouts.note_alone(greeting.peer.node, alone);
        transport.stats.connected.fetch_add(1, Ordering::Relaxed);
        info!(node = %greeting.peer.node, %peer, "another node is connected");
        if let Some(address) = address {
            transport.presence.whereabouts.meet(greeting.peer.node, address, transport.options.nodes_max);
        }
        let clock = Arc::clone(&transport.io.clock);
        let link = transport.link(Direction::Accepted, greeting, reader, write, closing);
        debug_assert!(expected(Direction::Accepted, &first).is_ok());
        let Ended { reason, .. } = link.run(Some(first), |frame| admitted.heard(clock.now(), frame)).await;
        self.log(peer, &reason);
    }

    /// The hello of `node`, which names the cluster `theirs`, is refused.
    fn refused(&self, refusal: Refusal, node: NodeId, theirs: Option<Text>) -> LinkError {
        self.transport.stats.refused.fetch_add(1, Ordering::Relaxed);
        let ours = (self.transport.presence.identity)().and_then(|own| own.cluster);
        LinkError::Refused(RefusedHello { refusal, node, theirs, ours })
    }

    fn log(&self, peer: SocketAddr, reason: &LinkError) {
        self.transport.count(reason);
        if let LinkError::KafkaClient { api, version } = reason {
            if let Some(held_back) = self.transport.may_log("kafka client") {
                let what = format!("{} v{version}", api.name());
                let told = misdialled(&what, self.transport.presence.for_clients.as_ref());
                warn!(%peer, held_back, "{told}");
            }
            return;
        }
        if let LinkError::Refused(refused) = reason
            && let Some(mistake) = refused.mistake()
        {
            if let Some(held_back) = self.may_warn(refused.refusal) {
                warn!(node = %refused.node, %peer, held_back, "{mistake}");
            }
            return;
        }
        let text = reason.to_string();
        let kind = if reason.is_malformed() { "malformed" } else { &text };
        if let Some(held_back) = self.transport.may_log(kind) {
            info!(%peer, held_back, "a connection to the inter-broker listener has ended: {text}");
        }
    }

    /// Whether a warning of such a refusal is to be written, and how many were not.
    fn may_warn(&self, refusal: Refusal) -> Option<u64> {
        let now = self.transport.io.clock.now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.entry(refusal).or_insert_with(|| Throttle::new(LOG_EVERY)).permit(now, "")
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For whoever runs a Kafka client that dialled this listener, and began with `what`.
fn misdialled(what: &str, for_clients: Option<&NodeAddress>) -> String {
    let at =
        for_clients.map_or_else(|| "with a broker's listener for clients".to_owned(), ToString::to_string);
    format!(
        "a Kafka client ({what}) dialled the listener for nodes (controller.listener.names), where no client is answered: give \
         it --bootstrap-server {at}, and no --bootstrap-controller"
    )
}

/// What the first frame made of a connection.
enum Met {
    Claimant(Box<Claimant>),
    /// All is said.
    Introduced,
}

/// A connection whose hello was accepted, and is not confirmed.
struct Claimant {
    greeting: Greeting,
    /// Where it says that it listens.
    address: Option<NodeAddress>,
    admitted: Admitted,
    reader: FrameReader,
    write: Box<dyn WriteHalf>,
}

/// A place among those that have not confirmed who they are; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Place> {
        let place = Place(Arc::clone(taken));
        // Counted before it is compared, so that the drop of one that does not fit gives it back.
        (taken.fetch_add(1, Ordering::SeqCst) < UNCONFIRMED_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection's standing among those of its node; given back when dropped.
struct Admitted {
    known: Arc<Mutex<Known>>,
    node: NodeId,
    ticket: Ticket,
}

impl Admitted {
    /// This connection speaks for its node; the one that did so before is closed.
    fn confirm(&self, now: crate::types::Instant, closing: &Shutdown) -> Result<(), Refusal> {
        let mut known = self.lock();
        let replaced = known.admissions.confirm(now, self.ticket)?;
        if let Some(replaced) = replaced.and_then(|ticket| known.open.remove(&ticket)) {
            replaced.begin();
        }
        known.open.insert(self.ticket, closing.clone());
        Ok(())
    }

    fn heard(&self, now: crate::types::Instant, frame: &PeerFrame) {
        let next_commit = match frame {
            PeerFrame::Fetch(fetch) => commit_from_wire(fetch.next_commit),
            _ => None,
        };
        self.lock().admissions.heard(now, self.node, self.ticket, next_commit);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut known = self.lock();
        known.admissions.ended(self.node, self.ticket);
        known.open.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_where_clients_connect() {
        let address = NodeAddress { host: "box".to_owned(), port: 9092 };
        assert_eq!(
            misdialled("ApiVersions v4", Some(&address)),
            "a Kafka client (ApiVersions v4) dialled the listener for nodes (controller.listener.names), where no client is \
             answered: give it --bootstrap-server box:9092, and no --bootstrap-controller"
        );
        let told = misdialled("Metadata v1", None);
        assert!(told.contains("--bootstrap-server with a broker's listener for clients, and"), "{told}");
    }
}
