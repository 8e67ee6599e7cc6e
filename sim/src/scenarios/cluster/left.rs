//! Nodes that stay broken while the others are whole again: all that a majority of each partition's voters, and of the metadata's, is
//! left without. Everything must go on without them (I16, I17).
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::producer::{Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::types::{NodeId, Offset};

use super::plan::Plan;
use super::world::World;
use super::{Life, RECOVERY, faults};
use crate::cluster::NodeHandle;
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::broker::history::{Carried, Content, Fate, History, Mode, RecordId, Stands};
use crate::scenarios::broker::judge::Judge;
use crate::scenarios::broker::plan::{Cleanup, cleanup};
use crate::scenarios::broker::{Running, all_get_on};
use crate::scenarios::fleet::machine_name;

/// How many runs go on without nodes that are broken still, if they can.
const BROKEN_PER_MILLE: u32 = 400;
/// Of those whose partitions and metadata have a majority without two nodes, how many leave two.
const TWO_PER_MILLE: u32 = 800;

/// Within this time all that has a majority is led without those that are gone. (Beside one that is slow it may be that one which makes the
/// majority: of the two voters of the metadata that are left, say.)
const LED: Duration = Duration::from_secs(20);
/// Within this time all clients get on beside nodes that are slow only: most of it is for what a client had under way (a delivery may take
/// 15 s).
const GET_ON_BESIDE_SLOW: Duration = Duration::from_secs(45);

/// Who is not heard for so long is taken to be gone.
const SILENT: Duration = Duration::from_millis(500);

/// How a node stays when the others are whole again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    Down,
    CutOff,
    StandsStill,
    /// Each operation of its disk takes so many times as long (I17).
    SlowDisk {
        times: u32,
    },
    /// What goes between it and the other nodes takes so much longer, each way (I17).
    SlowLinks {
        by: Duration,
    },
}

impl Broken {
    /// Half of those that are left broken are slow. From a stream of its own: which node it is, and what else there is, is drawn apart.
    fn draw(drawn: Broken, rng: &mut Stream) -> Broken {
        match rng.between(0, 3) {
            0 => Broken::SlowDisk { times: *rng.pick(&[100, 1_000, 10_000]) },
            1 => Broken::SlowLinks { by: *rng.pick(&[50, 200, 1_000].map(Duration::from_millis)) },
            _ => drawn,
        }
    }

    /// Whether others hear it often enough to take it for there.
    fn is_heard(self) -> bool {
        match self {
            Broken::SlowDisk { .. } => true,
            Broken::SlowLinks { by } => by < SILENT,
            Broken::Down | Broken::CutOff | Broken::StandsStill => false,
        }
    }

    /// Whether it takes part still.
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Broken::SlowDisk { .. } | Broken::SlowLinks { .. })
    }
}

/// Who is left out of what must be, and how each is broken.
pub(super) type Left = BTreeMap<NodeId, Broken>;

/// The number of the producer that writes to every partition.
const WRITES_EVERYWHERE: u32 = 90;

/// Whether most of these nodes are left.
pub(super) fn has_majority_without(replicas: &[NodeId], left: &Left) -> bool {
    let others = replicas.iter().filter(|node| !left.contains_key(node)).count();
    others > replicas.len() / 2
}

/// Sends a record to each of these partitions, and waits until all are acknowledged.
async fn write_one_each(
    client: &Client,
    partitions: &[TopicPartition],
    history: &History,
) -> Result<(), ClientError> {
    let options = ProducerOptions { auto_create: AutoCreate::No, ..ProducerOptions::default() };
    let producer = Producer::start(client, options);
    let session = history.next_session("everywhere");
    history.producing(WRITES_EVERYWHERE, session, Mode::Idempotent);
    let mut waiting = Vec::new();
    for (number, at) in (1..).zip(partitions) {
        let id = RecordId { producer: WRITES_EVERYWHERE, session, number };
        // Of its own, where records have keys.
        let key = (cleanup(&at.topic) == Cleanup::Compact).then_some(u32::MAX - number);
        let key_bytes = key.map(|key| key.to_string().into_bytes());
        let (value, headers) = (id.value(0), id.headers(Content::Value));
        let timestamp = id.time(client.io().clock.wall());
        history.sending(id, at, Mode::Idempotent, (key, Content::Value));
        let carried = Carried::of(key_bytes.as_deref(), Some(&value), &headers);
        history.sends_with(id, Stands { carried, time: timestamp.0 });
        let record = ProducerRecord {
            topic: &at.topic,
            partition: Some(at.partition),
            timestamp: Some(timestamp),
            key: key_bytes.as_deref(),
            value: Some(&value),
            headers: &headers,
        };
        waiting.push((id, producer.send(record).await?));
    }
    for (id, delivery) in waiting {
        let delivered = delivery.wait().await.inspect_err(|_| history.fate(id, Fate::Unknown))?;
        history.fate(id, Fate::Acknowledged((delivered.offset != Offset::NONE).then_some(delivered.offset)));
    }
    Ok(())
}

impl Life<'_> {
    /// In some runs the faults of some nodes do not end with those of the others: everything must go on without them.
    ///
    /// # Errors
    /// If it does not.
    pub(super) async fn do_without_broken(
        &self,
        judge: &Judge<'_>,
        clients: &[Running],
        machines: &[NodeHandle],
    ) -> Result<(), Violation> {
        let left = self.left_broken();
        if left.is_empty() { Ok(()) } else { self.get_on_without(judge, clients, machines, &left).await }
    }

    fn left_broken(&self) -> Left {
        let Life { cluster, plan, .. } = self;
        let mut rng = cluster.rng("left broken");
        // Three in sync are none too many.
        if !rng.chance(BROKEN_PER_MILLE) || plan.replicas_min.is_some() {
            return Left::new();
        }
        let nodes: Vec<NodeId> = plan.node_ids().collect();
        let mut slow = cluster.rng("slow");
        let mut how = |rng: &mut Stream| {
            Broken::draw(*rng.pick(&[Broken::Down, Broken::CutOff, Broken::StandsStill]), &mut slow)
        };
        let first = how(&mut rng);
        // A disk that was lost is all that may be missing, or one of two.
        let lossy = self.lossy.nodes();
        let node = lossy.first().copied().unwrap_or(*rng.pick(&nodes));
        let mut left = Left::from([(node, first)]);
        let mut rng = cluster.rng("left broken, too");
        if plan.replicas() >= 5 && rng.chance(TWO_PER_MILLE) {
            let others: Vec<NodeId> = nodes.into_iter().filter(|other| *other != node).collect();
            let drawn = *rng.pick(&others);
            left.insert(lossy.get(1).copied().unwrap_or(drawn), how(&mut rng));
        }
        left
    }

    /// Heals all but some nodes, and demands that everything goes on without them, and that all that was acknowledged can be read.
    async fn get_on_without(
        &self,
        judge: &Judge<'_>,
        clients: &[Running],
        machines: &[NodeHandle],
        left: &Left,
    ) -> Result<(), Violation> {
        let Life { cluster, plan, history, account, fleet, .. } = self;
        cluster.note(format_args!("heal all but {left:?}"));
        // They end when they can.
        left.keys().for_each(|&node| history.run_ended(&machine_name(node)));
        let gone: Vec<NodeId> =
            left.iter().filter(|(_, how)| !how.is_slow()).map(|(node, _)| *node).collect();
        faults::heal(cluster, fleet, machines, &gone);
        let seats: Vec<NodeHandle> = machines.iter().chain([&judge.node]).cloned().collect();
        left.iter().for_each(|(node, how)| self.leave(*node, *how, &seats));
        let began = cluster.now();
        let what = format!("some partitions have no leader without {left:?}");
        let unled = async |world: &World, plan: &Plan| world.unled_without(plan, left).await;
        let bound = if gone.len() == left.len() { LED } else { RECOVERY };
        if let Err(wrong) = self.comes_to_be_within("I16-stuck", unled, &what, bound).await {
            // Of two removals of voters that were under way both may have been made.
            let removes_voters = clients.iter().any(|client| client.seat.name() == "voters");
            let unheard = left.iter().filter(|(_, how)| !how.is_heard());
            let unheard = unheard.map(|(&node, &how)| (node, how)).collect();
            if removes_voters && self.world.metadata_needs(&unheard).await {
                cluster.note(format_args!("{unheard:?} make the majority of the metadata: {wrong}"));
                return Ok(());
            }
            return Err(wrong);
        }
        let led = cluster.now().since(began);
        cluster.lasted("some partitions have no leader without who stays broken", led);
        cluster.note(format_args!("all are led without them after {led:?}"));
        // Who drains nodes asks each itself; of three voters none is removed, and one that is broken is not added.
        let excused = &["drainer", "voters"];
        let without =
            |wrong: Violation| Violation { text: format!("without {left:?}: {}", wrong.text), ..wrong };
        // Where voters of the metadata come and go, a slow one may be what makes the majority.
        let is_steady = !plan.joins_quorum && clients.iter().all(|client| client.seat.name() != "voters");
        let bound = if gone.is_empty() && is_steady { GET_ON_BESIDE_SLOW } else { RECOVERY };
        let got_on = all_get_on(cluster, account, &plan.broker, history, clients, (excused, bound)).await;
        match got_on {
            // Changes wait for the slow one then, and clients give up before.
            Err(wrong) if wrong.checker == "I16-stuck" && self.world.metadata_needs(left).await => {
                cluster.note(format_args!("{left:?} make the majority of the metadata: {wrong}"));
                // Who writes begins with an id from there.
                return judge.read_back().await.map_err(without);
            }
            other => other.map_err(without)?,
        }
        cluster.note(format_args!("all get on without them after {:?}", cluster.now().since(began)));
        judge.read_back().await.map_err(without)?;
        self.all_take_writes(judge, left).await.map_err(without)?;
        cluster.note(format_args!(
            "all is read and written without them after {:?}",
            cluster.now().since(began)
        ));
        Ok(())
    }

    /// Each partition takes a record that has a majority without those that are `left` out: clients get on with one of several.
    ///
    /// # Errors
    /// If one does not (I16).
    pub(super) async fn all_take_writes(&self, judge: &Judge<'_>, left: &Left) -> Result<(), Violation> {
        let Life { plan, world, account, history, .. } = self;
        let Some(image) = world.image() else { return Ok(()) };
        let has_majority = |at: &TopicPartition| {
            let partition = image.topic(&at.topic).and_then(|topic| topic.partitions.get(&at.partition));
            partition.is_some_and(|partition| has_majority_without(&partition.replicas, left))
        };
        let all = plan.broker.all_partitions();
        let down = account.down(&all);
        let partitions: Vec<TopicPartition> =
            all.into_iter().filter(|at| has_majority(at) && !down.contains(at)).collect();
        let history = (*history).clone();
        let writing = move |client| async move { write_one_each(&client, &partitions, &history).await };
        judge.ask("writing to every partition", writing).await
    }

    fn leave(&self, left: NodeId, how: Broken, seats: &[NodeHandle]) {
        let Life { cluster, fleet, .. } = self;
        let node = fleet.node(left);
        match how {
            Broken::StandsStill if node.is_running() => fleet.pause(left),
            // One that does not run just now cannot be made to stand still: its supervisor would start it.
            Broken::StandsStill | Broken::Down => fleet.down(left, |node| {
                let _lost = node.power_fail();
            }),
            Broken::CutOff => {
                let others = fleet.nodes().map(|(_, node)| node).chain(seats);
                for other in others.filter(|other| other.index() != node.index()) {
                    cluster.net().cut(node.index(), other.index());
                    cluster.net().cut(other.index(), node.index());
                }
            }
            Broken::SlowDisk { times } => node.disk().slow(times),
            Broken::SlowLinks { by } => {
                for (_, other) in fleet.nodes().filter(|(id, _)| *id != left) {
                    cluster.net().slow(node.index(), other.index(), by);
                    cluster.net().slow(other.index(), node.index(), by);
                }
            }
        }
    }
}
