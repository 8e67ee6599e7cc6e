use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ordain::partition::{
    AppendOutcome, AppendRequest, AppendTerms, ChangeDone, EpochCheck, OffsetQuery, OffsetReply,
    PartitionStats, Partitions, ReadData, ReadFrom, ReadRequest, ReplicaKey, VoterChange,
};
use ordain::types::{LeaderEpoch, NodeId, Offset, PartitionId};

use super::super::clients::{Fetched, batch, records_of, value_of};
use super::super::plan::partition;
use super::super::world::World;
use super::super::{RECOVERY, judge};
use super::{MOMENT, SILENCE};
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::PowerLoss;
use crate::scenarios::Violation;
use crate::scenarios::fleet::{Fleet, Stats, Watch};
use crate::world::NodeIndex;

/// How often the replicas are looked at.
const LOOK: Duration = Duration::from_millis(2);
/// A node that does not answer within this time is paused.
const ANSWER: Duration = Duration::from_millis(20);
/// What a record holds, in bytes.
const VALUE_BYTES: usize = 100;

/// A batch that was sent, of one record mostly: its producer has no other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    producer: i64,
    records: u64,
}

impl Sent {
    /// What its records hold.
    fn values(self) -> Vec<Bytes> {
        (1..=self.records).map(|number| value_of(self.producer, number, VALUE_BYTES)).collect()
    }
}

/// The nodes of a script, and what can be done to them. All of it is about one partition.
pub(super) struct Stage {
    cluster: Cluster,
    world: Arc<World>,
    fleet: Fleet,
    producers: Cell<i64>,
}

pub(super) const ID: PartitionId = partition(0);

/// Looking.
impl Stage {
    pub(super) fn new(cluster: Cluster, world: Arc<World>, fleet: Fleet) -> Stage {
        Stage { cluster, world, fleet, producers: Cell::new(0) }
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub(super) fn founders(&self) -> Vec<NodeId> {
        (1..=self.world.plan.founders()).map(NodeId).collect()
    }

    /// The voters at first but this one, in the order of their turns after it.
    pub(super) fn others(&self, node: NodeId) -> Vec<NodeId> {
        let founders = self.founders();
        let place = founders.iter().position(|&other| other == node).unwrap_or(0);
        founders.iter().cycle().skip(place + 1).take(founders.len() - 1).copied().collect()
    }

    pub(super) fn note(&self, what: &str) {
        self.cluster.note(format_args!("-- {what}"));
    }

    pub(super) async fn wait(&self, duration: Duration) {
        self.cluster.sleep(duration).await;
    }

    async fn within<T>(&self, duration: Duration, job: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = job => Some(done),
            () = self.cluster.sleep(duration) => None,
        }
    }

    /// How the replicas of the nodes stand that run and are not paused.
    async fn stats(&self) -> Stats {
        let mut all = Stats::new();
        for (node, (run, partitions)) in self.world.running() {
            if let Some(Ok(stats)) = self.within(ANSWER, partitions.stats(None)).await {
                all.insert((node, run), stats);
            }
        }
        all
    }

    /// How the replica of a node stands, if the node runs.
    pub(super) async fn replica(&self, node: NodeId) -> Option<PartitionStats> {
        let partitions = self.world.partitions_of(node)?;
        self.within(ANSWER, partitions.stats(Some(vec![ID]))).await?.ok()?.pop()
    }

    /// Waits until a replica is so.
    pub(super) async fn until(
        &self,
        node: NodeId,
        what: &str,
        test: impl Fn(&PartitionStats) -> bool,
    ) -> Result<(), Violation> {
        match self.comes_to(node, RECOVERY, test).await {
            true => Ok(()),
            false => Err(self.stuck(&format!("node {node}: {what}")).await),
        }
    }

    /// Whether a replica becomes so within this time.
    pub(super) async fn comes_to(
        &self,
        node: NodeId,
        within: Duration,
        test: impl Fn(&PartitionStats) -> bool,
    ) -> bool {
        let look = async {
            loop {
                if self.replica(node).await.is_some_and(|one| test(&one)) {
                    return;
                }
                self.wait(LOOK).await;
            }
        };
        self.within(within, look).await.is_some()
    }

    async fn stuck(&self, what: &str) -> Violation {
        let open = self.world.not_settled().await.join("; ");
        Violation::new("I16-stuck", format!("{what}: not within {RECOVERY:?} ({open})"))
    }

    /// Waits until one of these leads and serves.
    pub(super) async fn leader(&self, among: &[NodeId]) -> Result<NodeId, Violation> {
        match self.comes_first(RECOVERY, among, |one| one.leader && one.serving).await {
            Some(leader) => Ok(leader),
            None => Err(self.stuck(&format!("one of {among:?} leads")).await),
        }
    }

    /// Which of these comes to be so within this time.
    pub(super) async fn comes_first(
        &self,
        within: Duration,
        among: &[NodeId],
        test: impl Fn(&PartitionStats) -> bool,
    ) -> Option<NodeId> {
        let look = async {
            loop {
                for &node in among {
                    if self.replica(node).await.is_some_and(|one| test(&one)) {
                        return node;
                    }
                }
                self.wait(LOOK).await;
            }
        };
        let first = self.within(within, look).await?;
        self.note(&format!("node {first} is the first"));
        Some(first)
    }

    /// Waits until all replicas hold the same.
    pub(super) async fn settled(&self) -> Result<(), Violation> {
        let look = async {
            while !self.world.not_settled().await.is_empty() {
                self.wait(LOOK).await;
            }
        };
        match self.within(RECOVERY, look).await {
            Some(()) => Ok(()),
            None => Err(self.stuck("all replicas hold the same").await),
        }
    }
}

/// What clients do: it reaches a node at once, whatever its network.
impl Stage {
    fn partitions(&self, node: NodeId) -> Result<Partitions, Violation> {
        self.world
            .partitions_of(node)
            .ok_or_else(|| Violation::new("directed", format!("node {node} is down")))
    }

    /// Sends a record of its own to a node. That it is acknowledged counts whenever it is.
    pub(super) async fn send(&self, node: NodeId) -> Result<Sent, Violation> {
        self.send_to_all(node, 0).await
    }

    /// Sends a record that so many replicas are to hold.
    pub(super) async fn send_to_all(&self, node: NodeId, replicas_min: usize) -> Result<Sent, Violation> {
        let sent = self.next(1);
        self.hand_over(sent, node, replicas_min).await?;
        Ok(sent)
    }

    /// The next producer's batch.
    fn next(&self, records: u64) -> Sent {
        let producer = self.producers.get() + 1;
        self.producers.set(producer);
        Sent { producer, records }
    }

    /// Sends the same record once more, to this node.
    pub(super) async fn send_again(&self, sent: Sent, node: NodeId) -> Result<(), Violation> {
        self.hand_over(sent, node, 0).await
    }

    async fn hand_over(&self, sent: Sent, node: NodeId, replicas_min: usize) -> Result<(), Violation> {
        let Sent { producer, .. } = sent;
        self.note(&format!("record {producer} goes to node {node}"));
        let (world, cluster) = (Arc::clone(&self.world), self.cluster.clone());
        let values = sent.values();
        let append = AppendRequest { id: ID, batch: batch(producer, 1, &values), replicas_min };
        let done = Box::new(move |outcomes: Vec<AppendOutcome>| {
            for outcome in outcomes {
                match outcome {
                    Ok(appended) => {
                        cluster.note(format_args!("-- record {producer} is at {}", appended.base_offset));
                        world.acknowledged_once(ID, producer, appended.base_offset, &values);
                    }
                    Err(error) => cluster.note(format_args!("-- record {producer} is not taken: {error}")),
                }
            }
        });
        let taken = self.partitions(node)?.append(vec![append], AppendTerms::COMMITTED, done).await;
        // Of a node that dies no answer comes.
        taken.or(Ok(()))
    }

    /// Where a record is, or the first of several, if that is acknowledged within this time.
    pub(super) async fn acknowledged(&self, sent: Sent, within: Duration) -> Option<Offset> {
        let look = async {
            loop {
                if let Some(offset) = self.world.place_of(ID, sent.producer) {
                    return offset;
                }
                self.wait(LOOK).await;
            }
        };
        self.within(within, look).await
    }

    /// A node's replica and its memory.
    pub(super) async fn key_of(&self, node: NodeId) -> Result<ReplicaKey, Violation> {
        let replica = self.replica(node).await;
        replica.map(|one| one.key).ok_or_else(|| Violation::new("directed", format!("node {node} is down")))
    }

    /// Asks a leader for a change of the voters, and waits a moment for the answer.
    pub(super) async fn change_voters(
        &self,
        leader: NodeId,
        change: VoterChange,
        done: ChangeDone,
    ) -> Result<(), Violation> {
        let partitions = self.partitions(leader)?;
        let answer = self.within(MOMENT, partitions.change_voters(ID, change, done)).await;
        self.cluster.note(format_args!("-- {change:?} at node {leader}: {answer:?}"));
        Ok(())
    }

    /// Sends a record that must be acknowledged.
    pub(super) async fn commit(&self, node: NodeId) -> Result<Sent, Violation> {
        self.commit_batch(node, 1).await
    }

    /// Sends a batch of so many records that must be acknowledged.
    pub(super) async fn commit_batch(&self, node: NodeId, records: u64) -> Result<Sent, Violation> {
        let sent = self.next(records);
        self.hand_over(sent, node, 0).await?;
        match self.acknowledged(sent, RECOVERY).await {
            Some(_) => Ok(sent),
            None => Err(self.stuck("a record is acknowledged").await),
        }
    }

    /// All that a node gives to readers; `None` if it refuses, or does not answer.
    pub(super) async fn read(
        &self,
        node: NodeId,
        from: ReadFrom,
    ) -> Result<Option<BTreeMap<Offset, Bytes>>, Violation> {
        let Some(stats) = self.replica(node).await else { return Ok(None) };
        let partitions = self.partitions(node)?;
        let mut all = BTreeMap::new();
        let mut at = stats.log_start;
        loop {
            let read = ReadRequest {
                id: ID,
                offset: at,
                max_bytes: 64 << 10,
                epoch: EpochCheck(LeaderEpoch::NONE),
                last_fetched_epoch: LeaderEpoch::NONE,
                from,
            };
            let asked = partitions.read(vec![read], 64 << 10, true, None);
            let Some(Ok(mut answer)) = self.within(RECOVERY, asked).await else { return Ok(None) };
            let Some(Ok(data)) = answer.pop().map(|one| one.data) else { return Ok(None) };
            let pieces = match data {
                ReadData::Memory(pieces) => pieces,
                ReadData::Stored { plan, .. } => match plan.run().await {
                    Ok(pieces) => pieces,
                    Err(_) => return Ok(None),
                },
            };
            let Fetched { records, next } = records_of(pieces)?;
            self.world.read(ID, &records);
            all.extend(records);
            match next {
                Some(next) => at = next,
                None => return Ok(Some(all)),
            }
        }
    }

    /// What a node says is the latest offset; `None` if it does not say.
    pub(super) async fn latest(&self, node: NodeId) -> Result<Option<Offset>, Violation> {
        let asked = vec![(ID, EpochCheck(LeaderEpoch::NONE), OffsetQuery::Latest)];
        let partitions = self.partitions(node)?;
        let answer = self.within(RECOVERY, partitions.offsets(asked)).await;
        Ok(match answer.and_then(Result::ok).and_then(|mut answers| answers.pop()) {
            Some(Ok(OffsetReply::At { offset, .. })) => Some(offset),
            Some(_) | None => None,
        })
    }

    /// Asks a node to delete what is before an offset, and waits for the answer for this time.
    pub(super) async fn delete(&self, node: NodeId, to: Offset, within: Duration) -> Result<bool, Violation> {
        self.world.asks_to_delete(ID, to);
        let partitions = self.partitions(node)?;
        let answer = self.within(within, partitions.delete_records(vec![(ID, Some(to))])).await;
        match answer.and_then(Result::ok).and_then(|mut answers| answers.pop()) {
            Some(Ok(start)) => {
                self.note(&format!("what is before {start} is deleted"));
                self.world.deleted(ID, start);
                Ok(true)
            }
            Some(Err(_)) | None => Ok(false),
        }
    }
}

/// How scripts begin.
impl Stage {
    /// The leader has committed a record, and is cut off from the others, but not from its clients.
    pub(super) async fn leader_cut_off(&self) -> Result<(NodeId, Vec<NodeId>), Violation> {
        let leader = self.leader(&self.founders()).await?;
        let others = self.others(leader);
        self.commit(leader).await?;
        self.part(&[leader], &others);
        Ok((leader, others))
    }

    /// Of three a leader and the follower whose turn is after it, and the third, which is cut off from both.
    pub(super) async fn one_is_away(&self) -> Result<[NodeId; 3], Violation> {
        let leader = self.leader(&self.founders()).await?;
        let others = self.others(leader);
        let (follower, away) = (others[0], others[1]);
        self.part(&[away], &[leader, follower]);
        Ok([leader, follower, away])
    }
}

/// What is done to nodes.
impl Stage {
    pub(super) fn node(&self, id: NodeId) -> NodeHandle {
        self.fleet
            .nodes()
            .find(|(node, _)| *node == id)
            .map(|(_, node)| node.clone())
            .expect("a node of the script")
    }

    fn indices(&self, nodes: &[NodeId]) -> Vec<NodeIndex> {
        nodes.iter().map(|&node| self.node(node).index()).collect()
    }

    /// Nothing gets through between these and those.
    pub(super) fn part(&self, one: &[NodeId], other: &[NodeId]) {
        self.cluster.net().partition(&self.indices(one), &self.indices(other));
    }

    /// All links between these and those are whole again.
    pub(super) fn join(&self, one: &[NodeId], other: &[NodeId]) {
        for &a in &self.indices(one) {
            for &b in self.indices(other).iter().filter(|&&b| b != a) {
                self.cluster.net().mend(a, b);
                self.cluster.net().mend(b, a);
            }
        }
    }

    /// All connections between these and those are reset.
    pub(super) fn reset(&self, one: &[NodeId], other: &[NodeId]) {
        for &a in &self.indices(one) {
            for &b in &self.indices(other) {
                self.cluster.net().reset_streams(a, b);
            }
        }
    }

    /// Lets a leader hand over.
    pub(super) async fn transfer(&self, leader: NodeId, to: NodeId) -> Result<(), Violation> {
        // A node that dies hands over to nobody.
        self.partitions(leader)?.transfer(ID, to).await.or(Ok(()))
    }

    /// Everything between nodes takes longer by so much.
    pub(super) fn slow(&self, by: Duration) {
        let all: Vec<NodeIndex> = self.fleet.nodes().map(|(_, node)| node.index()).collect();
        for &a in &all {
            for &b in all.iter().filter(|&&b| b != a) {
                self.cluster.net().slow(a, b, by);
            }
        }
    }

    /// Machines lose their power at one moment, and everything that was not synced.
    pub(super) fn off(&self, nodes: &[NodeId]) {
        for &node in nodes {
            self.fleet.down(node, |node| node.power_fail_with(PowerLoss { kept_per_mille: 0 }));
        }
    }

    /// One bit of a record flips wherever it is on a disk.
    pub(super) fn flip_bits_of(&self, node: NodeId, sent: Sent) -> Result<(), Violation> {
        let Sent { producer, .. } = sent;
        let (disk, value) = (self.node(node).disk(), value_of(producer, 1, VALUE_BYTES));
        let cannot = |error: std::io::Error| Violation::new("directed", error.to_string());
        let mut flipped = 0;
        for (path, _) in disk.files() {
            let bytes = disk.peek(&path).map_err(cannot)?;
            let places = bytes.windows(value.len()).enumerate().filter(|(_, window)| *window == value);
            for (place, _) in places {
                flipped += 1;
                disk.flip_bit(&path, place as u64 * 8 + 3).map_err(cannot)?;
            }
        }
        match flipped {
            0 => Err(Violation::new("directed", format!("record {producer} is nowhere on node {node}"))),
            _ => Ok(()),
        }
    }

    pub(super) fn on(&self, nodes: &[NodeId]) {
        for &node in nodes {
            self.node(node).disk().stall(Duration::ZERO);
            self.fleet.up(node);
        }
    }
}

/// The end.
impl Stage {
    /// Looks at all replicas again and again; gives the first thing that is wrong. No script breaks a running node's disk, so no
    /// replica may stop.
    pub(super) async fn watch(&self) -> Violation {
        let mut watch = Watch::default();
        loop {
            let stats = self.stats().await;
            for ((node, _), all) in &stats {
                if let Some(one) = all.iter().find(|one| one.role == "failed") {
                    let text = format!(
                        "the replica on node {node} stops at {} of {}",
                        one.high_watermark, one.log_end
                    );
                    return Violation::new("I19-log-contradicts", text);
                }
            }
            if let Err(wrong) = watch.look(stats) {
                return wrong;
            }
            if let Some(wrong) = self.world.first_wrong() {
                return wrong;
            }
            self.wait(LOOK).await;
        }
    }

    /// Everything is well again: what was acknowledged can be read, more is, and all replicas hold it.
    pub(super) async fn finish(&self) -> Result<(), Violation> {
        self.note("everything is well again");
        self.cluster.net().heal();
        self.slow(Duration::ZERO);
        for (id, node) in self.fleet.nodes() {
            node.disk().clear_faults();
            node.disk().stall(Duration::ZERO);
            self.fleet.resume(id);
            self.fleet.up(id);
        }
        let nodes: Vec<NodeId> = self.world.plan.node_ids().collect();
        let leader = self.leader(&nodes).await?;
        self.holds_what_was_told(leader).await?;
        let sent = self.send(leader).await?;
        let gets_on = async {
            while self.acknowledged(sent, SILENCE).await.is_none() {
                let leader = self.leader(&nodes).await?;
                self.send_again(sent, leader).await?;
            }
            self.settled().await
        };
        match self.within(RECOVERY, gets_on).await {
            Some(result) => result,
            None => Err(self.stuck("a record is acknowledged").await),
        }
    }

    /// A leader gives readers all that was acknowledged (I1).
    pub(super) async fn holds_what_was_told(&self, leader: NodeId) -> Result<(), Violation> {
        let told = self.world.told_of(ID);
        let Some(read) = self.read(leader, ReadFrom::Leader).await? else { return Ok(()) };
        for (producer, acknowledged) in told.acknowledged {
            for (number, offset) in acknowledged.iter().filter(|(_, offset)| *offset >= told.may_start) {
                if read.get(offset) != Some(&value_of(producer, *number, VALUE_BYTES)) {
                    let text = format!(
                        "record {producer} was acknowledged at {offset}, where leader {leader} has none such"
                    );
                    return Err(Violation::new("I1-lost-record", text));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn judge(&self) -> Result<(), Violation> {
        judge::judge(&self.cluster, &self.world, &self.fleet).await
    }
}
