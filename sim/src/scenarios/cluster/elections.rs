//! What is said of elections is true (I27). Amid faults little can be held against an answer: that the preferred replica led at some
//! moment not long before. When all is whole, more: who is well is given what it is preferred for, at once, and who drains is not.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::client::{Client, TopicPartition};
use ordain::metadata::{MetadataImage, PartitionImage, TopicImage};
use ordain::partition::PartitionStats;
use ordain::types::{ErrorCode, NodeId, PartitionId, PartitionIndex};

use super::{ASK_AGAIN, Life, RECOVERY};
use crate::scenarios::Violation;
use crate::scenarios::broker::clients::elect_by;
use crate::scenarios::broker::history::Election;
use crate::scenarios::broker::judge::Judge;
use crate::scenarios::broker::plan::Plan as BrokerPlan;
use crate::scenarios::fleet::Stats;
use crate::world::lock;

/// How late a node may hear who has led: longer than a process stands still, or a link.
const HEARD_LATE: Duration = Duration::from_secs(20);
/// What a node is given for an election where nothing is wrong: longer than a hand-over may take.
const PATIENCE: Duration = Duration::from_millis(3_500);
/// What may still be said of a replica when nothing is wrong any more: a disk counts as slow for a while, a replica is behind for a moment, and
/// networks that lose something go on to, so that a node falls silent, and others elect.
const PASSING: [&str; 7] = [
    "its disk is too slow",
    "it has not caught up",
    "the connection ended",
    "there is no connection to node",
    "it is silent",
    "it is away",
    "its replicas are electing one",
];

/// Whom a partition's leadership is to be with.
type Preferred = BTreeMap<TopicPartition, (PartitionId, NodeId)>;

/// The replicas that come first, as an image has it.
fn preferred(image: &MetadataImage) -> Preferred {
    let of_topic = |topic: &Arc<TopicImage>| {
        let (id, name) = (topic.id, topic.name.clone());
        let of = move |(&index, partition): (&PartitionIndex, &Arc<PartitionImage>)| {
            let at = TopicPartition::new(&*name, index.0);
            Some((at, (PartitionId { topic: id, index }, *partition.replicas.first()?)))
        };
        topic.partitions.iter().filter_map(of).collect::<Vec<_>>()
    };
    image.topics().flat_map(of_topic).collect()
}

impl Life<'_> {
    /// Holds what the elector was told against who has led, from the given answer on.
    ///
    /// # Errors
    /// What is not true.
    pub(super) fn elections_were_held(
        &self,
        image: &MetadataImage,
        judged: &mut usize,
    ) -> Result<(), Violation> {
        // Who is preferred may change, where somebody says so.
        let moves = self.case.clients.iter().any(|client| client.name == "mover");
        let events = self.history.events();
        let told = events.elections.get(*judged..).unwrap_or_default();
        *judged = events.elections.len();
        if moves || told.is_empty() {
            return Ok(());
        }
        let preferred = preferred(image);
        let stays = |one: &&Election| BrokerPlan::TOPICS.contains(&&*one.at.topic);
        for one in told.iter().filter(|one| one.code == ErrorCode::None).filter(stays) {
            let Some(&(id, node)) = preferred.get(&one.at) else { continue };
            if !self.raft.has_led(id, node, (HEARD_LATE, one.began)) {
                let text = format!("{one}; node {node} is preferred, and has not led it for {HEARD_LATE:?}");
                return Err(Violation::new("I27-not-elected", text));
            }
        }
        Ok(())
    }

    /// While nothing is wrong but that one node drains, no election lets it lead.
    pub(super) async fn elect_beside(&self, judge: &Judge<'_>, drained: NodeId) -> Result<(), Violation> {
        let knows = async |world: &super::World, _: &super::Plan| world.not_told_to_drain(drained);
        self.comes_to(knows, "some nodes do not know who drains").await?;
        let Some(image) = self.world.image() else { return Ok(()) };
        let all: Vec<TopicPartition> =
            preferred(&image).into_iter().filter(|(_, (_, to))| *to == drained).map(|(at, _)| at).collect();
        let node = self.any_broker("elections beside who drains");
        for one in self.elect(judge, node, all).await? {
            // Who asks what it has heard of others may not know yet that the drained node leads no more.
            if one.code == ErrorCode::None {
                let text = format!("{one}; node {drained} is preferred, and drains");
                return Err(Violation::new("I27-led-by-who-drains", text));
            }
        }
        Ok(())
    }

    /// When nothing is wrong any more elections let the preferred replicas lead, all of them soon.
    pub(super) async fn elect_all(&self, judge: &Judge<'_>) -> Result<(), Violation> {
        let node = self.any_broker("elections");
        let began = self.cluster.now();
        loop {
            let Some(image) = self.world.image() else { return Ok(()) };
            let preferred = preferred(&image);
            let told = self.elect(judge, node, preferred.keys().cloned().collect()).await?;
            let stats = self.world.stats().await;
            told.iter().try_for_each(|one| is_true(one, &preferred, &stats))?;
            let elsewhere = |(at, (id, node)): (&TopicPartition, &(PartitionId, NodeId))| {
                (!leads(&stats, *id, *node)).then(|| format!("{at} is not led by node {node}"))
            };
            let open: Vec<String> = preferred.iter().filter_map(elsewhere).collect();
            if open.is_empty() {
                return Ok(());
            }
            if self.cluster.now().since(began) > RECOVERY {
                let last: Vec<String> = told.iter().map(ToString::to_string).collect();
                let text =
                    format!("{RECOVERY:?} of elections later {}: {}", open.join("; "), last.join("; "));
                return Err(Violation::new("I16-stuck", text));
            }
            self.cluster.sleep(ASK_AGAIN).await;
        }
    }

    fn any_broker(&self, what: &'static str) -> NodeId {
        let brokers: Vec<NodeId> = self.plan.brokers().collect();
        *self.cluster.rng(what).pick(&brokers)
    }

    /// Asks one node, which has to answer within what it was given.
    async fn elect(
        &self,
        judge: &Judge<'_>,
        node: NodeId,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Election>, Violation> {
        let told: Arc<Mutex<Vec<Election>>> = Arc::default();
        let (telling, history) = (Arc::clone(&told), self.history.clone());
        let asking = move |client: Client| async move {
            let answers = elect_by(&client, node, &partitions, PATIENCE, &history).await?;
            *lock(&telling) = answers;
            Ok(())
        };
        judge.ask("an election", asking).await?;
        let told = std::mem::take(&mut *lock(&told));
        for one in &told {
            self.cluster.note(format_args!("{one}"));
        }
        Ok(told)
    }
}

/// What a node says of an election when nothing is wrong, and how all replicas stand right after.
fn is_true(one: &Election, preferred: &Preferred, stats: &Stats) -> Result<(), Violation> {
    let Some(&(id, node)) = preferred.get(&one.at) else { return Ok(()) };
    let is_passing = PASSING.iter().any(|why| one.why.contains(why));
    match one.code {
        ErrorCode::None if !leads(stats, id, node) => {
            let text = format!("{one}; node {node} is preferred, and does not lead it");
            Err(Violation::new("I27-not-elected", text))
        }
        ErrorCode::PreferredLeaderNotAvailable if !is_passing => {
            Err(Violation::new("I27-refused", format!("{one}; nothing is wrong with node {node}")))
        }
        _ => Ok(()),
    }
}

fn leads(stats: &Stats, id: PartitionId, node: NodeId) -> bool {
    let leads = |one: &PartitionStats| one.id == id && one.leader && one.key.node == node;
    stats.values().flatten().any(leads)
}
