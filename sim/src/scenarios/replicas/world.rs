//! What all parts of a run share: the nodes' partitions, and what the clients saw.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bytes::Bytes;
use ordain::io::Shutdown;
use ordain::partition::Partitions;
use ordain::raft::{ReplicaKey, VoterSet};
use ordain::types::{NodeId, Offset, PartitionId, Uuid};

use super::plan::Plan;
use crate::scenarios::Violation;
use crate::scenarios::fleet::{Replicas, Stats, unlike};
use crate::world::lock;

pub(super) struct World {
    pub(super) plan: Plan,
    state: Mutex<State>,
    stop: Shutdown,
}

#[derive(Default)]
struct State {
    /// The partitions of the nodes that run.
    nodes: BTreeMap<NodeId, (u64, Partitions)>,
    /// How often one has begun to run.
    runs: u64,
    /// The directory of each node when it started first: what the topic's record names.
    founders: BTreeMap<NodeId, Uuid>,
    progress: BTreeMap<String, u64>,
    done: BTreeSet<String>,
    /// What is at an offset, as far as it was acknowledged or read.
    records: BTreeMap<(PartitionId, Offset), Bytes>,
    /// What was acknowledged, in the order of each producer: the numbers and where they are.
    acknowledged: BTreeMap<(PartitionId, i64), Vec<(u64, Offset)>>,
    /// Up to where deletions were acknowledged, and asked for.
    deleted: BTreeMap<PartitionId, Offset>,
    asked_to_delete: BTreeMap<PartitionId, Offset>,
    wrong: Option<Violation>,
}

impl World {
    pub(super) fn new(plan: Plan) -> World {
        World { plan, state: Mutex::default(), stop: Shutdown::new() }
    }

    /// A node runs.
    pub(super) fn join(&self, node: NodeId, partitions: Partitions) {
        let mut state = lock(&self.state);
        state.runs += 1;
        let run = state.runs;
        state.nodes.insert(node, (run, partitions));
    }

    /// It runs no longer.
    pub(super) fn leave(&self, node: NodeId) {
        let gone = lock(&self.state).nodes.remove(&node);
        drop(gone);
    }

    /// The voters, once every node has started once.
    pub(super) fn voters(&self, node: NodeId, directory: Uuid) -> Option<VoterSet> {
        let mut state = lock(&self.state);
        state.founders.entry(node).or_insert(directory);
        let all = state.founders.len() == usize::try_from(self.plan.nodes).unwrap_or(0);
        let voters = state.founders.iter().filter(|(node, _)| node.0 <= self.plan.founders());
        let keys = voters.map(|(&node, &directory)| ReplicaKey { node, directory });
        all.then(|| VoterSet::of(keys)).flatten()
    }

    pub(super) fn partitions_of(&self, node: NodeId) -> Option<Partitions> {
        lock(&self.state).nodes.get(&node).map(|(_, partitions)| partitions.clone())
    }

    /// The nodes that run, each with the number of its run.
    pub(super) fn running(&self) -> BTreeMap<NodeId, (u64, Partitions)> {
        lock(&self.state).nodes.clone()
    }

    /// How the replicas on each node that runs stand; with the node the number of its run.
    pub(super) async fn stats(&self) -> Stats {
        let mut all = Stats::new();
        for node in self.plan.node_ids() {
            let known = lock(&self.state).nodes.get(&node).cloned();
            if let Some((run, partitions)) = known
                && let Ok(stats) = partitions.stats(None).await
            {
                all.insert((node, run), stats);
            }
        }
        all
    }

    pub(super) async fn without_leader(&self) -> Vec<PartitionId> {
        let stats = self.stats().await;
        let led =
            |id: &PartitionId| stats.values().flatten().any(|one| one.id == *id && one.leader && one.serving);
        self.plan.partition_ids().filter(|id| !led(id)).collect()
    }

    /// The partitions whose replicas do not all hold the same yet, and why.
    pub(super) async fn not_settled(&self) -> Vec<String> {
        let stats = self.stats().await;
        let count = |nodes: i32| usize::try_from(nodes).unwrap_or(0);
        let wanted = Replicas { count: count(self.plan.nodes), voters_min: count(self.plan.founders()) };
        let open =
            |id: PartitionId| Some(format!("partition {}: {}", id.index.0, unlike(&stats, id, wanted)?));
        self.plan.partition_ids().filter_map(open).collect()
    }

    pub(super) fn progress(&self) -> BTreeMap<String, u64> {
        lock(&self.state).progress.clone()
    }

    pub(super) fn got_on(&self, name: &str) {
        *lock(&self.state).progress.entry(name.to_owned()).or_default() += 1;
    }

    /// The client has done all that it was to do.
    pub(super) fn done(&self, name: &str) {
        lock(&self.state).done.insert(name.to_owned());
    }

    pub(super) fn is_done(&self, name: &str) -> bool {
        lock(&self.state).done.contains(name)
    }

    pub(super) fn stop_clients(&self) {
        self.stop.begin();
    }

    pub(super) fn stops(&self) -> bool {
        self.stop.has_begun()
    }

    fn wrong(state: &mut State, violation: Violation) {
        state.wrong.get_or_insert(violation);
    }

    pub(super) fn first_wrong(&self) -> Option<Violation> {
        lock(&self.state).wrong.clone()
    }

    /// One offset has one record, whoever tells of it (I2).
    fn note(state: &mut State, id: PartitionId, offset: Offset, value: &Bytes, who: &str) {
        let known = state.records.entry((id, offset)).or_insert_with(|| value.clone()).clone();
        if known != value {
            let text = format!(
                "at {offset} of partition {} {who} has {value:?}, before it was {known:?}",
                id.index.0
            );
            Self::wrong(state, Violation::new("I2-two-records", text));
        }
    }

    pub(super) fn acknowledged(
        &self,
        id: PartitionId,
        producer: i64,
        number: u64,
        offset: Offset,
        value: &Bytes,
    ) {
        let mut state = lock(&self.state);
        Self::note(&mut state, id, offset, value, "an acknowledgement");
        let told = state.acknowledged.entry((id, producer)).or_default();
        let last = told.last().copied();
        told.push((number, offset));
        if let Some((before, at)) = last
            && (before >= number || at >= offset)
        {
            let text =
                format!("producer {producer}: {number} is at {offset}, and {before} before it at {at}");
            Self::wrong(&mut state, Violation::new("I9-order", text));
        }
    }

    /// As [`World::acknowledged`], of a producer of one batch, whose first record is there, and which may be told of twice.
    pub(super) fn acknowledged_once(&self, id: PartitionId, producer: i64, offset: Offset, values: &[Bytes]) {
        match self.place_of(id, producer) {
            None => {
                for ((number, at), value) in (1..).zip(offset.0..).zip(values) {
                    self.acknowledged(id, producer, number, Offset(at), value);
                }
            }
            Some(place) if place == offset => {}
            Some(place) => {
                let text = format!("record {producer} is at {place}, and, as it was sent again, at {offset}");
                self.found(Violation::new("I3-duplicate", text));
            }
        }
    }

    /// Where the first record of a producer is, as far as that was acknowledged.
    pub(super) fn place_of(&self, id: PartitionId, producer: i64) -> Option<Offset> {
        let state = lock(&self.state);
        state.acknowledged.get(&(id, producer)).and_then(|told| told.first()).map(|(_, offset)| *offset)
    }

    /// Somebody has found this to be wrong.
    pub(super) fn found(&self, violation: Violation) {
        Self::wrong(&mut lock(&self.state), violation);
    }

    pub(super) fn read(&self, id: PartitionId, records: &[(Offset, Bytes)]) {
        let mut state = lock(&self.state);
        for (offset, value) in records {
            Self::note(&mut state, id, *offset, value, "a reader");
        }
    }

    pub(super) fn asks_to_delete(&self, id: PartitionId, to: Offset) {
        let mut state = lock(&self.state);
        let asked = state.asked_to_delete.entry(id).or_insert(to);
        *asked = (*asked).max(to);
    }

    pub(super) fn deleted(&self, id: PartitionId, to: Offset) {
        let mut state = lock(&self.state);
        let deleted = state.deleted.entry(id).or_insert(to);
        *deleted = (*deleted).max(to);
    }

    /// What was told of a partition: up to where it may be and must be deleted, what was at its offsets, and what each
    /// producer was told.
    pub(super) fn told_of(&self, id: PartitionId) -> Told {
        let state = lock(&self.state);
        let of = |key: &(PartitionId, i64)| key.0 == id;
        Told {
            must_start: state.deleted.get(&id).copied().unwrap_or(Offset::ZERO),
            may_start: state.asked_to_delete.get(&id).copied().unwrap_or(Offset::ZERO),
            records: state
                .records
                .range((id, Offset(i64::MIN))..=(id, Offset(i64::MAX)))
                .map(|(key, value)| (key.1, value.clone()))
                .collect(),
            acknowledged: state
                .acknowledged
                .iter()
                .filter(|(key, _)| of(key))
                .map(|(key, told)| (key.1, told.clone()))
                .collect(),
        }
    }
}

/// See [`World::told_of`].
pub(super) struct Told {
    pub(super) must_start: Offset,
    pub(super) may_start: Offset,
    pub(super) records: BTreeMap<Offset, Bytes>,
    pub(super) acknowledged: BTreeMap<i64, Vec<(u64, Offset)>>,
}
