use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ordain::broker::Context;
use ordain::client::admin::{NewTopic, OffsetSpec, Validate};
use ordain::client::consumer::{Consumer, ConsumerOptions};
use ordain::client::producer::{Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::config::BrokerConfig;
use ordain::io::Io;
use ordain::metadata::MetadataImage;
use ordain::metadata::controller::METADATA_PARTITION;
use ordain::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex};
use ordain::wire::Text;
use ordain::wire::messages::CreateTopicsRequest;
use ordain::wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};

use super::super::left::{Broken, Left};
use super::super::plan::Plan;
use super::super::registrations::Registrations;
use super::super::world::{World, show};
use super::super::{ANSWERS, LOOK as OF_REPLICAS, RECOVERY, machine};
use super::MOMENT;
use crate::cluster::{Cluster, NodeHandle};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::fleet::{Fleet, RaftWatch, Stats, Watch, machine_name};
use crate::time::SimTime;

/// How often is looked.
const LOOK: Duration = Duration::from_millis(2);

/// The nodes of a script, and what can be done to them.
pub(super) struct Stage {
    cluster: Cluster,
    plan: Plan,
    world: Arc<World>,
    fleet: Fleet,
    raft: RaftWatch,
    admin: NodeHandle,
}

impl Stage {
    pub(super) fn new(
        cluster: Cluster,
        plan: Plan,
        world: Arc<World>,
        (fleet, raft): (Fleet, RaftWatch),
    ) -> Stage {
        let admin = cluster.add_node("admin");
        Stage { cluster, plan, world, fleet, raft, admin }
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.plan.node_ids().collect()
    }

    pub(super) fn note(&self, what: &str) {
        self.cluster.note(format_args!("-- {what}"));
    }

    pub(super) fn now(&self) -> SimTime {
        self.cluster.now()
    }

    pub(super) async fn wait(&self, duration: Duration) {
        self.cluster.sleep(duration).await;
    }

    pub(super) fn context(&self, node: NodeId) -> Option<Arc<Context>> {
        self.world.context(node)
    }

    /// The newest image that a node has.
    pub(super) fn image(&self) -> Result<Arc<MetadataImage>, Violation> {
        self.world.image().ok_or_else(|| Violation::new("directed", "no node runs"))
    }

    /// Looks at all replicas again and again; gives the first thing that is wrong.
    pub(super) async fn watch(&self) -> Violation {
        let mut watch = Watch::default();
        let mut registrations = Registrations::default();
        loop {
            let asked = self.cluster.now();
            let (stats, _) = self.world.stats_within(&self.cluster, ANSWERS).await;
            let image = self.world.image();
            show(&self.cluster, image.as_deref(), asked, &stats);
            let looked = image.map_or(Ok(()), |image| registrations.look(&image));
            if let Err(wrong) = looked.and_then(|()| watch.look(stats)) {
                return wrong;
            }
            self.cluster.sleep(OF_REPLICAS).await;
        }
    }

    pub(super) async fn stats(&self) -> Stats {
        self.world.stats().await
    }

    /// Looks until something is there.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> Option<T>,
    ) -> Result<T, Violation> {
        let looking = async {
            loop {
                if let Some(seen) = look().await {
                    return seen;
                }
                self.cluster.sleep(LOOK).await;
            }
        };
        let seen = self.cluster.within(RECOVERY, looking).await;
        seen.ok_or_else(|| Violation::new("I16-stuck", format!("{what}: not within {RECOVERY:?}")))
    }

    /// Waits until everything is led, where it shall be, and the same everywhere.
    pub(super) async fn settled(&self) -> Result<(), Violation> {
        let began = self.cluster.now();
        loop {
            let mut open = self.world.unled(&self.plan).await;
            open.extend(self.world.unlike(&self.plan).await);
            if open.is_empty() {
                return Ok(());
            }
            if self.cluster.now().since(began) > RECOVERY {
                return Err(Violation::new("I16-stuck", format!("{RECOVERY:?} later: {}", open.join("; "))));
            }
            self.cluster.sleep(Duration::from_millis(100)).await;
        }
    }

    /// What an administrator does.
    pub(super) async fn ask<T, F>(
        &self,
        what: &str,
        job: impl FnOnce(Client) -> F + Send + 'static,
    ) -> Result<T, Violation>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        match self.attempt(RECOVERY, job).await {
            Some(Ok(told)) => Ok(told),
            Some(Err(error)) => Err(Violation::new("I16-stuck", format!("{what} failed: {error}"))),
            None => Err(Violation::new("I16-stuck", format!("{what}: not within {RECOVERY:?}"))),
        }
    }

    /// What comes of something that a client tries for this time; `None` if it does not come to an end.
    pub(super) async fn attempt<T, F>(
        &self,
        patience: Duration,
        job: impl FnOnce(Client) -> F + Send + 'static,
    ) -> Option<Result<T, ClientError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let servers = self.plan.servers();
        let asking = self.admin.run(move |io: Io| async move {
            let client = servers.client(&io, "admin", patience);
            job(client).await
        });
        self.cluster.within(RECOVERY, asking).await.flatten()
    }

    /// A topic of one partition, which is on these nodes from its beginning; the first one is preferred.
    pub(super) async fn create_topic_on(
        &self,
        name: &'static str,
        nodes: &[NodeId],
    ) -> Result<(), Violation> {
        let broker_ids = nodes.iter().map(|node| node.0).collect();
        let assignment = CreatableReplicaAssignment { broker_ids, ..CreatableReplicaAssignment::default() };
        let topic = CreatableTopic {
            name: Text::from(name),
            num_partitions: -1,
            replication_factor: -1,
            assignments: vec![assignment],
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let creating = move |client: Client| async move {
            let controller = client.controller().await?;
            let answer = controller.call(&request).await?;
            assert!(answer.topics.iter().all(|one| one.error_code == 0), "it is refused: {answer:?}");
            Ok(())
        };
        self.ask("creating a topic", creating).await
    }

    /// A topic of so many partitions.
    pub(super) async fn create_topic(&self, name: &'static str, partitions: i32) -> Result<(), Violation> {
        self.create_topic_with(name, partitions, BTreeMap::new()).await
    }

    pub(super) async fn create_topic_with(
        &self,
        name: &'static str,
        partitions: i32,
        configs: BTreeMap<String, String>,
    ) -> Result<(), Violation> {
        let replicas = self.plan.replicas();
        let creating = move |client: Client| async move {
            let new = NewTopic {
                name: name.to_owned(),
                partitions: Some(partitions),
                replication_factor: Some(replicas),
                configs,
            };
            client.create_topic(&new, Validate::Apply).await.map(drop)
        };
        self.ask("creating a topic", creating).await
    }

    /// The first partition of a topic, and the nodes that it shall be on, the preferred one first.
    pub(super) fn first_of(&self, topic: &str) -> Result<(PartitionId, Vec<NodeId>), Violation> {
        let image = self.image()?;
        let index = PartitionIndex(0);
        let found = image.topic(topic).and_then(|topic| Some((topic.id, topic.partitions.get(&index)?)));
        let (topic, partition) = found.ok_or_else(|| Violation::new("directed", "there is no topic"))?;
        Ok((PartitionId { topic, index }, partition.replicas.clone()))
    }

    /// The first partition of a topic shall be on these nodes, the first of which is preferred.
    pub(super) async fn reassign(&self, topic: &str, nodes: &[NodeId]) -> Result<(), Violation> {
        let targets = BTreeMap::from([(TopicPartition::new(topic, 0), Some(nodes.to_vec()))]);
        self.note(&format!("the partition shall be on {nodes:?}"));
        let moving = move |client: Client| async move {
            client.reassign(&targets).await?.into_values().collect::<Result<(), _>>()
        };
        self.ask("a reassignment", moving).await
    }

    /// How many partitions a node leads.
    pub(super) async fn leads(&self, node: NodeId) -> usize {
        self.world.led_by(node, &self.plan).await.len()
    }

    /// Waits until everything has a leader without nodes that do not run.
    pub(super) async fn led_without(&self, nodes: &[NodeId]) -> Result<(), Violation> {
        let down: Left = nodes.iter().map(|&node| (node, Broken::Down)).collect();
        let led = async || self.world.unled_without(&self.plan, &down).await.is_empty().then_some(());
        self.until(&format!("all is led without {nodes:?}"), led).await
    }

    /// Who leads the metadata.
    pub(super) async fn controller(&self) -> Result<NodeId, Violation> {
        let leads = async || {
            let stats = self.stats().await;
            let mut all = stats.values().flatten();
            all.find(|one| one.id == METADATA_PARTITION && one.leader && one.serving).map(|one| one.key.node)
        };
        self.until("somebody leads the metadata", leads).await
    }

    /// Who has led a partition, or begun to, after that time.
    pub(super) fn led_after(&self, id: PartitionId, time: SimTime) -> Option<NodeId> {
        self.raft.led_after(id, time)
    }

    /// The latest epoch of a partition that a node which runs knows of.
    pub(super) async fn epoch_of(&self, id: PartitionId) -> LeaderEpoch {
        let stats = self.stats().await;
        let epochs = stats.values().flatten().filter(|one| one.id == id).map(|one| one.epoch);
        epochs.max().unwrap_or(LeaderEpoch::NONE)
    }

    /// Of a partition that has lost its majority one log goes on, by a person's decision, and no node runs.
    pub(super) fn goes_on_alone(&self, id: PartitionId) {
        self.raft.goes_on_alone(id);
    }

    /// What a script draws.
    pub(super) fn rng(&self, name: &'static str) -> Stream {
        self.cluster.rng(name)
    }

    /// Its machine loses its power.
    pub(super) fn power_fails(&self, node: NodeId) {
        self.fleet.down(node, |machine| {
            let _lost = machine.power_fail();
        });
    }

    /// Does something with the data directory of a node that is down. Its machine loses its power at once afterwards.
    pub(super) async fn offline<T, F>(
        &self,
        node: NodeId,
        work: impl FnOnce(Io, BrokerConfig) -> F,
    ) -> Result<T, Violation>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let own = self.machine(node);
        let config = machine::config_at(&self.plan, node, own.name()).broker;
        own.restart_idle();
        let done = self.cluster.within(RECOVERY, own.run(|io| work(io, config))).await.flatten();
        let _lost = own.power_fail();
        let text = || format!("what is done with the disk of node {node} takes more than {RECOVERY:?}");
        done.ok_or_else(|| Violation::new("I16-stuck", text()))
    }

    /// Writes so many records to each of the first partitions of a topic, and waits until they are acknowledged.
    pub(super) async fn write(
        &self,
        topic: &'static str,
        partitions: i32,
        records: u32,
    ) -> Result<(), Violation> {
        let writing = move |client: Client| async move {
            let options = ProducerOptions { auto_create: AutoCreate::No, ..ProducerOptions::default() };
            let producer = Producer::start(&client, options);
            let mut waiting = Vec::new();
            for (number, partition) in
                (0..records).flat_map(|number| (0..partitions).map(move |at| (number, at)))
            {
                let value = number.to_be_bytes();
                let record = ProducerRecord {
                    topic,
                    partition: Some(PartitionIndex(partition)),
                    timestamp: None,
                    key: None,
                    value: Some(&value),
                    headers: &[],
                };
                waiting.push(producer.send(record).await?);
            }
            for delivery in waiting {
                delivery.wait().await?;
            }
            Ok(())
        };
        self.ask("writing", writing).await
    }

    /// Reads the first partitions of a topic from their beginning to their end, and says how many records each holds.
    async fn records(&self, topic: &'static str, partitions: i32) -> Result<Vec<u64>, Violation> {
        let all: Vec<TopicPartition> = (0..partitions).map(|at| TopicPartition::new(topic, at)).collect();
        let reading = move |client: Client| async move {
            let ends = client.list_offsets_at(&all, OffsetSpec::Latest).await?;
            let from = all.iter().map(|at| (at.clone(), Some(Offset::ZERO))).collect();
            let mut consumer = Consumer::assign(&client, ConsumerOptions::default(), from);
            let mut found: BTreeMap<TopicPartition, u64> = all.into_iter().map(|at| (at, 0)).collect();
            let is_open = |consumer: &Consumer| {
                consumer
                    .positions()
                    .iter()
                    .any(|(at, next)| ends.get(at).is_some_and(|end| *next < end.offset))
            };
            while is_open(&consumer) {
                for fetched in consumer.poll(MOMENT).await? {
                    *found.entry(fetched.at.clone()).or_default() += fetched.records()?.len() as u64;
                }
            }
            Ok(found.into_values().collect())
        };
        self.ask("reading", reading).await
    }

    /// Reads the first partitions of a topic: so many records were acknowledged in each, and no others may stand there.
    pub(super) async fn each_holds(
        &self,
        topic: &'static str,
        partitions: i32,
        records: u32,
    ) -> Result<(), Violation> {
        let held = self.records(topic, partitions).await?;
        if held.len() == partitions.unsigned_abs() as usize
            && held.iter().all(|&held| held == u64::from(records))
        {
            return Ok(());
        }
        let text = format!(
            "{records} records were acknowledged in each of {partitions} partitions, which hold {held:?}"
        );
        Err(Violation::new("I1-lost-record", text))
    }

    /// The commit of a node's journal that comes next.
    pub(super) fn next_commit(&self, node: NodeId) -> u64 {
        self.world.next_commit(node).unwrap_or_default()
    }

    /// How often a node has written something to another one.
    pub(super) fn writes(&self, from: NodeId, to: NodeId) -> u64 {
        self.cluster.net().writes(self.machine(from).index(), self.machine(to).index())
    }

    pub(super) fn machine(&self, node: NodeId) -> NodeHandle {
        let (_, machine) = self.fleet.named(&machine_name(node)).expect("the script's nodes are there");
        machine.clone()
    }

    /// Nothing passes from the first to the second any more.
    pub(super) fn cut(&self, from: NodeId, to: NodeId) {
        self.cluster.net().cut(self.machine(from).index(), self.machine(to).index());
    }

    /// Nothing passes between a node and all others, machines of other processes included.
    pub(super) fn cut_off(&self, node: NodeId, others: &[NodeHandle]) {
        let nodes = self.nodes().into_iter().filter(|&other| other != node).map(|other| self.machine(other));
        let all: Vec<_> = nodes.chain(others.iter().cloned()).map(|machine| machine.index()).collect();
        self.cluster.net().partition(&[self.machine(node).index()], &all);
    }

    /// What a node sends to the others takes longer by so much; zero takes it back.
    pub(super) fn slow(&self, node: NodeId, by: Duration) {
        for other in self.nodes().into_iter().filter(|&other| other != node) {
            self.cluster.net().slow(self.machine(node).index(), self.machine(other).index(), by);
        }
    }

    pub(super) fn heal(&self) {
        self.cluster.net().heal();
    }

    /// A machine for a second process with the configuration of a node; nothing runs on it yet.
    pub(super) fn another_machine(&self) -> NodeHandle {
        self.cluster.add_node("another")
    }

    /// Starts a process there that takes itself for this node.
    pub(super) fn start_on(&self, machine: &NodeHandle, node: NodeId) {
        let (plan, name) = (self.plan.clone(), machine.name().to_owned());
        machine.start(move |io| machine::live_elsewhere(io, machine::config_at(&plan, node, &name)));
    }
}
