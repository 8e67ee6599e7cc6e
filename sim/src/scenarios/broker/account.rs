//! What the broker may say of damage, and what it must say: the fault atlas in the terms of topics and clients.
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::client::{AutoCreate, Client, ClientError, Lane, TopicPartition};
use ordain::log::RecoveryReport;
use ordain::types::{ErrorCode, NodeId, Offset, PartitionId, TopicId};
use ordain::wire::Text;
use ordain::wire::messages::FetchRequest;
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};

use super::clients::{FETCH_NAMES_UNTIL, FETCH_TIMEOUT};
use super::history::History;
use super::plan::OFFSETS_TOPIC;
use crate::cluster::NodeHandle;
use crate::fault_atlas::{Demands, FaultAtlas};
use crate::scenarios::fleet::machine_name;
use crate::time::SimTime;
use crate::world::{NodeIndex, lock};

/// The account of the damage of one or of several brokers, each of which holds all partitions. Cheap to clone.
#[derive(Clone)]
pub(in crate::scenarios) struct Account {
    atlas: FaultAtlas,
    nodes: Arc<[NodeHandle]>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    topics: BTreeMap<String, TopicId>,
    nodes: BTreeMap<NodeIndex, OfNode>,
}

/// What is known of one node.
#[derive(Default)]
struct OfNode {
    /// Whose log a start so far may have reported as damaged: something that it needs was destroyed.
    reportable: BTreeSet<PartitionId>,
    /// Reported by the broker, and rightly.
    down: BTreeSet<PartitionId>,
    /// When the process was started.
    starts: Vec<SimTime>,
    /// The process that runs has been asked to stop.
    is_stopping: bool,
}

impl Known {
    fn of(&mut self, node: &NodeHandle) -> &mut OfNode {
        self.nodes.entry(node.index()).or_default()
    }

    /// Whether this holds on each of these nodes.
    fn on_all(&self, nodes: &[NodeHandle], holds: impl Fn(&OfNode) -> bool) -> bool {
        nodes.iter().all(|node| self.nodes.get(&node.index()).is_some_and(&holds))
    }
}

impl Account {
    pub(in crate::scenarios) fn new(nodes: &[NodeHandle]) -> Account {
        Account { atlas: FaultAtlas::default(), nodes: nodes.into(), known: Arc::default() }
    }

    /// Of several nodes, of which it is yet to be told.
    pub(in crate::scenarios) fn of_several() -> Account {
        Account { atlas: FaultAtlas::of_several(), nodes: Arc::new([]), known: Arc::default() }
    }

    /// The same account, asked about these nodes.
    pub(in crate::scenarios) fn with(&self, nodes: &[NodeHandle]) -> Account {
        Account { nodes: nodes.into(), ..self.clone() }
    }

    /// How often the broker that is alone was started.
    pub(super) fn starts(&self) -> usize {
        lock(&self.known).nodes.get(&self.only().index()).map_or(0, |node| node.starts.len())
    }

    /// How often that one of several nodes was started.
    pub(super) fn starts_of(&self, asked: NodeId) -> usize {
        let known = lock(&self.known);
        let starts = |node: &NodeHandle| known.nodes.get(&node.index()).map_or(0, |node| node.starts.len());
        self.of_one(asked).next().map_or(0, starts)
    }

    /// The broker that is alone.
    fn only(&self) -> &NodeHandle {
        assert_eq!(self.nodes.len(), 1, "a question to one broker");
        &self.nodes[0]
    }

    pub(in crate::scenarios) fn atlas(&self) -> &FaultAtlas {
        &self.atlas
    }

    /// Learns the topics' ids.
    pub(in crate::scenarios) async fn learn(
        &self,
        client: &Client,
        topics: &[&str],
    ) -> Result<(), ClientError> {
        let names: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let metadata = client.describe(Some(&names), AutoCreate::No).await?;
        let mut known = lock(&self.known);
        let ids = metadata.topics.values().filter(|topic| topic.error.is_none());
        known.topics.extend(ids.map(|topic| (topic.name.clone(), topic.id)));
        Ok(())
    }

    /// Whether there has been anything to say.
    pub(in crate::scenarios) fn is_clean(&self) -> bool {
        self.nodes.iter().all(|node| self.atlas.ever(node).is_empty())
    }

    /// What must have been reported at this start, by what was destroyed before it.
    pub(in crate::scenarios) fn judge_report(
        &self,
        node: &NodeHandle,
        before: &Before,
        report: &RecoveryReport,
    ) -> Result<(), String> {
        // It may have been hit while the start was under way.
        let now = self.atlas.look(node);
        let mut known = lock(&self.known);
        let of_node = known.of(node);
        of_node.reportable.extend(now.logs);
        let is_one_of_several = self.atlas.is_of_several();
        if is_one_of_several {
            // Its start took as long as the others needed: what was hit meanwhile may have been written anew.
            of_node.reportable.extend(self.atlas.ever(node).logs);
        }
        for damage in &report.damaged {
            if !of_node.reportable.contains(&damage.partition) {
                return Err(format!(
                    "{} is reported as damaged ({}), and nothing of it was destroyed that a start needs",
                    damage.partition, damage.what
                ));
            }
            of_node.down.insert(damage.partition);
        }
        // A log that has begun anew at its leader behind what was lost is not damaged any more.
        let must_report = before.demands.report.iter().filter(|_| !is_one_of_several);
        for whose in must_report {
            let is_reported = report.damaged.iter().any(|damage| damage.partition == *whose);
            // Of topics that stay, that is: of others the log may be gone.
            if known.topics.values().any(|topic| *topic == whose.topic) && !is_reported {
                return Err(format!(
                    "entries of {whose} that the start replays were destroyed in the journal, and it does not \
                     report them"
                ));
            }
        }
        if let Some(path) = before.demands.refuse.first() {
            return Err(format!(
                "a commit that others follow was destroyed in {path}; nobody can tell whose entries it held, and \
                 the node starts"
            ));
        }
        if before.checkpoint_is_hurt && report.checkpoint_copy.is_none() {
            return Err("one of the checkpoints was destroyed, and the start does not report it".to_owned());
        }
        Ok(())
    }

    /// To be asked before a start.
    pub(in crate::scenarios) fn before(&self, node: &NodeHandle, now: SimTime) -> Before {
        self.atlas.spare_unvouched(node);
        let destroyed = self.atlas.look(node);
        {
            let mut known = lock(&self.known);
            let of_node = known.of(node);
            of_node.starts.push(now);
            of_node.is_stopping = false;
            of_node.reportable.extend(destroyed.logs);
        }
        let damaged = node.disk().damaged();
        let is_checkpoint = |path: &str| matches!(path, "checkpoint" | "checkpoint.copy");
        Before {
            checkpoint_is_hurt: damaged.iter().any(|(path, _)| is_checkpoint(path)),
            demands: self.atlas.demands(node),
        }
    }

    /// The node's disk is an older one: what was reported of it is reported again, where that is still so.
    pub(in crate::scenarios) fn is_older(&self, node: &NodeHandle) {
        lock(&self.known).of(node).down.clear();
    }

    /// The node's process is asked to stop.
    pub(in crate::scenarios) fn stopping(&self, node: &NodeHandle) {
        lock(&self.known).of(node).is_stopping = true;
    }

    /// A node that was stopped is not started again.
    pub(in crate::scenarios) fn is_gone(&self, node: &NodeHandle) {
        lock(&self.known).of(node).is_stopping = false;
    }

    /// Whether a process has been asked to stop: it answers at once what waits.
    pub(in crate::scenarios) fn is_stopping(&self) -> bool {
        lock(&self.known).nodes.values().any(|node| node.is_stopping)
    }

    /// What the monotonic clock of the broker that is asked shows, by which it waits.
    ///
    /// # Panics
    /// If there is no such broker.
    pub(in crate::scenarios) fn broker_clock(&self, asked: NodeId) -> Duration {
        let of_it = self.of_one(asked).next();
        of_it.unwrap_or_else(|| panic!("there is no machine of node {asked}")).clock().shown()
    }

    /// The machine of a node; of the broker that is alone, whatever its number.
    fn of_one(&self, asked: NodeId) -> impl Iterator<Item = &NodeHandle> {
        let is_asked = move |node: &&NodeHandle| self.nodes.len() == 1 || node.name() == machine_name(asked);
        self.nodes.iter().filter(is_asked)
    }

    /// Whether somebody has read segments of one of these partitions since.
    pub(in crate::scenarios) fn segments_were_read(
        &self,
        partitions: &[TopicPartition],
        since: SimTime,
    ) -> bool {
        let known = lock(&self.known);
        partitions.iter().any(|at| {
            let Some(topic) = known.topics.get(&at.topic) else { return true };
            let whose = PartitionId { topic: *topic, index: at.partition };
            let prefix = format!("logs/{whose}");
            let reads = |node: &NodeHandle| node.disk().last_read(&prefix).is_some_and(|read| read >= since);
            self.nodes.iter().any(reads)
        })
    }

    /// Whether an answer of a node to a fetch of this time may tell of an error of the storage: what it comes to first was
    /// destroyed there, or the disk has given errors to the process that was asked.
    pub(in crate::scenarios) fn explains_error(
        &self,
        at: &TopicPartition,
        offset: Offset,
        (asked, began): (NodeId, SimTime),
    ) -> bool {
        let nodes: Vec<NodeHandle> = self.of_one(asked).cloned().collect();
        let known = lock(&self.known);
        let gave_errors = nodes.iter().any(|node| {
            let starts = known.nodes.get(&node.index()).map_or(&[][..], |node| &node.starts);
            let start = starts.iter().rev().find(|start| **start <= began).copied().unwrap_or_default();
            node.disk().last_error().is_some_and(|error| error >= start)
        });
        let Some(topic) = known.topics.get(&at.topic) else { return true };
        let whose = PartitionId { topic: *topic, index: at.partition };
        let is_down = known.on_all(&nodes, |node| node.reportable.contains(&whose));
        drop(known);
        gave_errors || is_down || self.atlas.ever_of_all(&nodes).stops_at(whose, offset)
    }

    /// The partitions among these that each broker reported as damaged, and rightly.
    pub(in crate::scenarios) fn down(&self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let known = lock(&self.known);
        let is_down = |at: &&TopicPartition| {
            let Some(topic) = known.topics.get(&at.topic) else { return false };
            let whose = PartitionId { topic: *topic, index: at.partition };
            known.on_all(&self.nodes, |node| node.down.contains(&whose))
        };
        partitions.iter().filter(is_down).cloned().collect()
    }

    /// Whether a partition of the groups' offsets is reported as damaged, and rightly.
    pub(in crate::scenarios) fn groups_are_down(&self) -> bool {
        let known = lock(&self.known);
        let Some(topic) = known.topics.get(OFFSETS_TOPIC) else { return false };
        known.on_all(&self.nodes, |node| node.down.iter().any(|whose| whose.topic == *topic))
    }

    /// What is destroyed now at an offset or next behind it.
    fn destroyed(&self, at: &TopicPartition, offset: Offset) -> Option<Range<Offset>> {
        let topic = *lock(&self.known).topics.get(&at.topic)?;
        self.atlas.only_copies(&self.nodes).at_or_behind(PartitionId { topic, index: at.partition }, offset)
    }

    /// A reader cannot get on at an offset. Where to go on, if a record there or behind it is destroyed and the
    /// broker says so to whoever asks; `None` if it is worth asking again. Between an offset and what is destroyed
    /// behind it compaction may have left nothing; a record that stands there is missed by whoever reads all.
    pub(in crate::scenarios) async fn skip(
        &self,
        client: &Client,
        at: &TopicPartition,
        offset: Offset,
        history: &History,
    ) -> Result<Option<Offset>, ClientError> {
        let Some(destroyed) = self.destroyed(at, offset) else { return Ok(None) };
        let beyond = destroyed.end;
        let (_, code) = fetch_code(client, at, offset).await?;
        history.note(format_args!("{at} {offset} is destroyed up to {beyond}; the broker says {code:?}"));
        match code {
            ErrorCode::KafkaStorageError | ErrorCode::CorruptMessage => {
                history.unreadable(at, destroyed);
                Ok(Some(beyond))
            }
            _ => Ok(None),
        }
    }

    /// Restores the files of the groups' topic, as an operator does: they are nobody's data.
    pub(in crate::scenarios) fn restore_offsets_topic(&self) -> bool {
        let topic = lock(&self.known).topics.get(OFFSETS_TOPIC).copied();
        let Some(topic) = topic else { return false };
        self.nodes.iter().filter(|node| self.atlas.restore_topic(node, topic)).count() > 0
    }
}

/// What was destroyed before a start.
pub(in crate::scenarios) struct Before {
    checkpoint_is_hurt: bool,
    /// What the start must say.
    demands: Demands,
}

/// Who leads, and what a fetch from an offset is answered with there.
pub(in crate::scenarios) async fn fetch_code(
    client: &Client,
    at: &TopicPartition,
    offset: Offset,
) -> Result<(NodeId, ErrorCode), ClientError> {
    let leader = client.leader(at).await?;
    let broker = client.node(leader, Lane::Fetch).await?;
    let partition = FetchPartition {
        partition: at.partition.0,
        current_leader_epoch: -1,
        fetch_offset: offset.0,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        partition_max_bytes: 1,
        ..FetchPartition::default()
    };
    let topic = Text::from(at.topic.as_str());
    let request = FetchRequest {
        replica_id: -1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic { topic, partitions: vec![partition], ..FetchTopic::default() }],
        ..FetchRequest::default()
    };
    let version = broker.version_up_to::<FetchRequest>(FETCH_NAMES_UNTIL)?;
    let answer = broker.call_within(version, &request, FETCH_TIMEOUT).await?;
    let told = answer.responses.first().and_then(|topic| topic.partitions.first());
    let code = told.map_or(answer.error_code, |partition| partition.error_code);
    Ok((leader, ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)))
}
