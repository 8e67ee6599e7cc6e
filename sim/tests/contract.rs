//! The contract of the seam, over the simulator's twins.
use std::sync::Arc;

use ordain::io::contract::{self, Stage};
use ordain_sim::net::NetOptions;
use ordain_sim::{NodeHandle, Simulation};

fn stage(client: &NodeHandle, server: &NodeHandle) -> Stage {
    Stage {
        client: client.io(),
        server: server.io(),
        server_host: server.name().to_owned(),
        server_ip: server.ip(),
        reborn: Arc::new({
            let node = client.clone();
            move || {
                node.power_fail();
                node.restart();
                node.io()
            }
        }),
    }
}

fn run_all(seed: u64, net: NetOptions) {
    let outcome = Simulation::new(seed).net(net).run(|cluster| async move {
        let (client, server) = (cluster.add_node("client"), cluster.add_node("server"));
        for test in contract::all() {
            println!("seed {seed}: {}", test.name);
            (test.run)(stage(&client, &server)).await;
        }
    });
    // Those that the contract plants.
    assert_eq!(outcome.panics.len(), 2, "{:?}", outcome.panics);
}

#[test]
fn between_two_nodes() {
    for seed in 0..5 {
        run_all(seed, NetOptions::default());
    }
}

#[test]
fn with_a_lossy_network_and_a_tiny_window() {
    for seed in 5..8 {
        let net =
            NetOptions { loss_per_mille: 5, window: 1000, partial_per_mille: 500, ..NetOptions::default() };
        run_all(seed, net);
    }
}

#[test]
fn of_a_node_with_itself() {
    Simulation::new(9).run(|cluster| async move {
        let node = cluster.add_node("node");
        for test in contract::all() {
            println!("{}", test.name);
            let mut stage = stage(&node, &node);
            (stage.server_host, stage.server_ip) = ("localhost".to_owned(), [127, 0, 0, 1].into());
            (test.run)(stage).await;
        }
    });
}
