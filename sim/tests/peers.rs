//! The transport between three nodes over the simulated network: whatever happens to connections, in the end followers have
//! what their leader has, and an idle cluster says nothing but heartbeats.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use bytes::Bytes;
use ordain::io::{Alarm, Io, RngStream, Shutdown};
use ordain::peers::{
    Answer, Answerer, Asker, Budget, Dialling, Direction, FRAME_BYTES_LEAST, Identity, LinkEvent, LinkId,
    Moved, News, Outbox, PeerOptions, PeerTiming, PeerTransport, Presence, Room, Serving, Wants, Whereabouts,
    read_message_rows, write_message_rows,
};
use ordain::raft::{Contacts, Event, Fetch, FetchOutcome, FetchReply, Message, Position, ReplicaKey, Slice};
use ordain::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId, Uuid};
use ordain::wire::messages::PeerMessages;
use ordain::wire::{PeerFrame, Text};
use ordain_sim::net::NetOptions;
use ordain_sim::{Cluster, NodeHandle, Simulation, TraceMode, logs};
use tokio::sync::mpsc;

const PORT: u16 = 9090;
const NODES: i32 = 3;
const LEADER: NodeId = NodeId(1);
const EPOCH: LeaderEpoch = LeaderEpoch(5);
const PARTITIONS: usize = 8;
const RECORD: usize = 500;
const APPEND_EVERY: Duration = Duration::from_millis(3);

/// What the nodes' disks hold, and what the test sees of them.
#[derive(Default)]
struct World {
    /// The end of each log, by node.
    logs: BTreeMap<NodeId, Vec<i64>>,
    /// What the leader was told: the ends that its followers hold.
    acknowledged: BTreeMap<NodeId, Vec<i64>>,
    quiet: bool,
    rows: usize,
    frames: usize,
    messages: usize,
    went_silent: usize,
    silent_now: BTreeMap<NodeId, Vec<NodeId>>,
}

type Shared = Arc<Mutex<World>>;

fn partition(index: usize) -> PartitionId {
    PartitionId { topic: TopicId([9; 16]), index: PartitionIndex(i32::try_from(index).unwrap()) }
}

fn index(partition: PartitionId) -> usize {
    usize::try_from(partition.index.0).unwrap()
}

fn at(end: i64) -> Position {
    Position { epoch: EPOCH, end: Offset(end) }
}

fn options() -> PeerOptions {
    let timing = PeerTiming::new(Duration::from_millis(100), Duration::from_millis(500)).unwrap();
    PeerOptions {
        timing,
        handshake: Duration::from_secs(2),
        transfer: Duration::from_secs(2),
        frame_bytes_max: FRAME_BYTES_LEAST,
        backoff_least: Duration::from_millis(50),
        backoff_most: Duration::from_millis(500),
        nodes_max: 10,
    }
}

/// A connection as its owner has it.
struct Owned {
    frames: mpsc::Sender<PeerFrame>,
    moved: Moved,
    ready: bool,
    side: Side,
}

enum Side {
    Asks(Asker),
    Answers(Answerer, Box<News>),
}

struct Node {
    id: NodeId,
    io: Io,
    shared: Shared,
    links: BTreeMap<LinkId, Owned>,
    /// What this node follows at the leader.
    wants: Wants,
    outboxes: BTreeMap<NodeId, Outbox>,
    contacts: Contacts,
    next_append: Instant,
    appended: usize,
    _dialling: Vec<Dialling>,
}

fn presence(io: &Io, node: NodeId, directory: Uuid) -> Presence {
    let identity = Identity {
        cluster: Some(Text::from_static("c")),
        node,
        directory,
        incarnation: Uuid(io.rng.stream("incarnation").bytes16()),
        frame_bytes_max: options().frame_bytes_max,
    };
    Presence {
        identity: Arc::new(move || Some(identity.clone())),
        introductions: None,
        for_clients: None,
        whereabouts: Whereabouts::default(),
    }
}

async fn run_node(io: Io, id: NodeId, shared: Shared) {
    let (sender, mut events) = mpsc::channel(16);
    let directory = Uuid([u8::try_from(id.0).unwrap(); 16]);
    let transport =
        PeerTransport::new(io.clone(), options(), presence(&io, id, directory), sender, Shutdown::new());
    let listener = io.net.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await.unwrap();
    drop(transport.serve(listener));
    let others = (1..=NODES).map(NodeId).filter(|&node| node != id);
    let dialling = others.clone().map(|node| transport.dial(node, &format!("n{node}"), PORT)).collect();
    let mut contacts = Contacts::new(options().timing.silence);
    let mut wants = Wants::default();
    others.clone().for_each(|node| contacts.watch(node, io.clock.now()));
    if id != LEADER {
        (0..PARTITIONS).for_each(|index| wants.changed(partition(index)));
    }
    let next_append = io.clock.now();
    let outboxes = others.map(|node| (node, Outbox::new(100))).collect();
    let links = BTreeMap::new();
    let mut node = Node {
        id,
        io,
        shared,
        links,
        wants,
        outboxes,
        contacts,
        next_append,
        appended: 0,
        _dialling: dialling,
    };
    let mut alarm = Alarm::default();
    let clock = node.io.clock.clone();
    loop {
        let deadline = node.deadline();
        tokio::select! {
            biased;
            event = events.recv() => node.take(event.expect("the transport lives")),
            () = alarm.at(&*clock, Some(deadline)) => {}
        }
        node.turn();
    }
}

impl Node {
    fn deadline(&self) -> Instant {
        let asks = self.links.values().filter_map(|owned| match &owned.side {
            Side::Asks(asker) => {
                let over = asker.over(owned.moved.last());
                owned.ready.then_some(asker.due()).into_iter().chain(over).min()
            }
            Side::Answers(..) => None,
        });
        let mut deadlines: Vec<Instant> = asks.chain(self.contacts.deadline()).collect();
        if self.id == LEADER && !self.shared.lock().unwrap().quiet {
            deadlines.push(self.next_append);
        }
        deadlines.into_iter().min().unwrap_or_else(|| self.io.clock.now().after(Duration::from_secs(1)))
    }

    fn take(&mut self, event: LinkEvent) {
        let now = self.io.clock.now();
        match event {
            LinkEvent::Up { link, frames, moved, .. } => {
                let side = match link.direction {
                    Direction::Dialled => {
                        if link.peer == LEADER {
                            self.wants.restart();
                        }
                        Side::Asks(Asker::new(options().timing, now))
                    }
                    Direction::Accepted => {
                        let budget = Budget { row_bytes: 2000, reply_bytes: 6000, ..Budget::default() };
                        Side::Answers(
                            Answerer::new(link.peer, options().timing, now),
                            Box::new(News::new(budget)),
                        )
                    }
                };
                self.links.insert(link, Owned { frames, moved, ready: true, side });
            }
            LinkEvent::Writable { link } => {
                if let Some(owned) = self.links.get_mut(&link) {
                    owned.ready = true;
                }
            }
            LinkEvent::Down { link } => {
                self.links.remove(&link);
            }
            LinkEvent::Refused { .. } => {}
            LinkEvent::Forgot { .. } => panic!("no journal is told of"),
            LinkEvent::Frame { link, frame } => self.take_frame(now, link, frame),
        }
    }

    fn take_frame(&mut self, now: Instant, link: LinkId, frame: PeerFrame) {
        let Node { id, shared, links, wants, contacts, .. } = self;
        let Some(Owned { side, .. }) = links.get_mut(&link) else { return };
        let mut world = shared.lock().unwrap();
        world.frames += 1;
        match (side, frame) {
            (Side::Asks(asker), PeerFrame::FetchReply(reply)) => {
                let replied = asker.take(now, reply).unwrap();
                contacts.heard(link.peer, replied.as_of, now);
                world.rows += replied.rows.len();
                for row in replied.rows {
                    let end = &mut world.logs.get_mut(id).unwrap()[index(row.partition)];
                    let Answer::Reply(reply) = row.answer else { panic!("{:?}", row.answer) };
                    let FetchOutcome::Entries(slice) = reply.outcome else { panic!("{reply:?}") };
                    if reply.asked != at(*end) {
                        wants.changed(row.partition);
                    } else if slice.last != at(*end) {
                        assert_eq!(
                            row.records.len(),
                            RECORD * usize::try_from(slice.last.end.0 - *end).unwrap()
                        );
                        *end = slice.last.end.0;
                        wants.changed(row.partition);
                    }
                }
            }
            (Side::Answers(answerer, news), PeerFrame::Fetch(request)) => {
                let asked = answerer.take(now, &request).unwrap();
                if let Some(as_of) = asked.as_of {
                    contacts.heard(link.peer, as_of, now);
                }
                world.rows += asked.rows.len();
                for row in asked.rows {
                    let held = world.acknowledged.get_mut(&link.peer).unwrap();
                    held[index(row.partition)] = row.fetch.durable.end.0;
                    news.fetched(row.partition, &row.fetch, asked.seen);
                    news.changed(row.partition);
                }
            }
            (Side::Answers(..), PeerFrame::Messages(messages)) => {
                world.messages += read_message_rows(link.peer, &messages.rows).unwrap().len();
            }
            (Side::Asks(_) | Side::Answers(..), other) => panic!("{other:?}"),
        }
    }

    /// What is due, and as much of what there is to say as the connections take.
    fn turn(&mut self) {
        let now = self.io.clock.now();
        let silent: Vec<Event> = self.contacts.expired(now).collect();
        let mut world = self.shared.lock().unwrap();
        world.went_silent += silent.len();
        let others = (1..=NODES).map(NodeId);
        let silent = others.filter(|&node| !self.contacts.is_heard(node)).collect();
        world.silent_now.insert(self.id, silent);
        if self.id == LEADER && !world.quiet && self.next_append <= now {
            self.next_append = now.after(APPEND_EVERY);
            self.appended += 1;
            let index = self.appended % PARTITIONS;
            world.logs.get_mut(&LEADER).unwrap()[index] += 1;
            for owned in self.links.values_mut() {
                if let Side::Answers(_, news) = &mut owned.side {
                    news.changed(partition(index));
                }
            }
            for outbox in self.outboxes.values_mut() {
                outbox.push(partition(index), Message::BeginEpoch { epoch: EPOCH });
            }
        }
        let Node { id, links, wants, outboxes, .. } = self;
        links.retain(|_, owned| match &owned.side {
            Side::Asks(asker) => asker.over(owned.moved.last()).is_none_or(|at| at > now),
            Side::Answers(..) => true,
        });
        for (link, owned) in links.iter_mut().filter(|(_, owned)| owned.ready) {
            let frame = match &mut owned.side {
                Side::Asks(asker) => ask(*id, &world, now, link.peer, asker, wants, outboxes),
                Side::Answers(answerer, news) => answer(&world, now, answerer, news),
            };
            if let Some(frame) = frame {
                owned.ready = false;
                // A connection that has ended is told in its turn.
                drop(owned.frames.try_send(frame));
            }
        }
    }
}

fn ask(
    id: NodeId,
    world: &World,
    now: Instant,
    peer: NodeId,
    asker: &mut Asker,
    wants: &mut Wants,
    outboxes: &mut BTreeMap<NodeId, Outbox>,
) -> Option<PeerFrame> {
    let demanded = asker.due() <= now;
    let has_rows = peer == LEADER && !wants.is_empty();
    if demanded || has_rows {
        let fetch = |partition| {
            let end = at(world.logs[&id][index(partition)]);
            let replica = ReplicaKey { node: id, directory: Uuid([7; 16]) };
            Some(Fetch { epoch: EPOCH, replica, log_end: end, durable: end, log_start: Offset::ZERO })
        };
        let wanted = if has_rows { wants.take(fetch) } else { Default::default() };
        return Some(PeerFrame::Fetch(asker.request(now, &wanted)));
    }
    let rows = outboxes.get_mut(&peer)?.take();
    let messages = PeerMessages { rows: write_message_rows(id, &rows), ..PeerMessages::default() };
    (!rows.is_empty()).then_some(PeerFrame::Messages(messages))
}

fn answer(world: &World, now: Instant, answerer: &mut Answerer, news: &mut News) -> Option<PeerFrame> {
    let rows = news.take(answerer.next_number()?, answerer.room(), |partition, after, room| {
        serve(world.logs[&LEADER][index(partition)], after, room)
    });
    let due = !rows.is_empty() || answerer.owes();
    due.then(|| PeerFrame::FetchReply(answerer.reply(now, rows)))
}

fn serve(end: i64, after: Position, room: Room) -> Serving {
    let reply = |last| FetchReply {
        epoch: EPOCH,
        asked: after,
        high_watermark: at(0),
        log_start: Offset::ZERO,
        outcome: FetchOutcome::Entries(Slice { last, epoch_starts: Vec::new(), voters: Vec::new() }),
    };
    let left = usize::try_from(end - after.end.0).unwrap();
    let mut count = left.min(room.bytes / RECORD);
    if left > 0 && count == 0 {
        if !room.first_may_exceed {
            return Serving::NoRoom(reply(after));
        }
        count = 1;
    }
    let reply = reply(at(after.end.0 + i64::try_from(count).unwrap()));
    Serving::Entries { reply, records: Bytes::from(vec![3; count * RECORD]).into(), more: count < left }
}

fn start(cluster: &Cluster) -> (Shared, Vec<NodeHandle>) {
    let shared = Shared::default();
    for id in (1..=NODES).map(NodeId) {
        let mut world = shared.lock().unwrap();
        world.logs.insert(id, vec![0; PARTITIONS]);
        world.acknowledged.insert(id, vec![0; PARTITIONS]);
    }
    let nodes: Vec<NodeHandle> = (1..=NODES).map(|id| cluster.add_node(&format!("n{id}"))).collect();
    for (node, id) in nodes.iter().zip(1..) {
        let shared = Arc::clone(&shared);
        node.start(move |io| run_node(io, NodeId(id), Arc::clone(&shared)));
    }
    (shared, nodes)
}

/// Lets the appends stop and the followers come up.
async fn settle(cluster: &Cluster, shared: &Shared) {
    cluster.net().heal();
    shared.lock().unwrap().quiet = true;
    cluster.sleep(Duration::from_secs(10)).await;
    let world = shared.lock().unwrap();
    let leader = &world.logs[&LEADER];
    assert!(leader.iter().sum::<i64>() > 1000, "{leader:?}");
    for id in (2..=NODES).map(NodeId) {
        assert_eq!(&world.logs[&id], leader, "the logs of node {id}");
        assert_eq!(&world.acknowledged[&id], leader, "what node {id} said that it holds");
    }
    assert!(world.silent_now.values().all(Vec::is_empty), "{:?}", world.silent_now);
    assert!(world.messages > 0);
}

#[test]
fn an_idle_cluster_says_nothing_but_heartbeats() {
    let outcome = Simulation::new(1).run(|cluster| async move {
        let (shared, _nodes) = start(&cluster);
        cluster.sleep(Duration::from_secs(5)).await;
        settle(&cluster, &shared).await;
        assert_eq!(shared.lock().unwrap().went_silent, 0);
        let before = { std::mem::take(&mut *shared.lock().unwrap()) };
        *shared.lock().unwrap() = World { rows: 0, frames: 0, ..before };
        cluster.sleep(Duration::from_secs(10)).await;
        let world = shared.lock().unwrap();
        assert_eq!((world.rows, world.went_silent), (0, 0));
        // Six connections, a request and a reply each 100 ms and a little.
        assert!((1100..=1200).contains(&world.frames), "{} frames in 10 s", world.frames);
    });
    assert_eq!(outcome.panics, []);
}

#[test]
fn sessions_heal_whatever_happens_to_connections() {
    for seed in 0..6 {
        let net = NetOptions { loss_per_mille: 5, window: 4000, ..NetOptions::default() };
        let outcome = Simulation::new(seed).net(net).run(|cluster| async move {
            let (shared, nodes) = start(&cluster);
            let mut random = cluster.rng("faults");
            for _ in 0..25 {
                cluster.sleep(Duration::from_millis(100 + random.below(500))).await;
                let (a, b) = (random.below(3) as usize, random.below(3) as usize);
                let net = cluster.net();
                match random.below(6) {
                    0 | 1 if a != b => net.reset_streams(nodes[a].index(), nodes[b].index()),
                    2 if a != b => net.partition(&[nodes[a].index()], &[nodes[b].index()]),
                    3 if a != b => net.cut(nodes[a].index(), nodes[b].index()),
                    4 if a != 0 => {
                        nodes[a].crash();
                        cluster.sleep(Duration::from_millis(random.below(1500))).await;
                        nodes[a].restart();
                    }
                    _ => net.heal(),
                }
            }
            settle(&cluster, &shared).await;
            shared.lock().unwrap().went_silent
        });
        assert_eq!(outcome.panics, [], "seed {seed}");
        println!("seed {seed}: nodes counted as silent {} times", outcome.value);
    }
}

#[test]
fn a_paused_node_finds_that_it_heard_nobody() {
    let outcome = Simulation::new(3).run(|cluster| async move {
        let (shared, nodes) = start(&cluster);
        cluster.sleep(Duration::from_secs(5)).await;
        nodes[0].pause();
        cluster.sleep(Duration::from_secs(2)).await;
        assert_eq!(shared.lock().unwrap().went_silent, 2, "the others miss it");
        nodes[0].resume();
        cluster.sleep(Duration::from_millis(20)).await;
        assert_eq!(
            shared.lock().unwrap().went_silent,
            4,
            "requests waited in its sockets, and prove nothing"
        );
        settle(&cluster, &shared).await;
    });
    assert_eq!(outcome.panics, []);
}

/// Dials node 1 as node 2, which another one is.
async fn run_second(io: Io) {
    let (sender, mut events) = mpsc::channel(16);
    let presence = presence(&io, NodeId(2), Uuid([9; 16]));
    let transport = PeerTransport::new(io, options(), presence, sender, Shutdown::new());
    let _dialling = transport.dial(NodeId(1), "n1", PORT);
    while events.recv().await.is_some() {}
}

#[test]
fn a_second_node_of_one_id_is_told_of_by_who_refuses_it() {
    install_logs();
    let outcome = Simulation::new(5).trace(TraceMode::Keep).run(|cluster| async move {
        let (shared, _nodes) = start(&cluster);
        cluster.sleep(Duration::from_secs(1)).await;
        cluster.add_node("n4").start(run_second);
        cluster.sleep(Duration::from_secs(5)).await;
        assert_eq!(shared.lock().unwrap().went_silent, 0, "the first one stays");
    });
    assert_eq!(outcome.panics, []);
    let told = |words: &str| outcome.lines.iter().filter(|line| line.contains(words)).count();
    let second = "a second node with node.id=2 and another data directory dials this node";
    assert_eq!(told(&format!(" n1 log WARN ordain::peers::listener: {second}")), 1, "once a minute");
    assert_eq!(told(second), 1);
}

/// From now on logs are lines of the traces, in all tests of this process.
fn install_logs() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| logs::install().unwrap());
}

/// What nodes said of clocks, each line from the number of the node on that said it.
fn told_of_clocks(lines: &[String]) -> Vec<&str> {
    let of_nodes = lines.iter().filter_map(|line| Some(line.split_once(" n")?.1));
    of_nodes.filter(|line| line.contains("the clock of")).collect()
}

#[test]
fn a_clock_that_goes_wrong_while_nodes_are_connected_is_told() {
    install_logs();
    let outcome = Simulation::new(4).trace(TraceMode::Keep).run(|cluster| async move {
        let (shared, nodes) = start(&cluster);
        cluster.sleep(Duration::from_secs(5)).await;
        settle(&cluster, &shared).await;
        nodes[2].clock().jump(5_000);
        cluster.sleep(Duration::from_secs(300)).await;
        assert_eq!(shared.lock().unwrap().went_silent, 0);
    });
    assert_eq!(outcome.panics, []);
    let told = told_of_clocks(&outcome.lines);
    for (teller, of, how) in [(1, 3, "ahead of"), (2, 3, "ahead of"), (3, 1, "behind"), (3, 2, "behind")] {
        let sentence = format!("{teller} log WARN ordain::peers::transport: the clock of node {of} is ");
        let lines: Vec<_> = told.iter().filter(|line| line.starts_with(&sentence)).collect();
        assert_eq!(lines.len(), 1, "node {teller} of node {of}: {told:#?}");
        assert!(lines[0].contains(&format!(" s {how} this node's: set the clocks")), "{lines:?}");
    }
    assert_eq!(told.len(), 4, "{told:#?}");
}

#[test]
fn clocks_that_are_apart_are_told_by_each_node_of_the_one_that_differs() {
    install_logs();
    for (offset_ms, own, others) in [(-5_000, "ahead of", "behind"), (5_000, "behind", "ahead of")] {
        let outcome = Simulation::new(4).trace(TraceMode::Keep).run(|cluster| async move {
            cluster.offset_clock("n3", offset_ms);
            let _running = start(&cluster);
            cluster.sleep(Duration::from_secs(3)).await;
        });
        assert_eq!(outcome.panics, []);
        let told = told_of_clocks(&outcome.lines);
        for (teller, of, how) in [(1, 3, others), (2, 3, others), (3, 1, own), (3, 2, own)] {
            let sentence = format!("{teller} log WARN ordain::peers::transport: the clock of node {of} is ");
            let line = told.iter().find(|line| line.starts_with(&sentence));
            let line = line.unwrap_or_else(|| panic!("node {teller} of node {of}: {told:#?}"));
            assert!(line.contains(&format!(" s {how} this node's: set the clocks")), "{line}");
        }
        assert!(!told.iter().any(|line| line.starts_with("1 ") && line.contains("node 2 is")), "{told:#?}");
    }
}
