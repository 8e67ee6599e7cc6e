mod effects;
mod mistakes;
mod mistakes_searched;
mod random;
mod removals;
mod restarts;
mod search;
mod transcripts;
mod turns;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::raft::cluster::{Action, Cluster, Violation};
use crate::types::NodeId;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does something that may panic, and says nothing of it (a trace of the stack takes long): `Err` has what it would have
/// said.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.with(Cell::get) {
                loud(panic);
            }
        }));
    });
    QUIET.with(|quiet| quiet.set(true));
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.with(|quiet| quiet.set(false));
    result.map_err(|panic| {
        let told = panic.downcast_ref::<String>().cloned();
        told.or_else(|| panic.downcast_ref::<&str>().map(|&told| told.to_owned())).unwrap_or_default()
    })
}

fn held(result: Result<(), Violation>) {
    result.unwrap_or_else(|violation| panic!("before the search: {violation}"));
}

/// Delivers everything that is under way to or from these nodes alone, with syncs, until nothing is left; then the rest
/// is lost.
fn talk(cluster: &mut Cluster, among: &[NodeId]) {
    let sync = |cluster: &mut Cluster| {
        for node in cluster.all() {
            held(cluster.act(Action::Sync(node, usize::MAX)));
        }
    };
    sync(cluster);
    while !cluster.network.is_empty() {
        let packet = cluster.network.remove(0);
        if among.contains(&packet.from) && among.contains(&packet.to) {
            held(cluster.deliver(&packet));
            sync(cluster);
        }
    }
}

/// Makes a node leader with the votes of `among`, and lets them follow it.
fn elect(cluster: &mut Cluster, node: NodeId, among: &[NodeId]) {
    held(cluster.act(Action::Usurp(node)));
    talk(cluster, among);
    assert_eq!(cluster.node(node).replica.leader(), Some(node));
}
