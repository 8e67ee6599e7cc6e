//! What is wrong with the machines, their disks, clocks and links at one moment: told with a finding that something does not go on, so
//! that who reads it sees at once what is in its way, or that nothing is.
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::time::SimTime;
use crate::world::{Node, NodeIndex, World, lock};

/// Of a machine's damaged files so many are named.
const FILES_NAMED: usize = 3;
/// A disk with less room than this, in bytes, is as good as full: a segment's first write does not fit.
const ROOM_FEW: u64 = 64 << 10;

/// The faults that stand, each a phrase that names its machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StandingFaults(Vec<String>);

impl fmt::Display for StandingFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("no fault stands in its way"),
            faults => write!(f, "faults that stand: {}", faults.join("; ")),
        }
    }
}

impl StandingFaults {
    /// Looks; changes nothing, and leaves no trace.
    pub(crate) fn look(world: &World) -> StandingFaults {
        let nodes = world.all_nodes();
        let mut faults: Vec<String> = nodes.iter().flat_map(|node| of_machine(node, world.now())).collect();
        faults.extend(of_links(world, &nodes));
        StandingFaults(faults)
    }
}

/// What is wrong with one machine.
fn of_machine(node: &Node, now: SimTime) -> Vec<String> {
    let mut found = Vec::new();
    if !node.is_running() {
        found.push("is down".to_owned());
    }
    if node.is_paused() {
        found.push("stands still".to_owned());
    }
    found.extend(lock(&node.clock).standing());
    let mut disk = lock(&node.disk);
    found.extend(disk.standing(now));
    if disk.room() < ROOM_FEW {
        found.push(format!("has a disk with room for {} bytes", disk.room()));
    }
    let damaged = disk.damaged();
    if !damaged.is_empty() {
        let more = damaged.len().saturating_sub(FILES_NAMED);
        let named: Vec<&str> = damaged.iter().take(FILES_NAMED).map(|(path, _)| path.as_str()).collect();
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        found.push(format!("has damaged files ({}{rest})", named.join(", ")));
    }
    found.into_iter().map(|what| format!("{} {what}", node.name)).collect()
}

/// What is wrong with the links among machines.
fn of_links(world: &World, nodes: &[Arc<Node>]) -> Vec<String> {
    let (cut, slow) = {
        let net = lock(&world.net);
        (net.cut.clone(), net.slow.clone())
    };
    let name = |index: NodeIndex| {
        nodes.iter().find(|node| node.index == index).map_or("?", |node| node.name.as_str())
    };
    let names = |all: &BTreeSet<NodeIndex>| all.iter().map(|&one| name(one)).collect::<Vec<_>>().join(", ");
    let both: BTreeSet<_> = cut.iter().copied().filter(|&(a, b)| cut.contains(&(b, a))).collect();
    let one_way: BTreeSet<_> = cut.difference(&both).copied().collect();
    let mut found = Vec::new();
    for (some, others) in in_groups(both) {
        found.push(format!("nothing passes between {} and {}", names(&some), names(&others)));
    }
    for (from, to) in in_groups(one_way) {
        found.push(format!("nothing passes from {} to {}", names(&from), names(&to)));
    }
    for ((from, to), by) in slow {
        found.push(format!("what {} sends to {} takes {by:?} longer", name(from), name(to)));
    }
    found
}

/// Pairs of nodes, as groups of which each node of the first has a pair with each of the second: a split or a deaf node is one of them.
/// Of two pairs that are each other's reverse one is told.
fn in_groups(mut pairs: BTreeSet<(NodeIndex, NodeIndex)>) -> Vec<(BTreeSet<NodeIndex>, BTreeSet<NodeIndex>)> {
    let mut groups = Vec::new();
    while let Some(&(first, _)) = pairs.first() {
        let of = |from: NodeIndex| -> BTreeSet<NodeIndex> {
            pairs.iter().filter(|(one, _)| *one == from).map(|(_, other)| *other).collect()
        };
        let to = of(first);
        let all = pairs.iter().map(|(from, _)| *from);
        let from: BTreeSet<NodeIndex> = all.filter(|&from| to.is_subset(&of(from))).collect();
        let is_told = |a: &NodeIndex, b: &NodeIndex| from.contains(a) && to.contains(b);
        pairs.retain(|(a, b)| !is_told(a, b) && !is_told(b, a));
        groups.push((from, to));
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use ordain::io::OpenOptions;

    use crate::disk::FaultyOp;
    use crate::{Cluster, Simulation};

    fn told(cluster: &Cluster) -> String {
        cluster.standing_faults().to_string()
    }

    #[test]
    fn each_kind_of_fault_is_told_while_it_stands() {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let [a, b, c] = ["a", "b", "c"].map(|name| cluster.add_node(name));
            assert_eq!(told(&cluster), "no fault stands in its way");
            let net = cluster.net();
            net.partition(&[a.index()], &[b.index(), c.index()]);
            net.cut(b.index(), c.index());
            net.slow(c.index(), b.index(), Duration::from_millis(50));
            assert_eq!(
                told(&cluster),
                "faults that stand: nothing passes between a and b, c; nothing passes from b to c; what c sends to b takes 50ms longer"
            );
            net.heal();
            net.slow(c.index(), b.index(), Duration::ZERO);
            a.pause();
            b.crash();
            c.clock().freeze(true);
            assert_eq!(
                told(&cluster),
                "faults that stand: a stands still; b is down; c has clocks that stand still"
            );
            a.resume();
            b.restart();
            c.clock().freeze(false);
            a.disk().slow(100);
            b.disk().fail(FaultyOp::Write, "data/", 7);
            c.disk().set_capacity(1000);
            c.disk().read_only(true);
            assert_eq!(
                told(&cluster),
                "faults that stand: a has a disk that takes 100 times as long; b has a disk that fails the next 7 of \
                 Write in \"data/\"; c has a disk that is read-only; c has a disk with \
                 room for 1000 bytes"
            );
            a.disk().clear_faults();
            b.disk().clear_faults();
            c.disk().set_capacity(1 << 30);
            c.disk().read_only(false);
            a.pause();
            a.crash();
            assert_eq!(told(&cluster), "faults that stand: a is down", "it stands still no longer");
            a.restart();
            assert_eq!(told(&cluster), "no fault stands in its way");
        });
        assert_eq!(outcome.panics, []);
    }

    #[test]
    fn links_that_are_cut_are_told_in_groups() {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let nodes = ["a", "b", "c", "d", "e"].map(|name| cluster.add_node(name));
            let [a, b, c, d, e] = nodes.each_ref().map(|node| node.index());
            let net = cluster.net();
            net.partition(&[a, c], &[b, d, e]);
            assert_eq!(told(&cluster), "faults that stand: nothing passes between a, c and b, d, e");
            net.heal();
            [a, b, d, e].into_iter().for_each(|other| net.cut(other, c));
            assert_eq!(told(&cluster), "faults that stand: nothing passes from a, b, d, e to c");
            net.heal();
            [a, b, d, e].into_iter().for_each(|other| net.cut(c, other));
            assert_eq!(told(&cluster), "faults that stand: nothing passes from c to a, b, d, e");
            net.heal();
            net.partition(&[a], &[b, c]);
            net.partition(&[b], &[c]);
            net.cut(d, e);
            assert_eq!(
                told(&cluster),
                "faults that stand: nothing passes between a and b, c; nothing passes between b and c; \
                 nothing passes from d to e"
            );
        });
        assert_eq!(outcome.panics, []);
    }

    #[test]
    fn damaged_files_are_named_up_to_a_few() {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let node = cluster.add_node("a");
            let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
            for name in ["1", "2", "3", "4"] {
                let file = node.io().disk.open(name, options).await.unwrap();
                file.write_at(0, vec![Bytes::from_static(b"abc")]).await.unwrap();
                assert_eq!(node.disk().flip_bit(name, 1).ok(), Some(true));
            }
            assert_eq!(told(&cluster), "faults that stand: a has damaged files (1, 2, 3 and 1 more)");
        });
        assert_eq!(outcome.panics, []);
    }
}
