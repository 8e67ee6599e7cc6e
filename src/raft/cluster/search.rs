use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{Action, Cluster};
use crate::types::{LeaderEpoch, NodeId};

/// How much of each may happen on one path, and how far the search goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bounds {
    pub epoch_max: LeaderEpoch,
    pub appends: u8,
    pub crashes: u8,
    pub wipes: u8,
    pub suspects: u8,
    /// Campaigns without pre-vote, of anybody at any time: more than the protocol allows.
    pub usurps: u8,
    pub isolations: u8,
    pub changes: u8,
    pub transfers: u8,
    pub moves: u8,
    /// A node's writes are synced with the step that made them, or partly lost with a loss of power right after it: a slow sync
    /// is as if its packets were slow. And packets of an epoch before their receiver's are lost. Goes deeper; without it, writes
    /// may be under way while a node takes more steps.
    pub reduced: bool,
    /// Deadlines come.
    pub timers: bool,
    pub states_max: usize,
}

impl Bounds {
    /// Three epochs and nothing else.
    pub const NONE: Bounds = Bounds {
        epoch_max: LeaderEpoch(2),
        appends: 0,
        crashes: 0,
        wipes: 0,
        suspects: 0,
        usurps: 0,
        isolations: 0,
        changes: 0,
        transfers: 0,
        moves: 0,
        reduced: false,
        timers: true,
        states_max: 1_000_000,
    };
}

/// What a search found.
#[derive(Debug)]
pub struct Search {
    /// Different states that were visited.
    pub states: usize,
    /// Every state that so many actions lead to was visited; the search ended with all of them if `complete`.
    pub depth: usize,
    pub complete: bool,
    pub found: Option<Found>,
}

/// A violation, and the actions that lead to it.
#[derive(Debug)]
pub struct Found {
    pub violation: String,
    pub path: Vec<String>,
}

struct State {
    cluster: Cluster,
    left: Bounds,
    depth: usize,
    place: usize,
}

/// Visits all states that `start` can come to, nearest first, until the bounds end it or something does not hold. The
/// network keeps everything and delivers it in any order, any number of times, or never; each crash keeps each possible
/// prefix of what was not synced.
#[must_use]
pub fn search(mut start: Cluster, bounds: Bounds) -> Search {
    start.canonical = true;
    start.network.sort();
    start.network.dedup();
    start.said.clear();
    let mut visited: HashSet<u64, BuildHasherDefault<DefaultHasher>> = HashSet::default();
    // For each state the one before it, and what led to it.
    let mut parents: Vec<(usize, String)> = vec![(0, String::new())];
    visited.insert(fingerprint(&start, &bounds));
    let mut frontier = VecDeque::from([State { cluster: start, left: bounds, depth: 0, place: 0 }]);
    let mut depth = 0;
    while let Some(state) = frontier.pop_front() {
        depth = state.depth;
        for (actions, left) in branches(&state) {
            let mut cluster = state.cluster.clone();
            let mut result = actions.iter().try_for_each(|&action| cluster.act(action));
            if bounds.reduced {
                result = result.and_then(|()| cluster.reduce());
            }
            cluster.said.clear();
            if let Err(violation) = result {
                let mut path = path(&parents, state.place);
                path.push(told(&state.cluster, &actions));
                let found = Some(Found { violation: violation.to_string(), path });
                return Search { states: visited.len(), depth, complete: false, found };
            }
            if cluster.nodes.iter().any(|node| node.replica.epoch() > bounds.epoch_max) {
                continue;
            }
            if !visited.insert(fingerprint(&cluster, &left)) {
                continue;
            }
            if visited.len() >= bounds.states_max {
                return Search { states: visited.len(), depth, complete: false, found: None };
            }
            parents.push((state.place, told(&state.cluster, &actions)));
            let place = parents.len() - 1;
            frontier.push_back(State { cluster, left, depth: state.depth + 1, place });
        }
    }
    Search { states: visited.len(), depth, complete: true, found: None }
}

/// What may happen next: an action, or one with a loss of power right after it, and the bounds after that.
fn branches(state: &State) -> Vec<(Vec<Action>, Bounds)> {
    let mut branches = Vec::new();
    for action in enabled(state) {
        let Some(left) = spend(state.left, action) else { continue };
        branches.push((vec![action], left));
        if !left.reduced || left.crashes == 0 || matches!(action, Action::Crash(..)) {
            continue;
        }
        let mut after = state.cluster.clone();
        if after.act(action).is_err() {
            // The action alone shows it.
            continue;
        }
        for crash in after.losses_of_power() {
            branches.extend(spend(left, crash).map(|left| (vec![action, crash], left)));
        }
    }
    branches
}

impl Cluster {
    /// Makes all writes durable, and loses the packets that are of an epoch before their receiver's.
    fn reduce(&mut self) -> Result<(), super::Violation> {
        for node in self.all() {
            while !self.node(node).queue.is_empty() {
                self.sync(node, usize::MAX)?;
            }
        }
        let epochs: Vec<LeaderEpoch> = self.nodes.iter().map(|node| node.replica.epoch()).collect();
        self.network.retain(|packet| packet.message.epoch() >= epochs[Cluster::place(packet.to)]);
        Ok(())
    }

    /// The losses of power that may follow a step right away, with each part of what was not synced.
    fn losses_of_power(&self) -> Vec<Action> {
        let lost = |node: &Arc<super::Node>| {
            let id = node.key.node;
            (0..node.queue.len()).map(move |kept| Action::Crash(id, kept))
        };
        self.nodes.iter().flat_map(lost).collect()
    }
}

fn fingerprint(cluster: &Cluster, left: &Bounds) -> u64 {
    let mut hasher = DefaultHasher::new();
    cluster.hash(&mut hasher);
    left.hash(&mut hasher);
    hasher.finish()
}

fn told(cluster: &Cluster, actions: &[Action]) -> String {
    let one = |action: &Action| match action {
        Action::Deliver(at) => cluster.network.get(*at).map_or_else(String::new, |packet| packet.to_string()),
        _ => format!("{action:?}"),
    };
    actions.iter().map(one).collect::<Vec<_>>().join(", then ")
}

fn path(parents: &[(usize, String)], mut place: usize) -> Vec<String> {
    let mut path = Vec::new();
    while place > 0 {
        path.push(parents[place].1.clone());
        place = parents[place].0;
    }
    path.reverse();
    path
}

/// The bounds after an action; `None` if it may not happen any more.
fn spend(mut left: Bounds, action: Action) -> Option<Bounds> {
    let budget = match action {
        Action::Append(_) => &mut left.appends,
        Action::Crash(..) => &mut left.crashes,
        Action::Wipe(_) => &mut left.wipes,
        Action::Suspect(_) => &mut left.suspects,
        Action::Usurp(_) => &mut left.usurps,
        Action::Isolate(_) => &mut left.isolations,
        Action::Add(..) | Action::Remove(..) => &mut left.changes,
        Action::Transfer(..) => &mut left.transfers,
        Action::MoveStart(_) => &mut left.moves,
        Action::Deliver(_)
        | Action::Timer(_)
        | Action::Sync(..)
        | Action::Silent(..)
        | Action::Heard(..)
        | Action::Anew(..)
        | Action::Unfollowed(..)
        | Action::Serve(_)
        | Action::Refetch(_) => return Some(left),
    };
    *budget = budget.checked_sub(1)?;
    Some(left)
}

fn enabled(state: &State) -> Vec<Action> {
    let State { cluster, left, .. } = state;
    let mut actions: Vec<Action> = (0..cluster.network.len()).map(Action::Deliver).collect();
    let all: Vec<NodeId> = cluster.all();
    for &id in &all {
        let node = Arc::as_ref(&cluster.nodes[Cluster::place(id)]);
        // What a leader's timers send again is in the network already.
        if left.timers && node.replica.deadline().is_some() && node.replica.leader() != Some(id) {
            actions.push(Action::Timer(id));
        }
        if !node.queue.is_empty() {
            actions.push(Action::Sync(id, usize::MAX));
        }
        if left.crashes > 0 {
            actions.extend((0..=node.queue.len()).map(|kept| Action::Crash(id, kept)));
        }
        if left.wipes > 0 {
            actions.push(Action::Wipe(id));
        }
        if left.usurps > 0 && node.replica.leader() != Some(id) {
            actions.push(Action::Usurp(id));
        }
        match node.replica.leader() {
            Some(leader) if leader == id => {
                actions.extend([Action::Append(id), Action::Isolate(id), Action::MoveStart(id)]);
                let others = all.iter().copied().filter(|&other| other != id);
                actions.extend(others.clone().map(|other| Action::Transfer(id, other)));
                if left.changes > 0 {
                    actions.extend(
                        all.iter().flat_map(|&other| [Action::Add(id, other), Action::Remove(id, other)]),
                    );
                }
            }
            Some(_) => actions.push(Action::Suspect(id)),
            None => {}
        }
    }
    actions
}
