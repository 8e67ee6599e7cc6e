//! What runs on a node's machine.
use std::sync::Arc;
use std::time::Duration;

use ordain::config::{Inputs, LoadedConfig, load};
use ordain::io::{Io, Shutdown};
use ordain::log::{JournalError, JournalFailed, StorageError};
use ordain::server::{Node, StartError};
use ordain::types::NodeId;

use super::plan::Plan;
use super::snapshots;
use super::world::World;
use crate::cluster::{Cluster, NodeHandle};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::broker::account::Account;
use crate::scenarios::broker::history::History;
use crate::scenarios::broker::machine::STOPS_PER_MILLE;
use crate::scenarios::fleet::{End, Ended, Fleet, WeakDisk, machine_name};
use crate::time::SimTime;

/// A process whose journal has failed ends within this time.
const DEATH_MAX: Duration = Duration::from_millis(300);

/// Starts the nodes.
pub(super) fn start_up(
    cluster: &Cluster,
    plan: &Plan,
    world: &Arc<World>,
    (account, history): (&Account, &History),
    weak: &[NodeId],
) -> Fleet {
    let weak = weak.iter().map(|&node| WeakDisk { node, atlas: account.atlas().clone() });
    let weak: Vec<WeakDisk> = weak.collect();
    let (account, may_lose) = (account.clone(), weak.clone());
    let (gone, told) = (Arc::clone(world), history.clone());
    let gone = Arc::new(move |node| {
        gone.leave(node);
        told.run_ended(&machine_name(node));
    });
    let (world, notes, plan) = (Arc::clone(world), cluster.clone(), plan.clone());
    let fleet = Fleet::start_up(cluster, plan.clone().node_ids(), gone, move |handle, io, id, stop| {
        let machine = Machine {
            config: config(&plan, id),
            handle,
            io,
            id,
            stop,
            world: Arc::clone(&world),
            cluster: notes.clone(),
            account: account.clone(),
            weak: may_lose.iter().find(|weak| weak.node == id).cloned(),
        };
        machine.live()
    });
    fleet.nodes().for_each(|(_, node)| history.watch(node));
    fleet.with_weak_disks(weak)
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
    account: Account,
    /// If its disk is.
    weak: Option<WeakDisk>,
}

impl Machine {
    async fn live(self) -> Ended {
        let Machine { config, handle, io, id, stop, world, cluster, account, weak } = self;
        if weak.is_none() {
            snapshots::are_durable(id, &handle)?;
        }
        let began = cluster.now();
        let before = account.before(&handle, began);
        let mut death = Stream::new(cluster.seed(), handle.name(), "death", began.0);
        let starting = Node::start(io, Arc::new(config.broker), Arc::new(config.settings));
        let started = tokio::select! {
            biased;
            started = starting => started,
            () = stop.begun() => return Ok(End::Over("stopped before it had joined".to_owned())),
        };
        let node = match started {
            Ok(node) => node,
            Err(StartError::Journal(failed @ JournalFailed::Forgot { .. })) => {
                return forgot(&world, (id, &handle), failed.to_string(), weak.as_ref());
            }
            Err(error) if lacks_room(&handle, &error) => return Ok(End::Over(error.to_string())),
            Err(error) => return refused(&world, (id, &handle), began, error.to_string(), weak.as_ref()),
        };
        cluster.note(format_args!("node {id} runs: {:?}", node.recovery()));
        if let Err(wrong) = account.judge_report(&handle, &before, node.recovery()) {
            return Err(Violation::new("I14-damage-report-wrong", format!("node {id}: {wrong}")));
        }
        let journal = node.storage().journal().clone();
        world.join(id, Arc::clone(node.context()), journal.clone());
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
                    account.stopping(&handle);
                    node.shutdown().await;
                } else {
                    cluster.sleep(dying).await;
                }
                match failed {
                    JournalFailed::Forgot { .. } => {
                        forgot(&world, (id, &handle), failed.to_string(), weak.as_ref())
                    }
                    failed => Ok(End::Over(failed.to_string())),
                }
            }
            None => {
                account.stopping(&handle);
                node.shutdown().await;
                Ok(End::Over("stopped".to_owned()))
            }
        }
    }
}

/// What follows when others know of more than a node's journal holds: whoever runs it gives it another disk. Only where its disk
/// was put back, or is weak and has lost something, be it long ago: bytes, or names that its directory's sync failed for, for which a start
/// goes by the file system's word (docs/journal-format.md). One that else only gives errors, is full or is slow keeps what was durable.
fn forgot(world: &World, (id, node): (NodeId, &NodeHandle), why: String, weak: Option<&WeakDisk>) -> Ended {
    let has_lost = |weak: &WeakDisk| weak.atlas.was_ever_hit(node) || node.disk().has_lost_names();
    if world.takes_back(id) || weak.is_some_and(has_lost) {
        return Ok(End::DiskLost(why));
    }
    Err(Violation::new("I15-remembers", format!("node {id} lost nothing: {why}")))
}

/// Whether a start makes a journal for which there is no room now, as it says.
fn lacks_room(node: &NodeHandle, error: &StartError) -> bool {
    let StartError::Storage(StorageError::Journal(JournalError::NoRoom { needed, .. })) = error else {
        return false;
    };
    *needed > node.disk().room()
}

/// What follows when a node does not start: it tries again if its disk gave errors just now, or was full. If what was destroyed
/// on a weak disk is the reason, whoever runs it gives it another disk: the others have what it held.
fn refused(
    world: &World,
    (id, node): (NodeId, &NodeHandle),
    began: SimTime,
    why: String,
    weak: Option<&WeakDisk>,
) -> Ended {
    let disk = node.disk();
    if disk.last_error().max(disk.last_full()).is_some_and(|error| error >= began) {
        return Ok(End::Over(why));
    }
    match weak.and_then(|weak| weak.atlas.explains_refusal(node, &why)) {
        Some(_) => {
            // What was put back is gone with it.
            world.takes_back(id);
            Ok(End::DiskLost(why))
        }
        None => Err(Violation::new("does-not-start", format!("node {} does not start: {why}", node.name()))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ordain::io::OpenOptions;

    use super::*;
    use crate::Simulation;
    use crate::fault_atlas::FaultAtlas;

    #[test]
    fn only_who_lost_something_may_have_forgotten() {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let (id, node) = (NodeId(1), cluster.add_node("n1"));
            let (world, atlas) = (World::default(), FaultAtlas::of_several());
            let weak = WeakDisk { node: id, atlas: atlas.clone() };
            let may_have =
                |weak: Option<&WeakDisk>| forgot(&world, (id, &node), "x".to_owned(), weak).is_ok();
            let whole = [may_have(None), may_have(Some(&weak))];
            world.put_back(id);
            let put_back = [may_have(None), may_have(None)];
            let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
            let file = node.io().disk.open("file", options).await.expect("the disk is whole");
            file.write_at(0, vec![Bytes::from_static(b"x")]).await.expect("the disk is whole");
            node.disk().flip_bit("file", 3).expect("the file is there");
            let hit = [may_have(None), may_have(Some(&weak))];
            let _remembered = atlas.look(&node);
            node.disk().repair("file").expect("the file is there");
            (whole, put_back, hit, may_have(Some(&weak)))
        });
        assert_eq!(outcome.value, ([false, false], [true, false], [false, true], true));
    }
}
