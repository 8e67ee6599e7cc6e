//! The nodes that run, as the scenario sees them from inside.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::broker::Context;
use ordain::log::JournalHandle;
use ordain::metadata::controller::METADATA_PARTITION;
use ordain::metadata::{MetadataImage, PartitionImage, TopicImage};
use ordain::partition::PartitionStats;
use ordain::raft::VoterSet;
use ordain::types::{NodeId, Offset, PartitionId, PartitionIndex, TopicId};

use super::ANSWERS;
use super::left::{Left, has_majority_without};
use super::plan::Plan;
use crate::cluster::Cluster;
use crate::scenarios::fleet::{Replicas, Stats, machine_name, unlike, where_unlike};
use crate::time::SimTime;
use crate::world::lock;

/// Images of nodes; with the node the number of its run.
pub(super) type Settled = BTreeMap<(NodeId, u64), Arc<MetadataImage>>;

#[derive(Default)]
pub(super) struct World {
    nodes: Mutex<Nodes>,
}

#[derive(Default)]
struct Nodes {
    /// With the number of the run.
    running: BTreeMap<NodeId, (u64, Arc<Context>)>,
    journals: BTreeMap<NodeId, JournalHandle>,
    /// How often one has begun to run.
    runs: u64,
    /// Those whose disk became what it was before, and that do not know yet.
    put_back: BTreeSet<NodeId>,
}

/// For who looks at a failure: the topics' names, and which replicas the nodes that were asked then do not hold any more.
pub(super) fn show(cluster: &Cluster, image: Option<&MetadataImage>, asked: SimTime, stats: &Stats) {
    cluster.tell_standings(|standings| {
        for topic in image.into_iter().flat_map(MetadataImage::topics) {
            standings.name(topic.id.0, &topic.name);
        }
        standings.name(TopicId::METADATA.0, "metadata");
        for ((node, _), held) in stats {
            let holds =
                |topic, index| held.iter().any(|one| (one.id.topic.0, one.id.index.0) == (topic, index));
            standings.holds((asked, cluster.now()), &machine_name(*node), holds);
        }
    });
}

impl World {
    /// A node runs.
    pub(super) fn join(&self, node: NodeId, context: Arc<Context>, journal: JournalHandle) {
        let mut nodes = lock(&self.nodes);
        nodes.runs += 1;
        let run = nodes.runs;
        nodes.running.insert(node, (run, context));
        nodes.journals.insert(node, journal);
    }

    /// It runs no longer.
    pub(super) fn leave(&self, node: NodeId) {
        let mut nodes = lock(&self.nodes);
        let gone = (nodes.running.remove(&node), nodes.journals.remove(&node));
        drop(nodes);
        drop(gone);
    }

    /// The commit of a node's journal that comes next, all before it being durable; `None` if it does not run.
    pub(super) fn next_commit(&self, node: NodeId) -> Option<u64> {
        lock(&self.nodes).journals.get(&node).map(|journal| journal.durable_position().next.0)
    }

    /// A node's disk is what it was some time ago.
    pub(super) fn put_back(&self, node: NodeId) {
        lock(&self.nodes).put_back.insert(node);
    }

    pub(super) fn is_put_back(&self, node: NodeId) -> bool {
        lock(&self.nodes).put_back.contains(&node)
    }

    /// It knows; true if there was something to know.
    pub(super) fn takes_back(&self, node: NodeId) -> bool {
        lock(&self.nodes).put_back.remove(&node)
    }

    /// What a node that runs works with.
    pub(super) fn context(&self, node: NodeId) -> Option<Arc<Context>> {
        lock(&self.nodes).running.get(&node).map(|(_, context)| Arc::clone(context))
    }

    /// How the replicas on each node that runs stand.
    pub(super) async fn stats(&self) -> Stats {
        self.stats_but(&Left::new()).await
    }

    /// The same of those that answer soon, and whether these are all: one that stands still says nothing for seconds.
    pub(super) async fn stats_within(&self, cluster: &Cluster, soon: Duration) -> (Stats, bool) {
        let running = lock(&self.nodes).running.clone();
        let (count, mut all) = (running.len(), Stats::new());
        for (node, (run, context)) in running {
            if let Some(Ok(stats)) = cluster.within(soon, context.partitions.stats(None)).await {
                all.insert((node, run), stats);
            }
        }
        let whole = all.len() == count;
        (all, whole)
    }

    /// The same, without asking those that are of no use.
    async fn stats_but(&self, left: &Left) -> Stats {
        let mut running = lock(&self.nodes).running.clone();
        running.retain(|node, _| left.get(node).is_none_or(|how| how.is_slow()));
        let mut all = Stats::new();
        for (node, (run, context)) in running {
            if let Ok(stats) = context.partitions.stats(None).await {
                all.insert((node, run), stats);
            }
        }
        all
    }

    /// A node whose log of the metadata begins behind what its newest snapshot covers, of those that have lost nothing.
    pub(super) fn uncovered(&self, stats: &Stats, weak: &[NodeId]) -> Option<String> {
        let nodes = lock(&self.nodes);
        stats.iter().find_map(|(at @ (node, _), held)| {
            let (_, context) = nodes.running.get(node).filter(|(run, _)| (*node, *run) == *at)?;
            let start = held.iter().find(|one| one.id == METADATA_PARTITION)?.log_start;
            // Asked later: it covers no less than it did then.
            let covered = context.controller.newest_snapshot().map_or(Offset::ZERO, |newest| newest.end);
            let has_lost = weak.contains(node) || nodes.put_back.contains(node);
            (start > covered && !has_lost).then(|| {
                format!("node {node}: the log of the metadata begins at {start}, and snapshots cover it up to {covered}")
            })
        })
    }

    /// The image of each node that runs.
    fn images(&self) -> BTreeMap<NodeId, Arc<MetadataImage>> {
        let nodes = lock(&self.nodes);
        nodes.running.iter().map(|(&node, (_, context))| (node, context.metadata())).collect()
    }

    /// The newest image that a node has; the one of whoever is first if all are the same.
    pub(super) fn image(&self) -> Option<Arc<MetadataImage>> {
        let nodes = lock(&self.nodes);
        let newest = nodes.running.values().max_by_key(|(_, context)| context.image.end());
        newest.map(|(_, context)| context.metadata())
    }

    /// The image of whoever leads the metadata, if it has all that was committed when that was asked for, and who votes by its log.
    pub(super) async fn leaders_image(&self, cluster: &Cluster) -> Option<(Arc<MetadataImage>, VoterSet)> {
        let (stats, _) = self.stats_within(cluster, ANSWERS).await;
        let settled = self.settled(&stats);
        let leads = |one: &&PartitionStats| {
            one.id == METADATA_PARTITION && one.leader && one.serving && one.voters_committed
        };
        let leaders = stats.iter().flat_map(|(at, held)| held.iter().find(leads).map(|one| (at, one)));
        let (at, leader) = leaders.max_by_key(|(_, one)| one.epoch)?;
        settled.get(at).map(|image| (Arc::clone(image), leader.voters.clone()))
    }

    /// The images of those that knew no more when these were taken than their images say now: what they had done to replicas by then, their
    /// images tell. (A node removes the replicas of a deleted topic first, and shows its image when that is durable.)
    pub(super) fn settled(&self, stats: &Stats) -> Settled {
        let nodes = lock(&self.nodes);
        let settled = |(&(node, run), held): (&(NodeId, u64), &Vec<PartitionStats>)| {
            let committed = held.iter().find(|one| one.id == METADATA_PARTITION)?.high_watermark;
            let (_, context) = nodes.running.get(&node).filter(|(now, _)| *now == run)?;
            (context.image.end() >= committed).then(|| ((node, run), context.metadata()))
        };
        stats.iter().filter_map(settled).collect()
    }

    /// The partitions that nobody leads, and nodes that do not run.
    pub(super) async fn unled(&self, plan: &Plan) -> Vec<String> {
        self.unled_without(plan, &Left::new()).await
    }

    /// The same of what does not need the nodes that are `left` out; those may lead that are slow only.
    pub(super) async fn unled_without(&self, plan: &Plan, left: &Left) -> Vec<String> {
        let Some(image) = self.image() else { return vec!["no node runs".to_owned()] };
        let stats = self.stats_but(left).await;
        let mut open = self.missing_but(plan, left);
        for (id, name, _) in partitions(&image, plan) {
            let replicas = image.partition(id).map_or(&[][..], |partition| &partition.replicas);
            if id != METADATA_PARTITION && !has_majority_without(replicas, left) {
                continue;
            }
            let led = stats.values().flatten().any(|one| one.id == id && one.leader && one.serving);
            if !led {
                open.push(format!("{name}: {}", unlike(&stats, id, Replicas::voting(0)).unwrap_or_default()));
            }
        }
        open
    }

    /// Whether the voters of the metadata that are not `left` out are no majority, by what its leader knows, or whoever else can be it.
    pub(super) async fn metadata_needs(&self, left: &Left) -> bool {
        let stats = self.stats_but(left).await;
        let of_metadata = stats.values().flatten().filter(|one| one.id == METADATA_PARTITION);
        let Some(newest) = of_metadata.max_by_key(|one| (one.leader, one.epoch, one.log_end)) else {
            return false;
        };
        let voters: Vec<NodeId> = newest.voters.keys().iter().map(|key| key.node).collect();
        !has_majority_without(&voters, left)
    }

    /// What is not the same on all nodes yet, and how it stands.
    pub(super) async fn unlike(&self, plan: &Plan) -> Vec<String> {
        let Some(image) = self.image() else { return vec!["no node runs".to_owned()] };
        let mut open = self.missing(plan);
        for (node, other) in self.images() {
            if *other != *image {
                let (theirs, ours) = where_unlike(&other, &image);
                open.push(format!("node {node} knows of …{theirs}…, another one of …{ours}…"));
            }
        }
        let fenced = image.registrations().filter(|(_, node)| node.fenced || node.draining);
        open.extend(fenced.map(|(node, _)| format!("node {node} is fenced")));
        let stats = self.stats().await;
        open.extend(image.reassigning().map(|id| format!("{} is reassigned", named(&image, id))));
        for (id, target) in targets(&image) {
            let holds = |one: &&PartitionStats| one.id == id;
            let held: BTreeSet<NodeId> =
                stats.values().flatten().filter(holds).map(|one| one.key.node).collect();
            let led = stats.values().flatten().filter(holds).find(|one| one.leader && one.serving);
            let vote = led.map(|one| one.voters.keys().iter().map(|key| key.node).collect::<BTreeSet<_>>());
            if held != target || vote.as_ref() != Some(&target) {
                let vote = vote.map_or("nobody leads".to_owned(), |nodes| format!("{} vote", listed(&nodes)));
                let (name, held, target) = (named(&image, id), listed(&held), listed(&target));
                open.push(format!("{name} shall be on {target}, is on {held}, where {vote}"));
            }
        }
        open.extend(missing_voters(&image, plan, &stats));
        for (id, name, count) in partitions(&image, plan) {
            open.extend(unlike(&stats, id, Replicas::voting(count)).map(|how| format!("{name}: {how}")));
        }
        open
    }

    /// What a node leads that another one could, while it is to lead nothing.
    pub(super) async fn led_by(&self, drained: NodeId, plan: &Plan) -> Vec<String> {
        let Some(image) = self.image() else { return vec!["no node runs".to_owned()] };
        let mut open = self.missing(plan);
        let stats = self.stats().await;
        for (id, name, count) in partitions(&image, plan) {
            let led = |one: &PartitionStats| one.id == id && one.leader;
            let leads = stats.iter().any(|((node, _), all)| *node == drained && all.iter().any(led));
            if leads && count > 1 {
                let acknowledged =
                    stats.values().flatten().filter(|one| led(one)).map(|one| &one.acknowledged);
                let acknowledged: Vec<_> = acknowledged.collect();
                let how = unlike(&stats, id, Replicas::voting(0)).unwrap_or_default();
                open.push(format!("{name}: {how}; heard: {acknowledged:?}"));
            }
        }
        open
    }

    /// The nodes that do not know that one drains.
    pub(super) fn not_told_to_drain(&self, drained: NodeId) -> Vec<String> {
        let ignorant = self.images().into_iter().filter(|(_, image)| !image.is_draining(drained));
        ignorant.map(|(node, _)| format!("node {node} does not know that node {drained} drains")).collect()
    }

    /// Where a node that is away counts as one that is there, as the others know it.
    pub(super) fn counts(&self, away: NodeId) -> Vec<String> {
        let Some(image) = self.image() else { return vec!["no node runs".to_owned()] };
        let mut open = Vec::new();
        if image.registered(away).is_some_and(|node| !node.fenced) {
            open.push(format!("node {away} is not fenced"));
        }
        for topic in image.topics() {
            // Of one or two replicas too few are left for one that leads, and could tell.
            let told = topic.partitions.iter().filter(|(_, one)| one.replicas.len() > 2);
            let counts = told.filter(|(_, one)| one.isr.contains(&away));
            open.extend(counts.map(|(index, _)| format!("{}-{index} has node {away} in sync", topic.name)));
        }
        open
    }

    fn missing(&self, plan: &Plan) -> Vec<String> {
        self.missing_but(plan, &Left::new())
    }

    fn missing_but(&self, plan: &Plan, left: &Left) -> Vec<String> {
        let nodes = lock(&self.nodes);
        let others = plan.node_ids().filter(|node| !left.contains_key(node));
        let missing = others.filter(|node| !nodes.running.contains_key(node));
        missing.map(|node| format!("node {node} does not run")).collect()
    }
}

/// The nodes that shall hold each partition of the topics, and no others.
pub(super) fn targets(image: &MetadataImage) -> BTreeMap<PartitionId, BTreeSet<NodeId>> {
    let of_topic = |topic: &Arc<TopicImage>| {
        let id = topic.id;
        let target = move |(&index, partition): (&PartitionIndex, &Arc<PartitionImage>)| {
            (PartitionId { topic: id, index }, partition.target().into_iter().collect())
        };
        topic.partitions.iter().map(target).collect::<Vec<_>>()
    };
    image.topics().flat_map(of_topic).collect()
}

/// The nodes that shall vote on the metadata and do not. One that votes and shall not is what an interrupted removal leaves; one that shall
/// and is no more, what an interrupted addition does.
fn missing_voters(image: &MetadataImage, plan: &Plan, stats: &Stats) -> Vec<String> {
    let leader = stats.values().flatten().find(|one| one.id == METADATA_PARTITION && one.serving);
    let Some(leader) = leader else { return Vec::new() };
    let shall = match &image.quorum {
        _ if plan.joins_quorum => plan.node_ids().collect(),
        Some(nodes) => nodes.clone(),
        None => plan.founders().collect(),
    };
    let is_there = |node: &NodeId| plan.node_ids().any(|one| one == *node);
    let missing = shall.into_iter().filter(is_there).filter(|&node| leader.voters.of_node(node).is_none());
    missing.map(|node| format!("node {node} does not vote on the metadata: {}", leader.voters)).collect()
}

/// A partition's name for people.
fn named(image: &MetadataImage, id: PartitionId) -> String {
    image.topic_by_id(id.topic).map_or(id.to_string(), |topic| format!("{}-{}", topic.name, id.index))
}

fn listed(nodes: &BTreeSet<NodeId>) -> String {
    let all: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("{{{}}}", all.join(", "))
}

/// All partitions, with a name for people and the number of their replicas.
pub(super) fn partitions(image: &MetadataImage, plan: &Plan) -> Vec<(PartitionId, String, usize)> {
    let metadata = (METADATA_PARTITION, "the metadata".to_owned(), plan.node_ids().count());
    let of_topics = image.topics().flat_map(|topic| {
        topic.partitions.iter().map(|(&index, partition)| {
            let id = PartitionId { topic: topic.id, index };
            (id, format!("{}-{index}", topic.name), partition.replicas.len())
        })
    });
    std::iter::once(metadata).chain(of_topics).collect()
}
