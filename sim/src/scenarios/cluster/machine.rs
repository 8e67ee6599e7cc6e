//! What runs on a node's machine.
use std::sync::Arc;
use std::time::Duration;

use ordain::config::{Inputs, LoadedConfig, load};
use ordain::io::{Io, Shutdown};
use ordain::server::Node;
use ordain::types::NodeId;

use super::plan::Plan;
use super::world::World;
use crate::cluster::{Cluster, NodeHandle};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::broker::machine::STOPS_PER_MILLE;
use crate::scenarios::fleet::{Ended, Fleet, machine_name};

/// A process whose journal has failed ends within this time.
const DEATH_MAX: Duration = Duration::from_millis(300);

/// Starts the nodes.
pub(super) fn start_up(cluster: &Cluster, plan: &Plan, world: &Arc<World>) -> Fleet {
    let gone = Arc::clone(world);
    let gone = Arc::new(move |node| gone.leave(node));
    let (world, notes, plan) = (Arc::clone(world), cluster.clone(), plan.clone());
    Fleet::start_up(cluster, plan.clone().node_ids(), gone, move |handle, io, id, stop| {
        let machine = Machine {
            config: config(&plan, id),
            handle,
            io,
            id,
            stop,
            world: Arc::clone(&world),
            cluster: notes.clone(),
        };
        machine.live()
    })
}

fn config(plan: &Plan, id: NodeId) -> LoadedConfig {
    config_at(plan, id, &machine_name(id))
}

/// The configuration of a node on a machine of that name.
pub(super) fn config_at(plan: &Plan, id: NodeId, machine: &str) -> LoadedConfig {
    let overrides = plan.overrides(id, machine);
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    load(&inputs, None).expect("the configuration is right")
}

/// A process that nobody looks after: it runs until its machine stops it.
pub(super) async fn live_elsewhere(io: Io, config: LoadedConfig) {
    let started = Node::start(io, Arc::new(config.broker), Arc::new(config.settings)).await;
    std::future::pending::<()>().await;
    drop(started);
}

/// One run of a node's process.
struct Machine {
    config: LoadedConfig,
    handle: NodeHandle,
    io: Io,
    id: NodeId,
    stop: Shutdown,
    world: Arc<World>,
    cluster: Cluster,
}

impl Machine {
    async fn live(self) -> Ended {
        let Machine { config, handle, io, id, stop, world, cluster } = self;
        let began = cluster.now();
        let mut death = Stream::new(cluster.seed(), handle.name(), "death", began.0);
        let starting = Node::start(io, Arc::new(config.broker), Arc::new(config.settings));
        let started = tokio::select! {
            biased;
            started = starting => started,
            () = stop.begun() => return Ok("stopped before it had joined".to_owned()),
        };
        let node = match started {
            Ok(node) => node,
            Err(error) => {
                let explained = handle.disk().last_error().is_some_and(|error| error >= began);
                let why = error.to_string();
                let text = || format!("node {id} does not start: {why}");
                return if explained { Ok(why) } else { Err(Violation::new("does-not-start", text())) };
            }
        };
        cluster.note(format_args!("node {id} runs: {:?}", node.recovery()));
        world.join(id, Arc::clone(node.context()));
        let journal = node.storage().journal().clone();
        let failed = tokio::select! {
            biased;
            failed = journal.failed() => Some(failed),
            () = stop.begun() => None,
        };
        match failed {
            Some(failed) => {
                // It does not end at once, and may say nothing wrong meanwhile.
                let dying = death.duration(Duration::ZERO, DEATH_MAX);
                if death.chance(STOPS_PER_MILLE) {
                    node.shutdown().await;
                } else {
                    cluster.sleep(dying).await;
                }
                Ok(failed.to_string())
            }
            None => {
                node.shutdown().await;
                Ok("stopped".to_owned())
            }
        }
    }
}
