//! A node that joins its cluster waits for others as long as it takes, but not when its own journal has failed: then it
//! ends, and says so.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::config::{Inputs, load};
use ordain::io::Io;
use ordain::server::{Node, StartError};
use ordain_sim::disk::FaultyOp;
use ordain_sim::{NodeHandle, Simulation};

/// How the last start of each node went.
type Starts = Arc<Mutex<BTreeMap<i32, &'static str>>>;

async fn run_node(io: Io, id: i32, starts: Starts) {
    starts.lock().unwrap().insert(id, "starts");
    let overrides = [
        format!("node.id={id}"),
        "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093".to_owned(),
        format!("advertised.listeners=PLAINTEXT://n{id}:9092,CONTROLLER://n{id}:9093"),
        "controller.listener.names=CONTROLLER".to_owned(),
        "controller.quorum.bootstrap.servers=n1:9093,n2:9093,n3:9093".to_owned(),
        "ordain.insecure=true".to_owned(),
        "ordain.journal.file.bytes=1048576".to_owned(),
    ];
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    let config = load(&inputs, None).unwrap();
    let started = Node::start(io, Arc::new(config.broker), Arc::new(config.settings)).await;
    let how = match &started {
        Ok(_) => "runs",
        Err(StartError::Journal(_)) => "journal failed",
        Err(StartError::Storage(_)) => "not opened",
        Err(error) => panic!("{error}"),
    };
    starts.lock().unwrap().insert(id, how);
    std::future::pending::<()>().await;
    drop(started);
}

#[test]
fn a_node_whose_journal_fails_while_it_joins_ends() {
    let seen = Simulation::new(3).run(|cluster| async move {
        let starts = Starts::default();
        let nodes: Vec<NodeHandle> = (1..=3)
            .map(|id| {
                let (node, starts) = (cluster.add_node(&format!("n{id}")), Arc::clone(&starts));
                node.start(move |io| run_node(io, id, Arc::clone(&starts)));
                node
            })
            .collect();
        cluster.sleep(Duration::from_secs(20)).await;
        assert!(starts.lock().unwrap().values().all(|how| *how == "runs"), "{starts:?}");
        let mut seen = Vec::new();
        // Wherever in its start the failure comes.
        for delay_ms in [1, 5, 20, 30, 40, 60, 100, 200, 400, 800] {
            // Without the others it can do nothing but wait, as soon as its storage is open.
            for node in &nodes {
                node.crash();
            }
            nodes[0].restart();
            cluster.sleep(Duration::from_millis(delay_ms)).await;
            nodes[0].disk().fail(FaultyOp::Sync, "journal/", 1);
            nodes[1].restart();
            cluster.sleep(Duration::from_secs(30)).await;
            seen.push(starts.lock().unwrap()[&1]);
            nodes[0].disk().clear_faults();
            nodes[2].restart();
        }
        seen
    });
    let seen = seen.value;
    assert!(!seen.contains(&"starts"), "it waits for ever: {seen:?}");
    assert!(seen.contains(&"journal failed"), "{seen:?}");
}
