//! What runs on a node's machine.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ordain::config::{Inputs, LiveConfig, load};
use ordain::io::Io;
use ordain::log::{LogConfig, Storage, StorageOptions};
use ordain::partition::{
    LateService, Maintenance, NodeAddress, PartitionSpec, PeerSetup, Replication, start_shards,
};
use ordain::peers::{FRAME_BYTES_LEAST, Identity, PeerOptions, PeerTiming, Presence, Whereabouts};
use ordain::types::{NodeId, Uuid};
use ordain::wire::Text;

use super::plan::Plan;
use super::world::World;
use crate::cluster::Cluster;
use crate::scenarios::fleet::{End, Fleet, machine_name};

const PORT: u16 = 9090;

/// Starts the nodes.
pub(super) fn start_up(cluster: &Cluster, world: &Arc<World>) -> Fleet {
    let gone = Arc::clone(world);
    let gone = Arc::new(move |node| gone.leave(node));
    let (program, notes) = (Arc::clone(world), cluster.clone());
    Fleet::start_up(cluster, world.plan.node_ids(), gone, move |_, io, id, _| {
        let (world, notes) = (Arc::clone(&program), notes.clone());
        async move { Ok(End::Over(live(io, id, &world, &notes).await)) }
    })
}

pub(super) fn storage_options(plan: &Plan) -> StorageOptions {
    StorageOptions {
        journal_file_bytes: plan.journal_file_bytes,
        journal_files: 3,
        tail_budget_bytes: plan.tail_bytes,
        ..StorageOptions::default()
    }
}

pub(super) fn log_config(plan: &Plan) -> LogConfig {
    LogConfig { segment_bytes: plan.segment_bytes, ..LogConfig::default() }
}

async fn live(io: Io, id: NodeId, world: &World, cluster: &Cluster) -> String {
    let plan = &world.plan;
    let config = log_config(plan);
    let opened = Storage::open(io.clone(), id, storage_options(plan), move |_| config.clone()).await;
    let (storage, logs, report) = match opened {
        Ok(opened) => opened,
        Err(error) => return error.to_string(),
    };
    cluster.note(format_args!("node {id} runs: {report:?}"));
    let directory = storage.directory_id();
    let voters = loop {
        match world.voters(id, directory) {
            Some(voters) => break voters,
            None => io.clock.sleep(Duration::from_millis(20)).await,
        }
    };
    let partitions = start_shards(&io, id, &storage, logs, plan.shards);
    let overrides = ["listeners=PLAINTEXT://127.0.0.1:0".to_owned(), format!("node.id={id}")];
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    let live =
        Arc::new(LiveConfig::new(Arc::new(load(&inputs, None).expect("the configuration is right").broker)));
    let _maintenance = Maintenance::start(&io, partitions.clone(), storage.clone(), live);
    let listener = match io.net.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await {
        Ok(listener) => listener,
        Err(error) => return format!("the port cannot be bound: {error}"),
    };
    let identity = Identity {
        cluster: Some(Text::from_static("replicas")),
        node: id,
        directory,
        incarnation: Uuid(io.rng.stream("incarnation").bytes16()),
        frame_bytes_max: FRAME_BYTES_LEAST,
    };
    let address = |node: NodeId| (node, NodeAddress { host: machine_name(node), port: PORT });
    let others = plan.node_ids().filter(|&node| node != id).map(address).collect();
    let setup = PeerSetup {
        node: id,
        options: peer_options(),
        presence: Presence {
            identity: Arc::new(move || Some(identity.clone())),
            introductions: None,
            for_clients: None,
            whereabouts: Whereabouts::default(),
        },
        service: Arc::new(LateService::default()),
    };
    let replication = Replication::start(&io, &partitions, setup, listener, others);
    let specs = plan.partition_ids().map(|id| PartitionSpec {
        id,
        topic: "replicated".into(),
        voters: voters.clone(),
        assignment: None,
        lone: false,
        config: log_config(plan),
    });
    if let Err(error) = partitions.create(specs.collect()).await {
        return format!("the partitions cannot be created: {error}");
    }
    world.join(id, partitions);
    let failed = storage.journal().failed().await;
    world.leave(id);
    replication.stop().await;
    failed.to_string()
}

fn peer_options() -> PeerOptions {
    let (heartbeat, silence) = (Duration::from_millis(100), Duration::from_millis(500));
    PeerOptions {
        timing: PeerTiming::new(heartbeat, silence).expect("five heartbeats"),
        handshake: Duration::from_secs(2),
        transfer: Duration::from_secs(5),
        frame_bytes_max: FRAME_BYTES_LEAST,
        backoff_least: Duration::from_millis(50),
        backoff_most: Duration::from_secs(1),
        nodes_max: 10,
    }
}
