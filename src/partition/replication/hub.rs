use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::calls::{CallService, Desk, Due, PeerCall, PeerCalls};
use super::slowness::{Slow, Slowness};
use super::turns::ShardTurns;
use super::{NodeDoubts, PeerStep, Post};
use crate::io::{Alarm, Io, Listener, Shutdown, TaskHandle};
use crate::log::{JournalFailed, JournalHandle};
use crate::partition::{Partitions, PartitionsClosed, shard_of};
use crate::peers::{
    Answerer, Asked, Asker, Dialling, Direction, LinkEvent, LinkId, Moved, NodeAddress, Outbox, PeerOptions,
    PeerStats, PeerTransport, Presence, Replied, commit_to_wire, read_message_rows, write_message_rows,
};
use crate::probe::{Condition, Malformed, Mutant, found_malformed, mutant, sometimes};
use crate::raft::{Contacts, Event};
use crate::types::{Instant, NodeId, PartitionId};
use crate::wire::PeerFrame;
use crate::wire::messages::{PeerFetch, PeerMessages};

/// Frames that were read and wait for the hub.
const EVENTS_MAX: usize = 16;

/// What the exchange with other nodes needs to know of this one.
pub struct PeerSetup {
    pub node: NodeId,
    pub options: PeerOptions,
    pub presence: Presence,
    /// Answers their calls.
    pub service: Arc<dyn CallService>,
}

/// The running exchange with other nodes.
pub struct Replication {
    shutdown: Shutdown,
    nodes: KnownNodes,
    transport: PeerTransport,
    calls: PeerCalls,
    doubts: NodeDoubts,
    tasks: Mutex<Vec<TaskHandle>>,
    /// Begun when the hub has ended, in whatever way.
    ended: Shutdown,
}

/// Says that the hub has ended.
struct Ending(Shutdown);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.begin();
    }
}

impl Replication {
    /// Joins the partitions of this node to those of others, which listen at these addresses; `listener` takes their
    /// connections. While this node belongs to no cluster, it takes introductions only.
    #[must_use]
    pub fn start(
        io: &Io,
        partitions: &Partitions,
        setup: PeerSetup,
        listener: Box<dyn Listener>,
        nodes: BTreeMap<NodeId, NodeAddress>,
    ) -> Replication {
        let shutdown = Shutdown::new();
        let (events, incoming) = mpsc::channel(EVENTS_MAX);
        let PeerSetup { node: own, options, presence, service } = setup;
        let journal = partitions.journal().clone();
        let found = tells_commits().then(|| journal.found_position().next.0);
        let transport =
            PeerTransport::new(io.clone(), options, presence, events, shutdown.clone()).telling(found);
        let serving = transport.serve(listener);
        let known = KnownNodes::default();
        known.set(nodes);
        let (shards, post) = partitions.peer_side();
        let (desk, doubts) = (Arc::<Desk>::default(), NodeDoubts::default());
        let calls = PeerCalls::new(Arc::clone(&desk));
        let hub = Hub {
            io: io.clone(),
            own,
            options,
            shards,
            post,
            transport: transport.clone(),
            journal,
            contacts: Contacts::new(options.timing.silence),
            nodes: BTreeMap::new(),
            links: BTreeMap::new(),
            refused: BTreeSet::new(),
            fetches: ShardTurns::default(),
            replies: ShardTurns::default(),
            desk,
            service,
            doubts: doubts.clone(),
            slowness: Slowness::default(),
            shutdown: shutdown.clone(),
        };
        let (stopped, told) = (shutdown.clone(), Arc::clone(&known.shared));
        let retiring = Arc::clone(&hub.post);
        let ended = Shutdown::new();
        let ending = Ending(ended.clone());
        let running = async move {
            let _ending = ending;
            tokio::select! {
                biased;
                () = stopped.begun() => {}
                // The shards are gone: so is the node.
                _gone = hub.run(incoming, told) => {}
            }
            retiring.retire();
        };
        let hub = io.spawn.spawn("replication", Box::pin(running));
        Replication {
            shutdown,
            nodes: known,
            transport,
            calls,
            doubts,
            tasks: Mutex::new(vec![serving, hub]),
            ended,
        }
    }

    /// Other nodes are known from now on, or other addresses.
    pub fn set_nodes(&self, nodes: BTreeMap<NodeId, NodeAddress>) {
        self.nodes.set(nodes);
    }

    /// For who is to tell of nodes without owning this.
    #[must_use]
    pub fn nodes(&self) -> KnownNodes {
        self.nodes.clone()
    }

    /// For requests that other nodes are to answer.
    #[must_use]
    pub fn calls(&self) -> PeerCalls {
        self.calls.clone()
    }

    /// Which of the known nodes may not be there.
    #[must_use]
    pub fn doubts(&self) -> NodeDoubts {
        self.doubts.clone()
    }

    /// What happened to connections so far.
    #[must_use]
    pub fn stats(&self) -> &PeerStats {
        self.transport.stats()
    }

    /// Completes when nothing is exchanged any more: once [`Replication::stop`] was called, or since something went wrong that must not.
    pub async fn ended(&self) {
        self.ended.begun().await;
    }

    /// Closes all connections.
    pub async fn stop(&self) {
        self.shutdown.begin();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.join().await {
                tracing::warn!(%error, "a task of the exchange with other nodes failed");
            }
        }
    }
}

/// The nodes that are dialled. Cheap to clone.
#[derive(Clone, Default)]
pub struct KnownNodes {
    shared: Arc<Known>,
}

impl KnownNodes {
    /// These are known from now on, at these addresses, and no others.
    pub fn set(&self, nodes: BTreeMap<NodeId, NodeAddress>) {
        *self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner) = Some(nodes);
        self.shared.changed.notify_one();
    }
}

/// The nodes that the hub is told of.
#[derive(Default)]
struct Known {
    /// Until the hub takes them.
    nodes: Mutex<Option<BTreeMap<NodeId, NodeAddress>>>,
    changed: Notify,
}

impl Known {
    fn take(&self) -> Option<BTreeMap<NodeId, NodeAddress>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Hub {
    io: Io,
    own: NodeId,
    options: PeerOptions,
    shards: Vec<mpsc::Sender<PeerStep>>,
    post: Arc<Post>,
    transport: PeerTransport,
    journal: JournalHandle,
    contacts: Contacts,
    nodes: BTreeMap<NodeId, (NodeAddress, Dialling)>,
    links: BTreeMap<LinkId, Owned>,
    /// Nodes where nothing listened, since the last connection with them was made.
    refused: BTreeSet<NodeId>,
    /// Shards that have something for requests to a node, and for replies to one.
    fetches: ShardTurns,
    replies: ShardTurns,
    desk: Arc<Desk>,
    service: Arc<dyn CallService>,
    doubts: NodeDoubts,
    /// This node's own.
    slowness: Slowness,
    shutdown: Shutdown,
}

impl Drop for Hub {
    /// However it ends, nobody waits for calls any more.
    fn drop(&mut self) {
        self.desk.close();
    }
}

/// A connection.
struct Owned {
    frames: mpsc::Sender<PeerFrame>,
    moved: Moved,
    /// It takes a frame.
    ready: bool,
    side: Side,
}

impl Owned {
    /// When it is to be closed, unless something comes until then.
    fn over(&self) -> Option<Instant> {
        let moved = if mutant(Mutant::ClusterWholeFramesCount) { Instant(0) } else { self.moved.last() };
        match &self.side {
            Side::Asks(asker, _) => asker.over(moved),
            Side::Answers(answerer, _) => Some(answerer.over(moved)),
        }
    }
}

enum Side {
    /// With what goes first into the next frame: fetches, messages and calls take turns.
    Asks(Asker, Turn),
    /// With whether the last frame was the response to a call: they take turns with the replies to fetches.
    Answers(Answerer, bool),
}

/// What a frame to an acceptor holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Messages,
    Calls,
    Fetches,
}

impl Turn {
    /// All, from this one on.
    fn round(self) -> [Turn; 3] {
        match self {
            Turn::Messages => [Turn::Messages, Turn::Calls, Turn::Fetches],
            Turn::Calls => [Turn::Calls, Turn::Fetches, Turn::Messages],
            Turn::Fetches => [Turn::Fetches, Turn::Messages, Turn::Calls],
        }
    }

    fn next(self) -> Turn {
        self.round()[1]
    }
}

/// Whether others are told how far the journal is durable.
fn tells_commits() -> bool {
    !mutant(Mutant::ClusterTellsNoCommit)
}

impl Hub {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<LinkEvent>,
        known: Arc<Known>,
    ) -> Result<(), PartitionsClosed> {
        let clock = Arc::clone(&self.io.clock);
        let (post, desk) = (Arc::clone(&self.post), Arc::clone(&self.desk));
        let mut alarm = Alarm::default();
        loop {
            if let Some(nodes) = known.take() {
                let known: Vec<NodeId> = nodes.keys().copied().collect();
                self.know(nodes);
                self.tell_all(|| PeerStep::Known { nodes: known.clone() }).await?;
            }
            tokio::select! {
                biased;
                () = known.changed.notified() => {}
                event = events.recv() => {
                    // The transport lives as long as the hub.
                    let Some(event) = event else { return Ok(()) };
                    self.expire().await?;
                    self.take(event).await?;
                    for _ in 1..EVENTS_MAX {
                        let Ok(event) = events.try_recv() else { break };
                        self.take(event).await?;
                    }
                }
                () = post.arrived() => {}
                () = desk.arrived() => {}
                () = alarm.at(&*clock, self.deadline()) => {}
            }
            self.expire().await?;
            self.post.vouch(self.contacts.deadline());
            self.collect().await?;
            self.write().await?;
        }
    }

    /// Dials the nodes that are known now, and no others.
    fn know(&mut self, nodes: BTreeMap<NodeId, NodeAddress>) {
        let now = self.io.clock.now();
        let own = self.own;
        for node in self.nodes.keys().copied().collect::<Vec<_>>() {
            if nodes.get(&node) != self.nodes.get(&node).map(|(address, _)| address) {
                self.nodes.remove(&node);
                self.refused.remove(&node);
                if !nodes.contains_key(&node) {
                    self.contacts.forget(node);
                    self.doubts.trust(node);
                }
            }
        }
        for (node, address) in nodes.into_iter().filter(|(node, _)| *node != own) {
            if !self.nodes.contains_key(&node) {
                self.contacts.watch(node, now);
                let dialling = self.transport.dial(node, &address.host, address.port);
                self.nodes.insert(node, (address, dialling));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let due = self.links.values().filter_map(|owned| match &owned.side {
            Side::Asks(asker, _) => owned.ready.then_some(asker.due()),
            Side::Answers(..) => None,
        });
        let over = self.links.values().filter_map(Owned::over);
        due.chain(over).chain(self.contacts.deadline()).min()
    }

    /// Tells who is silent, and closes connections whose other end is.
    async fn expire(&mut self) -> Result<(), PartitionsClosed> {
        let now = self.io.clock.now();
        let silent: Vec<_> = self.contacts.expired(now).collect();
        for event in silent {
            self.note(&event);
            self.tell_all(|| PeerStep::Contact(event.clone())).await?;
        }
        let is_over = |owned: &Owned| owned.over().is_some_and(|at| at <= now);
        let ended: Vec<LinkId> =
            self.links.iter().filter(|(_, owned)| is_over(owned)).map(|(&link, _)| link).collect();
        for link in ended {
            self.close(link).await?;
        }
        Ok(())
    }

    async fn tell(&self, shard: usize, step: PeerStep) -> Result<(), PartitionsClosed> {
        self.shards[shard].send(step).await.map_err(|_| PartitionsClosed)
    }

    async fn tell_all(&self, step: impl Fn() -> PeerStep) -> Result<(), PartitionsClosed> {
        for shard in 0..self.shards.len() {
            self.tell(shard, step()).await?;
        }
        Ok(())
    }

    async fn ask<R>(
        &self,
        shard: usize,
        step: impl FnOnce(oneshot::Sender<R>) -> PeerStep,
    ) -> Result<R, PartitionsClosed> {
        let (reply, answer) = oneshot::channel();
        self.tell(shard, step(reply)).await?;
        answer.await.map_err(|_| PartitionsClosed)
    }

    fn by_shard<T>(&self, rows: Vec<T>, id: impl Fn(&T) -> PartitionId) -> Vec<Vec<T>> {
        let mut split: Vec<Vec<T>> = self.shards.iter().map(|_| Vec::new()).collect();
        for row in rows {
            split[shard_of(id(&row), self.shards.len())].push(row);
        }
        split
    }

    async fn take(&mut self, event: LinkEvent) -> Result<(), PartitionsClosed> {
        let now = self.io.clock.now();
        match event {
            LinkEvent::Up { link, frames, greeting, moved } => {
                let timing = self.options.timing;
                let side = match link.direction {
                    Direction::Dialled => Side::Asks(Asker::new(timing, now), Turn::Messages),
                    Direction::Accepted => Side::Answers(Answerer::new(link.peer, timing, now), false),
                };
                // A connection takes the place of the one before it, of which the end may be told later.
                let same = |known: &&LinkId| known.peer == link.peer && known.direction == link.direction;
                if let Some(before) = self.links.keys().find(same).copied() {
                    self.links.remove(&before);
                }
                self.refused.remove(&link.peer);
                if self.contacts.is_heard(link.peer) {
                    self.doubts.trust(link.peer);
                }
                self.desk.up(link, greeting.peer.frame_bytes_max);
                self.links.insert(link, Owned { frames, moved, ready: true, side });
                let (peer, direction) = (link.peer, link.direction);
                self.tell_all(|| PeerStep::Up { peer, direction }).await
            }
            LinkEvent::Writable { link } => {
                if let Some(owned) = self.links.get_mut(&link) {
                    owned.ready = true;
                }
                Ok(())
            }
            LinkEvent::Down { link } => {
                if self.links.contains_key(&link) {
                    self.doubts.doubt(link.peer, now);
                }
                self.close(link).await?;
                self.look_for_gone(now, link.peer).await
            }
            LinkEvent::Refused { peer } => {
                self.refused.insert(peer);
                self.look_for_gone(now, peer).await
            }
            LinkEvent::Forgot { peer, told } => {
                let next = self.journal.found_position().next.0;
                if next < told {
                    self.journal.give_up(JournalFailed::Forgot { node: peer, told, next });
                } else {
                    self.note_malformed(peer, "it refuses this node for what it has not lost");
                }
                Ok(())
            }
            LinkEvent::Frame { link, frame } => match self.take_frame(now, link, frame).await? {
                Ok(()) => Ok(()),
                Err(what) => {
                    self.note_malformed(link.peer, &what);
                    self.close(link).await
                }
            },
        }
    }

    /// A process that listens no more and with which no connection is left has ended: its replicas need not wait for the silence.
    /// If it has not, this costs an election and nothing else.
    async fn look_for_gone(&mut self, now: Instant, peer: NodeId) -> Result<(), PartitionsClosed> {
        let listens = !self.refused.contains(&peer) && !mutant(Mutant::ReplicaGoneByReset);
        if listens || self.links.keys().any(|link| link.peer == peer) {
            return Ok(());
        }
        let Some(event) = self.contacts.gone(peer, now) else { return Ok(()) };
        sometimes(Condition::ClusterPeerGone);
        tracing::info!(node = %peer, "another node is gone: its connections ended, and nothing listens there");
        self.note(&event);
        self.tell_all(|| PeerStep::Contact(event.clone())).await
    }

    /// Another node has sent what no sound node sends.
    fn note_malformed(&self, from: NodeId, what: &str) {
        found_malformed(|| Malformed { node: self.own.0, from: from.0, what: what.to_owned() });
        self.transport.malformed(from, what);
    }

    /// Dropping it closes it.
    async fn close(&mut self, link: LinkId) -> Result<(), PartitionsClosed> {
        self.desk.down(link);
        if self.links.remove(&link).is_some() && link.direction == Direction::Accepted {
            self.doubts.note_slow(link.peer, None);
            self.tell_all(|| PeerStep::Down { peer: link.peer }).await?;
        }
        Ok(())
    }

    /// `Err` says what about the frame is malformed.
    async fn take_frame(
        &mut self,
        now: Instant,
        link: LinkId,
        frame: PeerFrame,
    ) -> Result<Result<(), String>, PartitionsClosed> {
        let peer = link.peer;
        // What comes on a connection that was closed here counts for nothing.
        let Some(owned) = self.links.get_mut(&link) else { return Ok(Ok(())) };
        if !mutant(Mutant::ClusterCountsEchoesAlone) {
            self.contacts.came(peer, now);
        }
        match (&mut owned.side, frame) {
            (Side::Asks(asker, _), PeerFrame::FetchReply(reply)) => {
                let Replied { as_of, rows } = match asker.take(now, reply) {
                    Ok(replied) => replied,
                    Err(error) => return Ok(Err(format!("a reply to fetches: {error}"))),
                };
                self.heard(peer, as_of, now).await?;
                for (shard, rows) in self.by_shard(rows, |row| row.partition).into_iter().enumerate() {
                    if !rows.is_empty() {
                        self.tell(shard, PeerStep::Replies { peer, rows }).await?;
                    }
                }
            }
            (Side::Answers(answerer, _), PeerFrame::Fetch(request)) => {
                let Asked { as_of, seen, rows, forgotten } = match answerer.take(now, &request) {
                    Ok(asked) => asked,
                    Err(error) => return Ok(Err(format!("fetches: {error}"))),
                };
                self.doubts.note_slow(peer, told_slow(request.slow_commit_ms));
                if let Some(as_of) = as_of {
                    self.heard(peer, as_of, now).await?;
                }
                let forgotten = self.by_shard(forgotten, |&partition| partition);
                let rows = self.by_shard(rows, |row| row.partition);
                for (shard, (rows, forgotten)) in rows.into_iter().zip(forgotten).enumerate() {
                    if !rows.is_empty() || !forgotten.is_empty() {
                        self.tell(shard, PeerStep::Fetches { peer, seen, rows, forgotten }).await?;
                    }
                }
            }
            (Side::Answers(..), PeerFrame::Messages(messages)) => {
                let rows = match read_message_rows(peer, &messages.rows) {
                    Ok(rows) => rows,
                    Err(error) => return Ok(Err(format!("messages: {error}"))),
                };
                for (shard, rows) in self.by_shard(rows, |row| row.partition).into_iter().enumerate() {
                    if !rows.is_empty() {
                        self.tell(shard, PeerStep::Messages { peer, rows }).await?;
                    }
                }
            }
            (Side::Asks(..), PeerFrame::Response(response)) => {
                return Ok(self.desk.take_response(link, response));
            }
            (Side::Answers(..), PeerFrame::Request(request)) => {
                return Ok(self.desk.take_request(link, request).map(|taken| {
                    if let Some((due, call)) = taken {
                        self.serve(peer, due, call);
                    }
                }));
            }
            (Side::Asks(..) | Side::Answers(..), other) => {
                return Ok(Err(format!("{} on this connection", other.name())));
            }
        }
        Ok(Ok(()))
    }

    /// Has a call answered, beside the hub.
    fn serve(&self, from: NodeId, due: Due, call: PeerCall) {
        let (service, shutdown) = (Arc::clone(&self.service), self.shutdown.clone());
        let serving = async move {
            tokio::select! {
                biased;
                () = shutdown.begun() => drop(due),
                response = async { service.call(from, call).await } => due.done(response),
            }
        };
        drop(self.io.spawn.spawn("peer-call", Box::pin(serving)));
    }

    async fn heard(&mut self, node: NodeId, as_of: Instant, now: Instant) -> Result<(), PartitionsClosed> {
        self.doubts.note_heard(node, as_of);
        match self.contacts.heard(node, as_of, now) {
            Some(event) => {
                self.note(&event);
                self.tell_all(|| PeerStep::Contact(event.clone())).await
            }
            None => Ok(()),
        }
    }

    fn note(&self, event: &Event) {
        match event {
            Event::NodeUnproven { node } | Event::NodeSilent { node } => {
                self.doubts.doubt(*node, self.io.clock.now());
            }
            Event::NodeHeard { node } => self.doubts.trust(*node),
            other => unreachable!("contacts say nothing else: {other:?}"),
        }
    }

    /// Fetches what the shards left.
    async fn collect(&mut self) -> Result<(), PartitionsClosed> {
        let Hub { post, fetches, replies, .. } = self;
        let malformed = post.with(|boxes| {
            fetches.append(&mut boxes.fetches);
            replies.append(&mut boxes.replies);
            std::mem::take(&mut boxes.malformed)
        });
        for (node, what) in malformed {
            self.note_malformed(node, &what);
            // The sessions begin anew, from what the replicas hold: it may have come on either connection.
            for link in self.links.keys().copied().filter(|link| link.peer == node).collect::<Vec<_>>() {
                self.close(link).await?;
            }
        }
        Ok(())
    }

    /// Gives each connection that takes a frame the next one, if there is one.
    async fn write(&mut self) -> Result<(), PartitionsClosed> {
        let ready: Vec<LinkId> =
            self.links.iter().filter(|(_, owned)| owned.ready).map(|(&link, _)| link).collect();
        for link in ready {
            let frame = match link.direction {
                Direction::Dialled => self.next_request(link).await?,
                Direction::Accepted => self.next_reply(link).await?,
            };
            if let Some(frame) = frame
                && let Some(owned) = self.links.get_mut(&link)
            {
                owned.ready = false;
                // A connection that has ended is told in its turn.
                drop(owned.frames.try_send(frame));
            }
        }
        Ok(())
    }

    async fn next_request(&mut self, link: LinkId) -> Result<Option<PeerFrame>, PartitionsClosed> {
        let now = self.io.clock.now();
        let peer = link.peer;
        let Some(Owned { side: Side::Asks(asker, turn), .. }) = self.links.get_mut(&link) else {
            return Ok(None);
        };
        let demanded = asker.due() <= now;
        let first = std::mem::replace(turn, Turn::Messages);
        // A heartbeat waits for nothing.
        let turns = if demanded { &[Turn::Fetches][..] } else { &first.round()[..] };
        for &kind in turns {
            let frame = match kind {
                Turn::Messages => self.messages(peer),
                Turn::Calls => self.desk.next_request(link).map(PeerFrame::Request),
                Turn::Fetches => self.fetch(link, demanded).await?,
            };
            if frame.is_some() {
                if let Some(Owned { side: Side::Asks(_, turn), .. }) = self.links.get_mut(&link) {
                    *turn = kind.next();
                }
                return Ok(frame);
            }
        }
        Ok(None)
    }

    fn messages(&self, peer: NodeId) -> Option<PeerFrame> {
        let mut rows = self.post.with(|boxes| boxes.messages.get_mut(&peer).map(Outbox::take))?;
        if mutant(Mutant::ClusterMessagesOneByOne) {
            let rest = rows.split_off(rows.len().min(1));
            self.post.with(|boxes| {
                let waiting =
                    boxes.messages.entry(peer).or_insert_with(|| Outbox::new(Outbox::ROWS_MAX_DEFAULT));
                rest.into_iter().for_each(|row| waiting.push(row.partition, row.message));
            });
        }
        let rows = write_message_rows(self.own, &rows);
        (!rows.is_empty()).then(|| PeerFrame::Messages(PeerMessages { rows, ..PeerMessages::default() }))
    }

    async fn fetch(&mut self, link: LinkId, demanded: bool) -> Result<Option<PeerFrame>, PartitionsClosed> {
        let (now, peer) = (self.io.clock.now(), link.peer);
        let wanted = match self.fetches.next(peer) {
            Some(shard) => {
                let (wanted, more) = self.ask(shard, |reply| PeerStep::TakeFetches { peer, reply }).await?;
                if !more {
                    self.fetches.is_done(peer, shard);
                }
                wanted
            }
            None => crate::peers::Wanted::default(),
        };
        let nothing = wanted.rows.is_empty() && wanted.forgotten.is_empty();
        if nothing && !demanded {
            return Ok(None);
        }
        let slow_commit_ms = self.slow_commit_ms(now);
        let Some(Owned { side: Side::Asks(asker, _), .. }) = self.links.get_mut(&link) else {
            return Ok(None);
        };
        // What was promised in the rows is durable: so it is in what this tells.
        let next = tells_commits().then(|| self.journal.durable_position().next.0);
        let next_commit = commit_to_wire(next);
        let fetch = PeerFetch { next_commit, slow_commit_ms, ..asker.request(now, &wanted) };
        Ok(Some(PeerFrame::Fetch(fetch)))
    }

    /// What others are told of how slow this node's journal is.
    fn slow_commit_ms(&mut self, now: Instant) -> i32 {
        let slow = self.slowness.look(now, self.journal.longest_commit(now));
        self.doubts.note_slow(self.own, slow);
        slow.map_or(0, |slow| i32::try_from(slow.longest.as_millis()).unwrap_or(i32::MAX))
    }

    async fn next_reply(&mut self, link: LinkId) -> Result<Option<PeerFrame>, PartitionsClosed> {
        let peer = link.peer;
        let Some(Owned { side: Side::Answers(answerer, responded), .. }) = self.links.get_mut(&link) else {
            return Ok(None);
        };
        if !std::mem::replace(responded, false)
            && let Some(response) = self.desk.next_response(link)
        {
            *responded = true;
            return Ok(Some(PeerFrame::Response(response)));
        }
        let (Some(number), owes) = (answerer.next_number(), answerer.owes()) else {
            return Ok(self.desk.next_response(link).map(PeerFrame::Response));
        };
        let all_at_once = mutant(Mutant::ClusterSendsAllAtOnce);
        let bytes = if all_at_once { usize::MAX } else { answerer.room() };
        let mut rows = Vec::new();
        // The rows of one shard: those of several could be more than a frame takes.
        while rows.is_empty()
            && bytes > 0
            && let Some(shard) = self.replies.next(peer)
        {
            let more;
            (rows, more) =
                self.ask(shard, |reply| PeerStep::TakeReplies { peer, number, bytes, reply }).await?;
            if !more || rows.is_empty() {
                self.replies.is_done(peer, shard);
            }
        }
        if rows.is_empty() && !owes {
            return Ok(self.desk.next_response(link).map(PeerFrame::Response));
        }
        let now = self.io.clock.now();
        let Some(Owned { side: Side::Answers(answerer, _), .. }) = self.links.get_mut(&link) else {
            return Ok(None);
        };
        Ok(Some(PeerFrame::FetchReply(answerer.reply(now, rows))))
    }
}

/// What another node says of its journal. What is no length of time says nothing.
fn told_slow(millis: i32) -> Option<Slow> {
    let millis = u64::try_from(millis).ok().filter(|&millis| millis > 0)?;
    Some(Slow { longest: Duration::from_millis(millis), lasts: true })
}
