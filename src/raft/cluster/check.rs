use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Cluster, Entry, Node, Stored};
use crate::raft::{Position, ReplicaKey, Standing};
use crate::types::LeaderEpoch;

/// Something that must hold and does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation(String);

impl Violation {
    pub(super) fn new(what: String) -> Violation {
        Violation(what)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What no replica knows: who led, and what was ever committed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct History {
    /// Who led each epoch: which replica, in which life.
    leaders: BTreeMap<LeaderEpoch, (ReplicaKey, u32)>,
    /// The committed entries from offset 0 on, each with the epoch of the leader that first said so.
    committed: Vec<(Entry, LeaderEpoch)>,
}

impl History {
    #[must_use]
    pub fn committed(&self) -> &[(Entry, LeaderEpoch)] {
        &self.committed
    }
}

/// The properties of Raft's figure 3, and this core's own, after a step of the node at this place.
pub(super) fn after_step(
    cluster: &mut Cluster,
    at: usize,
    before: Position,
    log_changed: bool,
) -> Result<(), Violation> {
    let node = Arc::clone(&cluster.nodes[at]);
    if log_changed {
        the_log_is_the_disks(&node)?;
        for other in &cluster.nodes {
            logs_match(&node, other)?;
        }
    }
    if !node.durable.contains(node.replica.durable()) {
        return Err(violation(&node, format!("calls {} durable, and it is not", node.replica.durable())));
    }
    if leads(&node) {
        one_leader(cluster, &node)?;
    }
    if node.replica.committed() > before {
        committed(cluster, &node)?;
    }
    Ok(())
}

fn leads(node: &Node) -> bool {
    matches!(node.replica.standing(), Standing::Serving | Standing::Starting | Standing::HandingOver)
}

fn violation(node: &Node, what: String) -> Violation {
    Violation::new(format!("node {}: {what}", node.id()))
}

/// The core's idea of its log is what its driver holds.
fn the_log_is_the_disks(node: &Node) -> Result<(), Violation> {
    let (replica, memory) = (&node.replica, &node.memory);
    if replica.log_end() != memory.end() || replica.epochs() != memory.epochs().entries() {
        let (end, epochs) = (replica.log_end(), replica.epochs());
        return Err(violation(node, format!("believes in a log to {end}, {epochs:?}; it holds {memory:?}")));
    }
    if replica.log_start() != memory.base.end {
        return Err(violation(node, "believes in another log start than it has".to_owned()));
    }
    Ok(())
}

/// Log matching: equal positions name equal prefixes.
fn logs_match(one: &Node, other: &Node) -> Result<(), Violation> {
    let base = one.memory.base.max(other.memory.base);
    let (a, b) = (one.memory.after(base), other.memory.after(base));
    let shared = a
        .iter()
        .rev()
        .map(Entry::position)
        .find(|position| b.binary_search_by(|entry| entry.position().cmp(position)).is_ok());
    let Some(shared) = shared else { return Ok(()) };
    let up_to = |entries: &[Entry]| entries.partition_point(|entry| entry.position() <= shared);
    if a[..up_to(a)] != b[..up_to(b)] {
        return Err(violation(one, format!("and node {} differ below {shared}: {a:?}, {b:?}", other.id())));
    }
    Ok(())
}

/// Election safety and leader completeness.
fn one_leader(cluster: &mut Cluster, node: &Node) -> Result<(), Violation> {
    let (epoch, life) = (node.replica.epoch(), (node.key, node.life));
    match cluster.history.leaders.get(&epoch) {
        Some(known) if *known == life => return Ok(()),
        Some((known, _)) => {
            return Err(violation(node, format!("leads epoch {epoch}, which node {} led", known.node)));
        }
        None => {}
    }
    cluster.history.leaders.insert(epoch, life);
    for (entry, committed_in) in &cluster.history.committed {
        if *committed_in < epoch && !holds(&node.memory, entry) {
            return Err(violation(node, format!("leads epoch {epoch} without the committed {entry}")));
        }
    }
    Ok(())
}

fn holds(log: &Stored, entry: &Entry) -> bool {
    entry.position() <= log.base || log.entries.contains(entry)
}

/// State machine safety: what is committed is one for all and for ever; and a leader commits what a majority holds.
fn committed(cluster: &mut Cluster, node: &Node) -> Result<(), Violation> {
    let (base, up_to) = (node.memory.base, node.replica.committed());
    let known = &mut cluster.history.committed;
    let from = if base == Position::ORIGIN {
        0
    } else {
        match known.iter().position(|(entry, _)| entry.position() == base) {
            Some(at) => at + 1,
            None => {
                return Err(violation(node, format!("has deleted up to {base}, which was not committed")));
            }
        }
    };
    let entries = node.memory.entries.iter().take_while(|entry| entry.position() <= up_to);
    for (at, entry) in (from..).zip(entries) {
        match known.get(at) {
            Some((known, _)) if known == entry => {}
            Some((known, _)) => {
                return Err(violation(node, format!("has committed {entry}; committed was {known}")));
            }
            None => known.push((entry.clone(), node.replica.epoch())),
        }
    }
    if leads(node) {
        a_majority_holds(cluster, node, up_to)?;
    }
    Ok(())
}

fn a_majority_holds(cluster: &Cluster, node: &Node, up_to: Position) -> Result<(), Violation> {
    let voters = node.replica.voters();
    let holds = |key: &&ReplicaKey| {
        let voter = cluster.node(key.node);
        // One that has lost its memory held it when it said so.
        voter.key != **key || voter.durable.contains(up_to)
    };
    let count = voters.keys().iter().filter(holds).count();
    if count < voters.majority() {
        return Err(violation(
            node,
            format!("commits up to {up_to}, which {count} of {voters} hold durably"),
        ));
    }
    Ok(())
}
