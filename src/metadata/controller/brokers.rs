use super::{ControllerError, Decision};
use crate::metadata::snapshot::features_of;
use crate::metadata::{Endpoint, FeatureRanges, MetadataImage, PartitionImage};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{LeaderEpoch, NodeId, PartitionId, ProducerId, Roles, TopicId, Uuid};
use crate::wire::MetadataRecord;
use crate::wire::messages::register_broker_record::BrokerEndpoint;
use crate::wire::messages::{
    BrokerChangeRecord, ClusterRecord, FeatureLevelRecord, PartitionChangeRecord, ProducerIdsRecord,
    RegisterBrokerRecord, RemoveBrokerRecord,
};

/// How many producer ids a broker is given at once, as in Kafka.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// A broker that starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBroker {
    pub node: NodeId,
    pub incarnation: TopicId,
    /// Of its data directory.
    pub directory: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub rack: Option<String>,
    pub roles: Roles,
    /// It is no client's address until it says that it lives.
    pub fenced: bool,
    /// The levels of features that its release knows.
    pub features: FeatureRanges,
}

/// What keeps a broker from the cluster: a finalised feature of which its release does not know the level.
#[must_use]
pub fn unknown_level(image: &MetadataImage, broker: &NewBroker) -> Option<(String, i16)> {
    let unknown = image.features.iter().find(|(name, level)| {
        let (least, most) = broker.features.get(*name).copied().unwrap_or_default();
        !(least..=most).contains(level)
    });
    unknown.map(|(name, level)| (name.clone(), *level))
}

/// The first records of a new cluster: its id and the finalised features. None of a cluster that has an id: its features have the levels
/// that somebody gave them, and what a later release adds is finalised by nobody else.
#[must_use]
pub fn bootstrap<'a>(
    image: &MetadataImage,
    cluster_id: &str,
    features: impl IntoIterator<Item = (&'a str, i16)>,
) -> Vec<MetadataRecord> {
    if image.cluster_id.is_some() {
        return Vec::new();
    }
    let cluster_id = cluster_id.to_owned().into();
    let cluster = MetadataRecord::Cluster(ClusterRecord { cluster_id, ..ClusterRecord::default() });
    let features = features.into_iter().map(|(name, level)| {
        let name = name.to_owned().into();
        MetadataRecord::FeatureLevel(FeatureLevelRecord { name, level, ..FeatureLevelRecord::default() })
    });
    std::iter::once(cluster).chain(features).collect()
}

/// Registers a broker, or renews what is known of it; the reply is the number of its registration. A process that asks again gets
/// the one that it has.
#[must_use]
pub fn register_broker(image: &MetadataImage, broker: &NewBroker) -> Decision<i64> {
    if let Some(known) = image.registered(broker.node)
        && (known.incarnation, known.directory) == (broker.incarnation, broker.directory)
        && (&known.endpoints, known.roles) == (&broker.endpoints, broker.roles)
        && known.features == broker.features
    {
        return Decision::reply(known.epoch);
    }
    if image.registrations().any(|(node, known)| node != broker.node && known.fenced) {
        sometimes(Condition::ClusterJoinedWhileFenced);
    }
    if image.registered(broker.node).is_none() && image.topic_count() > 0 {
        sometimes(Condition::ClusterJoinedLater);
    }
    let epoch = match image.registered(broker.node) {
        Some(known) if mutant(Mutant::ClusterKeepsBrokerEpochs) => known.epoch,
        Some(_) | None => image.broker_epochs,
    };
    let record = MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: broker.node.0,
        incarnation_id: broker.incarnation.into(),
        endpoints: broker
            .endpoints
            .iter()
            .map(|endpoint| BrokerEndpoint {
                name: endpoint.listener.clone().into(),
                host: endpoint.host.clone().into(),
                port: endpoint.port,
                ..BrokerEndpoint::default()
            })
            .collect(),
        rack: broker.rack.clone().map(Into::into),
        directory_id: broker.directory,
        broker_epoch: epoch,
        fenced: broker.fenced,
        roles: broker.roles.code(),
        features: features_of(&broker.features),
        ..RegisterBrokerRecord::default()
    });
    Decision { records: vec![record], reply: epoch }
}

/// Forgets a broker. One that lives registers again.
///
/// # Errors
/// If it is not registered.
pub fn unregister_broker(image: &MetadataImage, node: NodeId) -> Decision<Result<(), ControllerError>> {
    let Some(known) = image.registered(node) else {
        return Decision::reply(Err(ControllerError::UnknownBroker(node)));
    };
    let is_named = || {
        let mut partitions = image.topics().flat_map(|topic| topic.partitions.values());
        partitions.any(|partition| partition.replicas.contains(&node))
    };
    if known.fenced && image.topic_count() > 0 && !is_named() {
        sometimes(Condition::ClusterUnregistered);
    }
    let record = RemoveBrokerRecord { broker_id: node.0, ..RemoveBrokerRecord::default() };
    Decision { records: vec![record.into()], reply: Ok(()) }
}

/// What may change of a broker while it is registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrokerState {
    pub fenced: bool,
    pub draining: bool,
}

/// Changes what a broker may do, if this is still its registration.
pub fn change_broker(
    image: &MetadataImage,
    node: NodeId,
    epoch: i64,
    wanted: BrokerState,
) -> Decision<Result<(), ControllerError>> {
    let Some(known) = image.registered(node) else {
        return Decision::reply(Err(ControllerError::UnknownBroker(node)));
    };
    if known.epoch != epoch && !mutant(Mutant::ControllerIgnoresBrokerEpochs) {
        return Decision::reply(Err(ControllerError::StaleBroker { node, epoch, known: known.epoch }));
    }
    let BrokerState { fenced, draining } = wanted;
    if (known.fenced, known.draining) == (fenced, draining) {
        return Decision::reply(Ok(()));
    }
    let (broker_id, broker_epoch) = (node.0, epoch);
    let record =
        BrokerChangeRecord { broker_id, broker_epoch, fenced, draining, ..BrokerChangeRecord::default() };
    Decision { records: vec![record.into()], reply: Ok(()) }
}

/// That a broker leads a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Led {
    pub id: PartitionId,
    pub leader: NodeId,
    pub epoch: LeaderEpoch,
    /// Those of its voters that have caught up.
    pub isr: Vec<NodeId>,
}

/// That nobody leads a partition, as far as a broker knows that the metadata name its leader, or of which they name none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unled {
    pub id: PartitionId,
    /// As the metadata had it.
    pub epoch: LeaderEpoch,
    /// The broker's replica has lost what it held.
    pub lost: bool,
}

/// What a broker tells of partitions.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LeaderReport {
    pub led: Vec<Led>,
    pub unled: Vec<Unled>,
}

/// Notes who leads partitions, and of which nobody is known to, where that is news. In sync are replicas alone: who was one when a
/// report was begun need not be one when it comes.
pub fn note_leaders(
    image: &MetadataImage,
    node: NodeId,
    broker_epoch: i64,
    report: &LeaderReport,
) -> Decision<Result<(), ControllerError>> {
    let Some(known) = image.registered(node) else {
        return Decision::reply(Err(ControllerError::UnknownBroker(node)));
    };
    if known.epoch != broker_epoch {
        let (epoch, known) = (broker_epoch, known.epoch);
        return Decision::reply(Err(ControllerError::StaleBroker { node, epoch, known }));
    }
    let mut records = Vec::new();
    for Led { id, leader, epoch, isr } in &report.led {
        let Some(partition) = image.partition(*id) else { continue };
        let in_sync = isr.iter().copied().filter(|node| partition.replicas.contains(node));
        let isr: Vec<NodeId> = in_sync.collect();
        let is_news = *epoch > partition.leader_epoch
            || (*epoch < partition.leader_epoch && mutant(Mutant::ControllerNotesOldLeaders))
            || (*epoch == partition.leader_epoch
                && (Some(*leader), &isr) != (partition.leader, &partition.isr));
        if is_news {
            let change = PartitionChangeRecord {
                topic_id: id.topic,
                partition_id: id.index.0,
                leader: leader.0,
                leader_epoch: epoch.0,
                isr: isr.iter().map(|node| node.0).collect(),
                ..PartitionChangeRecord::default()
            };
            records.push(change.into());
        }
    }
    for unled in &report.unled {
        let change = image.partition(unled.id).and_then(|known| without_leader(known, node, unled));
        records.extend(change.map(|change| change.change(unled.id).into()));
    }
    Decision { records, reply: Ok(()) }
}

/// A partition after a node has said that nobody leads it, if that changes it. Who has lost what it held is in sync with nobody.
fn without_leader(known: &PartitionImage, node: NodeId, unled: &Unled) -> Option<PartitionImage> {
    let told_since = known.leader_epoch != unled.epoch;
    let led_by_another = known.leader.is_some_and(|leader| leader != node);
    if told_since || led_by_another {
        return None;
    }
    let mut changed = PartitionImage { leader: None, ..known.clone() };
    changed.lost.retain(|&other| other != node);
    if unled.lost {
        changed.lost.push(node);
        changed.lost.sort_unstable();
        changed.isr.retain(|&other| other != node);
    }
    (changed != *known).then_some(changed)
}

/// Gives `node` the next block of producer ids: never one that was given before.
///
/// # Errors
/// When the ids are used up.
pub fn allocate_producer_ids(
    image: &MetadataImage,
    node: NodeId,
) -> Result<Decision<std::ops::Range<i64>>, ControllerError> {
    let first = image.next_producer_id.0;
    let next = first.0.checked_add(PRODUCER_ID_BLOCK).ok_or(ControllerError::ProducerIdsExhausted)?;
    let record = MetadataRecord::ProducerIds(ProducerIdsRecord {
        broker_id: node.0,
        next_producer_id: ProducerId(next).0,
        ..ProducerIdsRecord::default()
    });
    let records = if mutant(Mutant::ReuseProducerIds) { Vec::new() } else { vec![record] };
    Ok(Decision { records, reply: first.0..next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::snapshot::{SnapshotId, decode, encode};
    use crate::types::{Offset, PartitionIndex, Timestamp};
    use crate::wire::messages::{PartitionReassignmentRecord, PartitionRecord, TopicRecord};

    const TOPIC: TopicId = TopicId([7; 16]);
    const ID: PartitionId = PartitionId { topic: TOPIC, index: PartitionIndex(0) };

    #[test]
    fn a_new_cluster_finalises_all_features_and_one_that_is_there_none_that_are_new() {
        let features = [("metadata.version", 30), ("kraft.version", 1)];
        let mut image = MetadataImage::default();
        for record in bootstrap(&image, "id", features) {
            image.apply(&record).expect("it fits");
        }
        assert_eq!(image.cluster_id.as_deref(), Some("id"));
        let finalised: Vec<_> = image.features.iter().map(|(name, &level)| (name.as_str(), level)).collect();
        assert_eq!(finalised, [("kraft.version", 1), ("metadata.version", 30)]);
        let again = features.into_iter().chain([("later.version", 1)]);
        assert_eq!(bootstrap(&image, "id", again), []);
    }

    fn broker(node: i32) -> NewBroker {
        NewBroker {
            node: NodeId(node),
            incarnation: TopicId::ZERO,
            directory: Uuid::ZERO,
            endpoints: Vec::new(),
            rack: None,
            roles: Roles::Both,
            fenced: false,
            features: FeatureRanges::default(),
        }
    }

    /// Nodes 1 to 3, and a partition that node 1 leads in epoch 4 for all of them.
    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        let mut records: Vec<MetadataRecord> = Vec::new();
        for node in 1..=3 {
            let registered = register_broker(&image, &broker(node));
            registered.records.iter().for_each(|record| image.apply(record).expect("it fits"));
        }
        let (replicas, isr) = (vec![1, 2, 3], Some(vec![1, 2, 3]));
        records.push(TopicRecord { name: "t".into(), topic_id: TOPIC, ..TopicRecord::default() }.into());
        let partition =
            PartitionRecord { topic_id: TOPIC, replicas, isr, leader: 1, ..PartitionRecord::default() };
        records.push(PartitionRecord { leader_epoch: 4, ..partition }.into());
        records.iter().for_each(|record| image.apply(record).expect("it fits"));
        image
    }

    /// The image after a node has told of the partition.
    fn told(image: &MetadataImage, node: i32, report: &LeaderReport) -> MetadataImage {
        let epoch = image.registered(NodeId(node)).expect("it is registered").epoch;
        let decision = note_leaders(image, NodeId(node), epoch, report);
        assert_eq!(decision.reply, Ok(()));
        let mut image = image.clone();
        decision.records.iter().for_each(|record| image.apply(record).expect("it fits"));
        image
    }

    #[test]
    fn a_broker_that_was_unregistered_comes_back_in_an_epoch_of_its_own() {
        let mut image = image();
        let last = image.registered(NodeId(3)).expect("it is registered").epoch;
        let removal = unregister_broker(&image, NodeId(3));
        removal.records.iter().for_each(|record| image.apply(record).expect("it fits"));
        let id = SnapshotId { end: Offset(9), epoch: LeaderEpoch(4) };
        let read = decode(&encode(&image, id, Timestamp(1)).expect("it is written"), id).expect("it is read");
        assert_eq!(read, image);
        assert!(register_broker(&read, &broker(3)).reply > last);
    }

    fn unled(epoch: i32, lost: bool) -> LeaderReport {
        let unled = vec![Unled { id: ID, epoch: LeaderEpoch(epoch), lost }];
        LeaderReport { unled, ..LeaderReport::default() }
    }

    /// Leader, those in sync, and those that have lost what they held.
    fn seen(image: &MetadataImage) -> (Option<i32>, Vec<i32>, Vec<i32>) {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        let one = image.partition(ID).expect("the partition");
        (one.leader.map(|node| node.0), numbers(&one.isr), numbers(&one.lost))
    }

    #[test]
    fn the_named_leader_may_deny_it_and_nobody_else() {
        let image = image();
        assert_eq!(seen(&told(&image, 2, &unled(4, true))), seen(&image), "node 1 leads");
        assert_eq!(seen(&told(&image, 1, &unled(3, true))), seen(&image), "it has led since");
        let denied = told(&image, 1, &unled(4, false));
        assert_eq!(seen(&denied), (None, vec![1, 2, 3], vec![]), "those in sync stay named");
        let denied = told(&denied, 1, &unled(4, true));
        assert_eq!(seen(&denied), (None, vec![2, 3], vec![1]));
        let denied = told(&denied, 3, &unled(4, true));
        assert_eq!(seen(&denied), (None, vec![2], vec![1, 3]));
        let epoch = denied.registered(NodeId(3)).expect("it is registered").epoch;
        assert_eq!(note_leaders(&denied, NodeId(3), epoch, &unled(4, true)).records, [], "it is known");
        let copy = decode(&encode(&denied, ID_OF_SNAPSHOT, Timestamp(1)).expect("it fits"), ID_OF_SNAPSHOT);
        assert_eq!(copy.expect("it is whole"), denied, "a snapshot keeps it");
        assert_eq!(seen(&told(&denied, 3, &unled(4, false))), (None, vec![2], vec![1]), "it has it again");
    }

    const ID_OF_SNAPSHOT: SnapshotId = SnapshotId { end: Offset(9), epoch: LeaderEpoch(4) };

    #[test]
    fn a_new_leader_is_news_after_a_denial() {
        let denied = told(&image(), 1, &unled(4, true));
        let led = Led { id: ID, leader: NodeId(2), epoch: LeaderEpoch(5), isr: vec![NodeId(2), NodeId(3)] };
        let led = told(&denied, 2, &LeaderReport { led: vec![led], ..LeaderReport::default() });
        assert_eq!(seen(&led), (Some(2), vec![2, 3], vec![]));
        assert_eq!(seen(&told(&led, 1, &unled(5, true))), seen(&led), "node 2 leads now");
    }

    /// The image once node 1 is no replica, and what node 2 had begun to tell before, when all three voted.
    fn left_meanwhile() -> (MetadataImage, LeaderReport) {
        let mut image = image();
        let left = PartitionReassignmentRecord {
            topic_id: TOPIC,
            partition_epoch: 1,
            replicas: vec![2, 3],
            departed: vec![1],
            ..PartitionReassignmentRecord::default()
        };
        image.apply(&left.into()).expect("it fits");
        let isr = vec![NodeId(1), NodeId(2), NodeId(3)];
        let led = vec![Led { id: ID, leader: NodeId(2), epoch: LeaderEpoch(5), isr }];
        (image, LeaderReport { led, ..LeaderReport::default() })
    }

    #[test]
    fn who_was_a_replica_when_a_report_was_begun_is_in_sync_only_if_it_still_is_one() {
        let (image, late) = left_meanwhile();
        let led = told(&image, 2, &late);
        assert_eq!(seen(&led), (Some(2), vec![2, 3], vec![]));
        let epoch = led.registered(NodeId(2)).expect("it is registered").epoch;
        assert_eq!(note_leaders(&led, NodeId(2), epoch, &late).records, [], "it is known");
    }

    #[test]
    fn an_earlier_log_that_has_no_replica_in_sync_is_kept_by_a_snapshot_until_the_next_report() {
        let (mut image, late) = left_meanwhile();
        // As an earlier release noted it.
        let noted = PartitionChangeRecord {
            topic_id: TOPIC,
            leader: 2,
            leader_epoch: 5,
            isr: vec![1, 2, 3],
            ..PartitionChangeRecord::default()
        };
        image.apply(&noted.into()).expect("it fits");
        assert_eq!(seen(&image), (Some(2), vec![1, 2, 3], vec![]), "every release makes the same of it");
        let copy = decode(&encode(&image, ID_OF_SNAPSHOT, Timestamp(1)).expect("it fits"), ID_OF_SNAPSHOT);
        assert_eq!(copy.expect("it is whole"), image);
        assert_eq!(seen(&told(&image, 2, &late)), (Some(2), vec![2, 3], vec![]));
    }
}
