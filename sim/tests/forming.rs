//! Nodes that belong to no cluster find each other over the simulated network: whatever happens to them meanwhile, there
//! is one cluster in the end, and nobody ever belonged to another one.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::io::{Io, RngStream, Shutdown};
use ordain::peers::forming::{Founder, Member, Server};
use ordain::peers::{
    FRAME_BYTES_LEAST, Founding, NodeAddress, PeerOptions, PeerTiming, PeerTransport, Presence, Whereabouts,
};
use ordain::types::{NodeId, Uuid};
use ordain_sim::net::NetOptions;
use ordain_sim::{Cluster, NodeHandle, Simulation, TraceMode, logs};
use tokio::sync::mpsc;

const PORT: u16 = 9090;

#[derive(Default)]
struct World {
    /// How often each node's disk was replaced.
    disks: BTreeMap<i32, u8>,
    /// The cluster of each running process that has one.
    now: BTreeMap<i32, Founding>,
    /// Every founding that any process ever came to.
    ever: BTreeSet<Founding>,
    /// Where each process found others.
    addresses: BTreeMap<i32, BTreeMap<NodeId, String>>,
    /// How long the last forming of each node took.
    took: BTreeMap<i32, Duration>,
}

type Shared = Arc<Mutex<World>>;

fn options() -> PeerOptions {
    PeerOptions {
        timing: PeerTiming::new(Duration::from_millis(100), Duration::from_millis(500)).unwrap(),
        handshake: Duration::from_secs(2),
        transfer: Duration::from_secs(2),
        frame_bytes_max: FRAME_BYTES_LEAST,
        backoff_least: Duration::from_millis(50),
        backoff_most: Duration::from_millis(500),
        nodes_max: 10,
    }
}

async fn run_node(io: Io, id: i32, founders: i32, shared: Shared) {
    let disk = {
        let mut world = shared.lock().unwrap();
        world.now.remove(&id);
        world.addresses.remove(&id);
        *world.disks.entry(id).or_default()
    };
    // A new disk has a new directory id, and nothing else.
    let marker = format!("disk-{disk}");
    if !io.disk.list("").await.unwrap().iter().any(|entry| entry.name == marker) {
        for entry in io.disk.list("").await.unwrap().into_iter().filter(|entry| !entry.is_dir) {
            io.disk.remove(&entry.name).await.unwrap();
        }
        io.disk.create_dir_all(&marker).await.unwrap();
        io.disk.sync_dir("").await.unwrap();
    }
    let member = Member {
        node: NodeId(id),
        directory: Uuid([u8::try_from(id).unwrap() * 16 + disk; 16]),
        incarnation: Uuid(io.rng.stream("incarnation").bytes16()),
        roles: ordain::types::Roles::Both,
    };
    let address = |node| NodeAddress { host: format!("n{node}"), port: PORT };
    let servers = (1..=founders).map(|node| Server { address: address(node), node: Some(NodeId(node)) });
    let founder = Founder::open(&io, member, servers.collect()).await.unwrap();
    let presence = Presence {
        identity: Arc::new(|| None),
        introductions: Some(Arc::new(founder.clone())),
        for_clients: None,
        whereabouts: Whereabouts::default(),
    };
    let (events, _kept) = mpsc::channel(1);
    let transport = PeerTransport::new(io.clone(), options(), presence, events, Shutdown::new());
    let listener = io.net.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await.unwrap();
    drop(transport.serve(listener));
    let began = io.clock.now();
    let joined = founder.form().await.unwrap();
    {
        let mut world = shared.lock().unwrap();
        world.ever.insert(joined.founding.clone());
        world.now.insert(id, joined.founding);
        world.took.insert(id, io.clock.now().since(began));
        let found = joined.addresses.iter().map(|(&node, address)| (node, address.to_string()));
        world.addresses.insert(id, found.collect());
    }
    let known = |node, address: &NodeAddress| {
        let mut world = shared.lock().unwrap();
        world.addresses.entry(id).or_default().insert(node, address.to_string());
    };
    founder.keep_introducing(known).await;
    std::future::pending::<()>().await;
}

fn add(cluster: &Cluster, shared: &Shared, id: i32, founders: i32) -> NodeHandle {
    let (node, shared) = (cluster.add_node(&format!("n{id}")), Arc::clone(shared));
    node.start(move |io| run_node(io, id, founders, Arc::clone(&shared)));
    node
}

fn one_cluster(shared: &Shared, nodes: i32) -> Founding {
    let world = shared.lock().unwrap();
    assert_eq!(world.ever.len(), 1, "{:?}", world.ever);
    assert_eq!(world.now.keys().copied().collect::<Vec<_>>(), (1..=nodes).collect::<Vec<_>>());
    for (id, addresses) in &world.addresses {
        let others = (1..=nodes.min(3)).filter(|other| other != id);
        let expected = others.map(|other| (NodeId(other), format!("n{other}:{PORT}"))).collect();
        assert_eq!(*addresses, expected, "what node {id} knows");
    }
    world.ever.first().unwrap().clone()
}

#[test]
fn three_fresh_nodes_are_a_cluster_at_once_and_a_fourth_finds_it() {
    let outcome = Simulation::new(1).run(|cluster| async move {
        let shared = Shared::default();
        let nodes: Vec<NodeHandle> = (1..=2).map(|id| add(&cluster, &shared, id, 3)).collect();
        cluster.sleep(Duration::from_secs(60)).await;
        assert!(shared.lock().unwrap().ever.is_empty(), "one of the founders is missing");
        let third = add(&cluster, &shared, 3, 3);
        cluster.sleep(Duration::from_secs(3)).await;
        let founding = one_cluster(&shared, 3);
        assert!(shared.lock().unwrap().took[&3] < Duration::from_secs(1), "the others notice it");
        assert_eq!(founding.voters.keys().len(), 3);
        assert_eq!(founding.cluster.len(), 22);
        let _fourth = add(&cluster, &shared, 4, 3);
        cluster.sleep(Duration::from_secs(3)).await;
        assert_eq!(one_cluster(&shared, 4), founding);
        // Once there is a cluster, a node needs nobody to know it again.
        nodes.iter().chain([&third]).for_each(NodeHandle::crash);
        cluster.sleep(Duration::from_secs(1)).await;
        nodes[1].restart();
        cluster.sleep(Duration::from_secs(1)).await;
        {
            let world = shared.lock().unwrap();
            assert_eq!(world.now[&2], founding);
            assert!(world.addresses[&2].is_empty());
        }
        [&nodes[0], &third].into_iter().for_each(NodeHandle::restart);
        cluster.sleep(Duration::from_secs(3)).await;
        assert_eq!(one_cluster(&shared, 4), founding, "and it finds out where they are");
    });
    assert_eq!(outcome.panics, []);
}

#[test]
fn a_node_that_has_joined_tells_of_an_address_where_nobody_is() {
    logs::install().unwrap();
    let outcome = Simulation::new(3).trace(TraceMode::Keep).run(|cluster| async move {
        let shared = Shared::default();
        let nodes: Vec<NodeHandle> = (1..=3).map(|id| add(&cluster, &shared, id, 3)).collect();
        cluster.sleep(Duration::from_secs(3)).await;
        let _founding = one_cluster(&shared, 3);
        nodes[1].crash();
        // A fourth address is named now, and no node is there.
        nodes[1].start(move |io| run_node(io, 2, 4, Arc::clone(&shared)));
        nodes[1].restart();
        cluster.sleep(Duration::from_secs(300)).await;
    });
    assert_eq!(outcome.panics, []);
    let told: Vec<&String> = outcome.lines.iter().filter(|line| line.contains(" log WARN ")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(
            " n2 log WARN ordain::peers::forming::founder: controller.quorum.voters names n4:9090, "
        )
    );
    assert!(told[0].contains("no node has answered for 30 s ("), "{told:?}");
    assert!(told[0].starts_with("3"), "30 s after 3 s: {told:?}");
}

#[test]
fn founders_that_lost_their_disks_find_their_cluster_or_wait() {
    let outcome = Simulation::new(2).run(|cluster| async move {
        let shared = Shared::default();
        let nodes: Vec<NodeHandle> = (1..=3).map(|id| add(&cluster, &shared, id, 3)).collect();
        cluster.sleep(Duration::from_secs(3)).await;
        let founding = one_cluster(&shared, 3);
        nodes.iter().for_each(NodeHandle::crash);
        shared.lock().unwrap().disks.extend([(1, 1), (2, 1)]);
        nodes[..2].iter().for_each(NodeHandle::restart);
        cluster.sleep(Duration::from_secs(60)).await;
        assert!(shared.lock().unwrap().now.keys().all(|&id| id == 3), "two of three found nothing");
        nodes[2].restart();
        cluster.sleep(Duration::from_secs(10)).await;
        assert_eq!(one_cluster(&shared, 3), founding);
    });
    assert_eq!(outcome.panics, []);
}

#[test]
fn whatever_happens_while_they_form_there_is_one_cluster() {
    for seed in 0..20 {
        let net = NetOptions { loss_per_mille: 20, ..NetOptions::default() };
        let outcome = Simulation::new(seed).net(net).run(|cluster| async move {
            let shared = Shared::default();
            let mut random = cluster.rng("faults");
            let mut nodes = Vec::new();
            for id in 1..=3 {
                nodes.push(add(&cluster, &shared, id, 3));
                cluster.sleep(Duration::from_millis(random.below(1000))).await;
            }
            for _ in 0..30 {
                cluster.sleep(Duration::from_millis(random.below(150))).await;
                let (a, b) = (random.below(3) as usize, random.below(3) as usize);
                let net = cluster.net();
                match random.below(8) {
                    0 if a != b => net.reset_streams(nodes[a].index(), nodes[b].index()),
                    1 if a != b => net.partition(&[nodes[a].index()], &[nodes[b].index()]),
                    2 if a != b => net.cut(nodes[a].index(), nodes[b].index()),
                    3 | 4 if nodes[a].is_running() => nodes[a].crash(),
                    5 if nodes[a].is_running() => drop(nodes[a].power_fail()),
                    6 => net.heal(),
                    _ if !nodes[a].is_running() => nodes[a].restart(),
                    _ => {}
                }
            }
            cluster.net().heal();
            nodes.iter().filter(|node| !node.is_running()).for_each(NodeHandle::restart);
            cluster.sleep(Duration::from_secs(30)).await;
            one_cluster(&shared, 3);
        });
        assert_eq!(outcome.panics, [], "seed {seed}");
    }
}
