//! Bounded model checking of the core: every order of deliveries, timers, syncs, losses of power and the rest, within
//! bounds. The network keeps all that was sent, so loss, delay, reordering and duplication are among the orders.
//!
//! A part runs with the tests. Deeper:
//! `RAFT_STATES=3000000 cargo test --release --lib raft::tests::search -- --nocapture --test-threads 1`.
use super::{elect, held, talk};
use crate::raft::cluster::{Action, Bounds, Cluster, Search, search};
use crate::raft::{Event, Mistake};
use crate::types::{LeaderEpoch, NodeId};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);

/// How many states each search visits with the tests.
const STATES: usize = 12_000;

/// How many states each search visits at most.
fn states_max() -> usize {
    std::env::var("RAFT_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(STATES)
}

/// Finds nothing, and comes at least so deep, whatever is changed of what a state is: a search that visits less than it did is told.
fn clean(name: &str, start: Cluster, bounds: Bounds, depth_least: usize) {
    let Search { states, depth, complete, found } =
        search(start, Bounds { states_max: states_max(), ..bounds });
    let end = if complete { "complete" } else { "cut off" };
    println!("{name}: {states} states, depth {depth}, {end}");
    if let Some(found) = found {
        panic!("{name}: {}\n  {}", found.violation, found.path.join("\n  "));
    }
    assert!(
        depth >= depth_least || states_max() < STATES,
        "{name}: {states} states come to depth {depth} only"
    );
}

/// Node 1 leads epoch 0 and has committed a record; the others hold it and do not know that it is committed. Their
/// fetches are under way.
fn led(nodes: i32, voters: i32, mistake: Option<Mistake>) -> Cluster {
    let mut cluster = Cluster::new(nodes, voters, mistake);
    held(cluster.step(A, Event::Campaign, &[]));
    talk(&mut cluster, &[A, B, C]);
    held(cluster.act(Action::Append(A)));
    for node in [B, C] {
        held(cluster.act(Action::Refetch(node)));
    }
    talk(&mut cluster, &[A, B, C]);
    assert_eq!(cluster.node(A).replica.high_watermark().0, 1);
    for node in [B, C] {
        held(cluster.act(Action::Refetch(node)));
    }
    cluster
}

/// The first leader is cut off with a record of its own, and the second, which has committed its epoch's start, has appended one that
/// nobody has fetched: what comes next is the third epoch.
fn led_twice() -> Cluster {
    let mut cluster = led(3, 3, None);
    held(cluster.act(Action::Append(A)));
    cluster.network.clear();
    elect(&mut cluster, B, &[B, C]);
    held(cluster.act(Action::Append(B)));
    held(cluster.act(Action::Refetch(C)));
    assert_eq!(cluster.node(A).replica.leader(), Some(A));
    assert_eq!(cluster.node(B).replica.epoch(), LeaderEpoch(1));
    cluster
}

/// Three epochs, three replicas, three records.
const USUAL: Bounds =
    Bounds { epoch_max: LeaderEpoch(2), appends: 2, usurps: 2, timers: false, ..Bounds::NONE };

#[test]
fn elections_from_nothing() {
    let bounds = Bounds { epoch_max: LeaderEpoch(1), ..Bounds::NONE };
    clean("elections with pre-votes", Cluster::new(3, 3, None), bounds, 7);
    let bounds = Bounds { usurps: 3, crashes: 1, timers: false, ..Bounds::NONE };
    clean("elections with a loss of power", Cluster::new(3, 3, None), bounds, 7);
}

#[test]
fn leaders_change_under_a_log() {
    clean("changes of leader", led(3, 3, None), Bounds { reduced: true, ..USUAL }, 8);
    clean("changes of leader, slow disks", led(3, 3, None), USUAL, 7);
}

#[test]
fn the_third_epoch_begins_on_logs_that_diverge() {
    let bounds = Bounds { usurps: 1, appends: 1, ..USUAL };
    clean("the third epoch", led_twice(), Bounds { reduced: true, ..bounds }, 13);
    clean("the third epoch, slow disks", led_twice(), bounds, 11);
    clean("the third epoch, a loss of power", led_twice(), Bounds { crashes: 1, reduced: true, ..bounds }, 9);
}

#[test]
fn power_is_lost() {
    let bounds = Bounds { crashes: 2, appends: 1, ..USUAL };
    clean("losses of power", led(3, 3, None), Bounds { reduced: true, ..bounds }, 5);
    clean("losses of power, slow disks", led(3, 3, None), bounds, 5);
}

#[test]
fn leaders_are_suspected_and_isolated() {
    let bounds = Bounds { suspects: 3, isolations: 1, usurps: 0, timers: true, ..USUAL };
    clean("suspicion", led(3, 3, None), Bounds { reduced: true, ..bounds }, 6);
}

#[test]
fn disks_are_lost() {
    let bounds = Bounds { wipes: 1, changes: 2, appends: 1, reduced: true, ..USUAL };
    clean("lost disks", led(3, 3, None), bounds, 5);
}

#[test]
fn voters_change() {
    let bounds = Bounds { changes: 2, appends: 0, reduced: true, ..USUAL };
    clean("changes of voters among three", led(3, 3, None), bounds, 8);
    clean("changes of voters among four", led(4, 3, None), bounds, 7);
}

#[test]
fn leadership_is_transferred_and_logs_are_cut_short() {
    let bounds = Bounds { transfers: 2, usurps: 1, reduced: true, ..USUAL };
    clean("transfer", led(3, 3, None), bounds, 8);
    let bounds = Bounds { moves: 2, reduced: true, ..USUAL };
    clean("moved log starts", led(3, 3, None), bounds, 7);
}

/// The smallest clusters have so few states that each is visited: everything that the bounds allow is so.
#[test]
fn the_smallest_are_exhausted() {
    let exhausts = |name: &str, nodes: i32, bounds: Bounds| {
        let bounds = Bounds { timers: false, states_max: 60_000, ..bounds };
        let Search { states, depth, complete, found } = search(Cluster::new(nodes, nodes, None), bounds);
        println!("{name}: {states} states, depth {depth}");
        assert!(complete && found.is_none(), "{name}: {states} states, depth {depth}: {found:?}");
    };
    let one = Bounds { epoch_max: LeaderEpoch(0), usurps: 1, ..Bounds::NONE };
    exhausts("two, one epoch", 2, one);
    exhausts("two, one epoch, a record", 2, Bounds { appends: 1, ..one });
    exhausts("two, one epoch, a record, a loss of power", 2, Bounds { appends: 1, crashes: 1, ..one });
    exhausts("three, one epoch, reduced", 3, Bounds { reduced: true, ..one });
    let two = Bounds { epoch_max: LeaderEpoch(1), usurps: 2, reduced: true, ..one };
    exhausts("two, two epochs, reduced", 2, two);
    exhausts("two, two epochs, a record, reduced", 2, Bounds { appends: 1, ..two });
}
