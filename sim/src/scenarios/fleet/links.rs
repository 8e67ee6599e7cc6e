//! Links among the nodes that are cut such that the nodes as a whole are in a state of which no pair of them tells: two groups that hear
//! nothing of each other, or a node that hears nobody, or that nobody hears. Owns how these are drawn, and how a run tells that it has
//! come to one; what is between nodes and clients is not touched.
use std::collections::BTreeSet;
use std::time::Duration;

use ordain::probe::{Condition, sometimes};

use super::Fleet;
use super::faults::draw_times;
use crate::faults::{Fault, TimedFault, micros};
use crate::rng::Stream;
use crate::world::NodeIndex;

/// How many runs have splits.
const SPLITS_PER_MILLE: u32 = 250;
/// How many have deaf and mute nodes.
const ONE_SIDED_PER_MILLE: u32 = 250;
/// A node that is alone is cut off, and nothing is split.
const GROUP_LEAST: usize = 2;
/// Of two nodes, the one that does not hear the other is a link that is cut one way.
const ONE_SIDED_NODES_LEAST: usize = 3;

/// How long links stay cut at most.
const LONGEST: Duration = Duration::from_secs(8);

/// The directions in which nothing passes.
type Cuts = BTreeSet<(NodeIndex, NodeIndex)>;

/// Draws splits in some runs: the nodes are two groups of two or more, between which nothing passes. One of them may have a majority of
/// something and the other one of something else; where their number is even, nobody has any.
pub(in crate::scenarios) fn draw_splits(
    rng: &mut Stream,
    nodes: &[String],
    duration: Duration,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if nodes.len() < 2 * GROUP_LEAST || !rng.chance(SPLITS_PER_MILLE) {
        return schedule;
    }
    for _ in 0..rng.between(1, 4) {
        let (at, over) = draw_times(rng, duration, LONGEST);
        let order = rng.shuffled(nodes);
        let (least, most) = (GROUP_LEAST as u64, (nodes.len() - GROUP_LEAST) as u64);
        let count = usize::try_from(rng.between(least, most)).unwrap_or(GROUP_LEAST);
        let (group, others) = order.split_at(count);
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        for (a, b) in group.iter().flat_map(|a| others.iter().map(move |b| (*a, *b))) {
            add(at, Fault::Cut { from: a.clone(), to: b.clone() });
            add(at, Fault::Cut { from: b.clone(), to: a.clone() });
            add(over, Fault::Mend { a: a.clone(), b: b.clone() });
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

/// Draws, in some runs, nodes that hear none of the others and are heard by all, and nodes that are heard by none and hear all.
pub(in crate::scenarios) fn draw_deaf_and_mute(
    rng: &mut Stream,
    nodes: &[String],
    duration: Duration,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if nodes.len() < ONE_SIDED_NODES_LEAST || !rng.chance(ONE_SIDED_PER_MILLE) {
        return schedule;
    }
    for _ in 0..rng.between(1, 4) {
        let (at, over) = draw_times(rng, duration, LONGEST);
        let (node, is_deaf) = (rng.pick(nodes), rng.chance(500));
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        for other in nodes.iter().filter(|other| *other != node) {
            let (from, to) = if is_deaf { (other, node) } else { (node, other) };
            add(at, Fault::Cut { from: from.clone(), to: to.clone() });
            add(over, Fault::Mend { a: node.clone(), b: other.clone() });
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

/// Notes what has come of all that is cut now.
pub(super) fn note_reached(cuts: &Cuts, fleet: &Fleet) {
    let nodes: Vec<NodeIndex> = fleet.nodes().map(|(_, node)| node.index()).collect();
    if is_split(&nodes, cuts) {
        sometimes(Condition::ClusterSplit);
    }
    if has_deaf_node(&nodes, cuts) {
        sometimes(Condition::ClusterDeafNode);
    }
    if has_mute_node(&nodes, cuts) {
        sometimes(Condition::ClusterMuteNode);
    }
}

/// Whether the nodes are two groups of two or more, between which nothing passes.
fn is_split(nodes: &[NodeIndex], cuts: &Cuts) -> bool {
    let groups = groups(nodes, cuts);
    groups.len() == 2 && groups.iter().all(|group| group.len() >= GROUP_LEAST)
}

/// Whether a node hears none of the others, and all of them hear it.
fn has_deaf_node(nodes: &[NodeIndex], cuts: &Cuts) -> bool {
    let is_deaf = |node: NodeIndex| {
        let mut others = nodes.iter().copied().filter(|&other| other != node);
        others.all(|other| cuts.contains(&(other, node)) && !cuts.contains(&(node, other)))
    };
    nodes.len() >= ONE_SIDED_NODES_LEAST && nodes.iter().copied().any(is_deaf)
}

/// Whether a node is heard by none of the others, and hears all of them.
fn has_mute_node(nodes: &[NodeIndex], cuts: &Cuts) -> bool {
    let reversed: Cuts = cuts.iter().map(|&(from, to)| (to, from)).collect();
    has_deaf_node(nodes, &reversed)
}

/// The groups within which something passes at least one way, be it over others.
fn groups(nodes: &[NodeIndex], cuts: &Cuts) -> Vec<Vec<NodeIndex>> {
    let is_apart = |a: NodeIndex, b: NodeIndex| cuts.contains(&(a, b)) && cuts.contains(&(b, a));
    let mut left = nodes.to_vec();
    let mut groups = Vec::new();
    while let Some(first) = left.pop() {
        let mut group = vec![first];
        let mut next = 0;
        while let Some(&node) = group.get(next) {
            group.extend(left.iter().copied().filter(|&other| !is_apart(node, other)));
            left.retain(|&other| is_apart(node, other));
            next += 1;
        }
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const CHAOS: Duration = Duration::from_secs(20);
    const RUNS: usize = 400;

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("n{number}")).collect()
    }

    fn indexes(count: u32) -> Vec<NodeIndex> {
        (0..count).map(NodeIndex).collect()
    }

    /// What is cut at each time; each pair of it is mended later.
    fn cuts(nodes: &[String], schedule: &[TimedFault]) -> BTreeMap<u64, Cuts> {
        let index = |name: &String| {
            let place = nodes.iter().position(|node| node == name).unwrap();
            NodeIndex(u32::try_from(place).unwrap())
        };
        let is_mended = |(one, other): (&String, &String), since: u64| {
            schedule.iter().any(|timed| match &timed.fault {
                Fault::Mend { a, b } => {
                    timed.at_us >= since && ((a, b) == (one, other) || (a, b) == (other, one))
                }
                _ => false,
            })
        };
        let mut all: BTreeMap<u64, Cuts> = BTreeMap::new();
        for timed in schedule {
            match &timed.fault {
                Fault::Cut { from, to } => {
                    assert!(is_mended((from, to), timed.at_us), "{from} > {to}");
                    all.entry(timed.at_us).or_default().insert((index(from), index(to)));
                }
                Fault::Mend { .. } => {}
                other => panic!("no link: {other:?}"),
            }
        }
        all
    }

    #[test]
    fn splits_are_of_two_groups_of_two_or_more_and_some_runs_have_them() {
        for count in 1_u32..=7 {
            let nodes = names(count as usize);
            let mut rng = Stream::new(1, "test", "splits", u64::from(count));
            let mut runs = 0;
            let mut sizes: BTreeSet<usize> = BTreeSet::new();
            for _ in 0..RUNS {
                let schedule = draw_splits(&mut rng, &nodes, CHAOS);
                assert!(schedule.is_sorted_by_key(|timed| timed.at_us));
                runs += usize::from(!schedule.is_empty());
                for (at, cuts) in cuts(&nodes, &schedule) {
                    assert!(u128::from(at) <= CHAOS.as_micros());
                    assert!(is_split(&indexes(count), &cuts), "of {count}: {cuts:?}");
                    sizes.extend(groups(&indexes(count), &cuts).iter().map(Vec::len));
                }
            }
            if count < 4 {
                assert_eq!(runs, 0, "of {count}");
            } else {
                assert!(runs.abs_diff(RUNS / 4) < RUNS / 10, "{runs} of {RUNS}");
                let possible: BTreeSet<usize> = (2..=count as usize - 2).collect();
                assert_eq!(sizes, possible, "each size comes");
            }
        }
    }

    #[test]
    fn some_runs_have_nodes_that_hear_nobody_or_that_nobody_hears() {
        for count in 1_u32..=7 {
            let (nodes, all) = (names(count as usize), indexes(count));
            let mut rng = Stream::new(1, "test", "deaf and mute", u64::from(count));
            let (mut runs, mut deaf, mut mute) = (0, 0, 0);
            for _ in 0..RUNS {
                let schedule = draw_deaf_and_mute(&mut rng, &nodes, CHAOS);
                assert!(schedule.is_sorted_by_key(|timed| timed.at_us));
                runs += usize::from(!schedule.is_empty());
                for cuts in cuts(&nodes, &schedule).into_values() {
                    assert_eq!(cuts.len(), nodes.len() - 1);
                    assert!(has_deaf_node(&all, &cuts) != has_mute_node(&all, &cuts), "{cuts:?}");
                    deaf += u32::from(has_deaf_node(&all, &cuts));
                    mute += u32::from(has_mute_node(&all, &cuts));
                }
            }
            if count < 3 {
                assert_eq!(runs, 0, "of {count}");
            } else {
                assert!(runs.abs_diff(RUNS / 4) < RUNS / 10, "{runs} of {RUNS}");
                assert!(deaf > 50 && mute > 50, "{deaf} deaf, {mute} mute");
            }
        }
    }

    #[test]
    fn what_is_cut_is_a_split_or_makes_a_node_deaf_or_is_neither() {
        let both = |pairs: &[(u32, u32)]| -> Cuts {
            pairs
                .iter()
                .flat_map(|&(a, b)| [(NodeIndex(a), NodeIndex(b)), (NodeIndex(b), NodeIndex(a))])
                .collect()
        };
        let all = indexes(4);
        let split = both(&[(0, 2), (0, 3), (1, 2), (1, 3)]);
        assert!(is_split(&all, &split));
        assert!(!is_split(&indexes(5), &split), "the fifth reaches both: a bridge");
        assert!(!is_split(&all, &both(&[(0, 1), (0, 2), (0, 3)])), "one is cut off");
        let mut leaky = split.clone();
        leaky.remove(&(NodeIndex(0), NodeIndex(2)));
        assert!(!is_split(&all, &leaky), "something passes one way");
        let apart = both(&[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]);
        assert!(!is_split(&all, &apart), "three groups");

        let one_way = |pairs: &[(u32, u32)]| -> Cuts {
            pairs.iter().map(|&(from, to)| (NodeIndex(from), NodeIndex(to))).collect()
        };
        let (deaf, mute) = (one_way(&[(0, 2), (1, 2), (3, 2)]), one_way(&[(2, 0), (2, 1), (2, 3)]));
        assert!(has_deaf_node(&all, &deaf) && !has_mute_node(&all, &deaf) && !is_split(&all, &deaf));
        assert!(has_mute_node(&all, &mute) && !has_deaf_node(&all, &mute));
        let off: Cuts = deaf.union(&mute).copied().collect();
        assert!(!has_deaf_node(&all, &off) && !has_mute_node(&all, &off), "it is cut off");
        assert!(!has_deaf_node(&all, &one_way(&[(0, 2), (1, 2)])), "it hears one");
        assert!(!has_deaf_node(&indexes(2), &one_way(&[(0, 1)])), "a link alone");
    }
}
