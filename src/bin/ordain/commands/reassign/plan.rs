//! Which brokers shall hold partitions: as few moves as possible, spread over racks and brokers.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::NodeId;

/// The brokers to choose from.
pub type Brokers = BTreeMap<NodeId, Candidate>;

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Candidate {
    pub rack: Option<String>,
    /// It is drained or does not answer: it gets what no other broker can hold.
    pub is_last: bool,
}

/// A partition as it is to be held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    pub at: TopicPartition,
    pub from: Vec<NodeId>,
    pub to: Vec<NodeId>,
}

/// Where these partitions shall be, so that each is on `allowed` brokers alone, with as many replicas as `factor` says or as it has. What
/// may stay stays, in its order. The others go to the brokers with the fewest replicas: first of racks in which the partition has none,
/// and before all that to those that are there and not drained.
/// Partitions that are where they shall be are left out. `held` are all replicas that each broker has.
///
/// `None` if there are fewer brokers than replicas.
pub fn moves(
    partitions: &[(TopicPartition, Vec<NodeId>)],
    allowed: &Brokers,
    factor: Option<usize>,
    held: &BTreeMap<NodeId, usize>,
) -> Option<Vec<Move>> {
    let mut held = held.clone();
    let mut moves = Vec::new();
    for (at, from) in partitions {
        let factor = factor.unwrap_or(from.len());
        let stays = |node: &&NodeId| allowed.contains_key(node);
        let mut to: Vec<NodeId> = from.iter().filter(stays).take(factor).copied().collect();
        while to.len() < factor {
            let node = next(&to, allowed, &held)?;
            *held.entry(node).or_default() += 1;
            to.push(node);
        }
        for gone in from.iter().filter(|node| !to.contains(node)) {
            if let Some(count) = held.get_mut(gone) {
                *count = count.saturating_sub(1);
            }
        }
        if to != *from {
            moves.push(Move { at: at.clone(), from: from.clone(), to });
        }
    }
    Some(moves)
}

/// The broker that gets the next replica.
fn next(to: &[NodeId], allowed: &Brokers, held: &BTreeMap<NodeId, usize>) -> Option<NodeId> {
    let rack_of = |node: &NodeId| allowed.get(node).and_then(|one| one.rack.as_ref());
    let candidates = allowed.iter().filter(|(node, _)| !to.contains(node));
    let best = candidates.min_by_key(|(node, one)| {
        let rack = rack_of(node);
        let same_rack = rack.is_some() && to.iter().any(|other| rack_of(other) == rack);
        (one.is_last, same_rack, held.get(node).copied().unwrap_or(0), **node)
    });
    best.map(|(node, _)| *node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(nodes: &[i32]) -> Vec<NodeId> {
        nodes.iter().map(|&node| NodeId(node)).collect()
    }

    fn brokers(racks: &[(i32, &str)]) -> Brokers {
        racks
            .iter()
            .map(|&(node, rack)| {
                let rack = (!rack.is_empty()).then(|| rack.to_owned());
                (NodeId(node), Candidate { rack, is_last: false })
            })
            .collect()
    }

    fn targets(from: &[&[i32]], allowed: &Brokers, factor: Option<usize>) -> Option<Vec<Vec<i32>>> {
        let partitions: Vec<_> =
            (0..).zip(from).map(|(at, from)| (TopicPartition::new("t", at), nodes(from))).collect();
        let mut held = BTreeMap::new();
        for node in from.iter().copied().flatten() {
            *held.entry(NodeId(*node)).or_insert(0) += 1;
        }
        let moves = moves(&partitions, allowed, factor, &held)?;
        Some(moves.into_iter().map(|one| one.to.iter().map(|node| node.0).collect()).collect())
    }

    #[test]
    fn a_broker_is_evacuated_to_those_with_the_fewest_replicas() {
        let allowed = brokers(&[(1, ""), (2, ""), (4, ""), (5, "")]);
        let moved = targets(&[&[3, 1, 2], &[1, 2, 3], &[1, 2, 4], &[3, 2, 1]], &allowed, None);
        assert_eq!(moved, Some(vec![vec![1, 2, 5], vec![1, 2, 4], vec![2, 1, 5]]));
    }

    #[test]
    fn another_rack_comes_before_a_broker_with_less() {
        let allowed = brokers(&[(1, "a"), (2, "b"), (4, "a"), (5, "c")]);
        assert_eq!(targets(&[&[1, 2, 3], &[5, 1, 2]], &allowed, None), Some(vec![vec![1, 2, 5]]));
    }

    #[test]
    fn a_drained_broker_gets_what_no_other_can_hold() {
        let mut allowed = brokers(&[(1, "a"), (2, "b"), (4, "c"), (5, "a")]);
        allowed.get_mut(&NodeId(4)).unwrap().is_last = true;
        assert_eq!(targets(&[&[3, 1, 2]], &allowed, None), Some(vec![vec![1, 2, 5]]), "of a rack twice");
        assert_eq!(targets(&[&[3, 1, 2]], &allowed, Some(4)), Some(vec![vec![1, 2, 5, 4]]));
        assert_eq!(targets(&[&[4, 1, 2]], &allowed, None), Some(Vec::new()), "what it has it keeps");
    }

    #[test]
    fn the_number_of_replicas_follows_the_factor() {
        let allowed = brokers(&[(1, ""), (2, ""), (3, "")]);
        assert_eq!(targets(&[&[1], &[2, 3]], &allowed, Some(2)), Some(vec![vec![1, 2]]));
        assert_eq!(targets(&[&[2, 3, 1]], &allowed, Some(1)), Some(vec![vec![2]]));
        assert_eq!(targets(&[&[1]], &allowed, Some(4)), None);
    }
}
