//! Three fresh nodes form a cluster, connect, and answer each other's calls, as a broker does it.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use ordain::io::{Io, timeout};
use ordain::log::{LogConfig, Storage, StorageOptions};
use ordain::partition::{
    CallFailed, CallService, LateService, NodeAddress, NodeDoubts, PeerCall, PeerCalls, PeerSetup,
    Replication, start_shards,
};
use ordain::peers::forming::{Founder, Member, Server};
use ordain::peers::{FRAME_BYTES_LEAST, Founding, Identity, PeerOptions, PeerTiming, Presence, Whereabouts};
use ordain::types::{NodeId, Uuid};
use ordain_sim::{Cluster, NodeHandle, Simulation};

const PORT: u16 = 9090;
const NODES: i32 = 3;

type Running = Arc<Mutex<BTreeMap<i32, (Io, PeerCalls, NodeDoubts)>>>;

/// Answers with what was asked, its own number and the asker's; what is no text, never.
struct Echo {
    node: NodeId,
}

impl CallService for Echo {
    fn call(&self, from: NodeId, call: PeerCall) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send>> {
        let node = self.node;
        Box::pin(async move {
            let Ok(asked) = std::str::from_utf8(&call.request) else { return std::future::pending().await };
            Some(format!("{node} to {from} on {} of {}: {asked}", call.listener, call.client).into())
        })
    }
}

async fn run_node(io: Io, id: i32, running: Running) {
    let node = NodeId(id);
    let options =
        StorageOptions { journal_file_bytes: 1 << 20, journal_files: 3, ..StorageOptions::default() };
    let opened = Storage::open(io.clone(), node, options, |_| LogConfig::default()).await;
    let (storage, logs, _report) = opened.unwrap();
    let member = Member {
        node,
        directory: storage.directory_id(),
        incarnation: Uuid(io.rng.stream("incarnation").bytes16()),
        roles: ordain::types::Roles::Both,
    };
    let address = |node| NodeAddress { host: format!("n{node}"), port: PORT };
    let servers = (1..=NODES).map(|node| Server { address: address(node), node: None }).collect();
    let founder = Founder::open(&io, member, servers).await.unwrap();
    let partitions = start_shards(&io, node, &storage, logs, 2);
    let listener = io.net.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await.unwrap();
    let joined = Arc::<OnceLock<Founding>>::default();
    let cell = Arc::clone(&joined);
    let identity = move || {
        Some(Identity {
            cluster: Some(cell.get()?.cluster.clone()),
            node: member.node,
            directory: member.directory,
            incarnation: member.incarnation,
            frame_bytes_max: FRAME_BYTES_LEAST,
        })
    };
    let service = LateService::default();
    let setup = PeerSetup {
        node,
        options: PeerOptions {
            timing: PeerTiming::new(Duration::from_millis(100), Duration::from_millis(500)).unwrap(),
            handshake: Duration::from_secs(2),
            transfer: Duration::from_secs(5),
            frame_bytes_max: FRAME_BYTES_LEAST,
            backoff_least: Duration::from_millis(50),
            backoff_most: Duration::from_secs(1),
            nodes_max: 10,
        },
        presence: Presence {
            identity: Arc::new(identity),
            introductions: Some(Arc::new(founder.clone())),
            for_clients: None,
            whereabouts: Whereabouts::default(),
        },
        service: Arc::new(service.clone()),
    };
    let replication = Replication::start(&io, &partitions, setup, listener, BTreeMap::new());
    let formed = founder.form().await.unwrap();
    joined.set(formed.founding).unwrap();
    let (mut nodes, known) = (formed.addresses, replication.nodes());
    known.set(nodes.clone());
    service.set(Arc::new(Echo { node }));
    let handles = (io.clone(), replication.calls(), replication.doubts());
    running.lock().unwrap().insert(id, handles);
    founder
        .keep_introducing(|node, address: &NodeAddress| {
            nodes.insert(node, address.clone());
            known.set(nodes.clone());
        })
        .await;
    std::future::pending::<()>().await;
}

fn start(cluster: &Cluster) -> (Running, Vec<NodeHandle>) {
    let running = Running::default();
    let nodes = (1..=NODES).map(|id| {
        let (node, running) = (cluster.add_node(&format!("n{id}")), Arc::clone(&running));
        node.start(move |io| run_node(io, id, Arc::clone(&running)));
        node
    });
    let nodes = nodes.collect();
    (running, nodes)
}

fn request(bytes: &'static [u8]) -> PeerCall {
    let client = SocketAddr::from(([10, 9, 8, 7], 1234));
    PeerCall { listener: "PLAINTEXT".into(), client, request: Bytes::from_static(bytes) }
}

fn of(running: &Running, id: i32) -> (Io, PeerCalls, NodeDoubts) {
    running.lock().unwrap().get(&id).cloned().expect("it runs")
}

#[test]
fn nodes_answer_each_others_calls() {
    let outcome = Simulation::new(1).run(|cluster| async move {
        let (running, nodes) = start(&cluster);
        cluster.sleep(Duration::from_secs(5)).await;
        for (a, b) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
            let (_, calls, doubts) = of(&running, a);
            assert!(doubts.are_none());
            let told = calls.call(NodeId(b), request(b"hello")).await.unwrap();
            assert_eq!(told, format!("{b} to {a} on PLAINTEXT of 10.9.8.7:1234: hello"));
        }
        let (io, calls, doubts) = of(&running, 1);
        // A great one, and many at once, beside the heartbeats.
        let great = PeerCall { request: vec![b'x'; 7 << 20].into(), ..request(b"") };
        assert!(calls.call(NodeId(2), great).await.unwrap().len() > 7 << 20);
        let mut many = Vec::new();
        for _ in 0..64 {
            let calls = calls.clone();
            let call: Pin<Box<dyn Future<Output = _> + Send>> =
                Box::pin(async move { calls.call(NodeId(3), request(b"one of many")).await.is_ok() });
            many.push(call);
        }
        assert!(ordain::io::join_all(many).await.into_iter().all(|answered| answered));
        assert!(doubts.are_none());
        // One that nobody answers may be given up; others go on.
        let deadline = io.clock.now().after(Duration::from_secs(1));
        let never = timeout(&*io.clock, deadline, calls.call(NodeId(2), request(b"\xff"))).await;
        assert!(never.is_err(), "{never:?}");
        assert!(calls.call(NodeId(2), request(b"again")).await.is_ok());
        // The connection ends with the node.
        let crash = async {
            cluster.sleep(Duration::from_millis(100)).await;
            nodes[1].crash();
        };
        let ((), lost) = tokio::join!(crash, calls.call(NodeId(2), request(b"\xff")));
        assert_eq!(lost, Err(CallFailed::Lost(NodeId(2))));
        // Its host says at once that nothing listens there: nobody waits for the silence.
        cluster.sleep(Duration::from_millis(50)).await;
        assert!(doubts.since(NodeId(2)).is_some());
        let reached: Vec<_> = ordain::probe::reached().into_iter().map(|(condition, _)| condition).collect();
        assert!(reached.contains(&ordain::probe::Condition::ClusterPeerGone));
        cluster.sleep(Duration::from_secs(1)).await;
        assert!(doubts.since(NodeId(2)).is_some() && doubts.since(NodeId(3)).is_none());
        assert_eq!(calls.call(NodeId(2), request(b"hello")).await, Err(CallFailed::NoConnection(NodeId(2))));
        nodes[1].restart();
        cluster.sleep(Duration::from_secs(5)).await;
        assert!(doubts.are_none());
        assert!(calls.call(NodeId(2), request(b"hello")).await.is_ok());
        assert!(of(&running, 2).1.call(NodeId(1), request(b"hello")).await.is_ok());
    });
    assert_eq!(outcome.panics, []);
}
