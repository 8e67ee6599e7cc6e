use super::{ControllerError, Decision};
use crate::metadata::snapshot::features_of;
use crate::metadata::{Endpoint, FeatureRanges, MetadataImage};
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

/// The first records of a new cluster: its id and the finalised features.
#[must_use]
pub fn bootstrap(image: &MetadataImage, cluster_id: &str, features: &[(&str, i16)]) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    if image.cluster_id.is_none() {
        records.push(MetadataRecord::Cluster(ClusterRecord {
            cluster_id: cluster_id.to_owned().into(),
            ..ClusterRecord::default()
        }));
    }
    for (name, level) in features {
        // One that is known has the level that somebody gave it.
        if !image.features.contains_key(*name) {
            records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: (*name).to_owned().into(),
                level: *level,
                ..FeatureLevelRecord::default()
            }));
        }
    }
    records
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
    let epoch = image.registrations().map(|(_, known)| known.epoch).max().unwrap_or(-1) + 1;
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
    if image.registered(node).is_none() {
        return Decision::reply(Err(ControllerError::UnknownBroker(node)));
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

/// Notes who leads partitions, where that is news.
pub fn note_leaders(
    image: &MetadataImage,
    node: NodeId,
    broker_epoch: i64,
    led: &[Led],
) -> Decision<Result<(), ControllerError>> {
    let Some(known) = image.registered(node) else {
        return Decision::reply(Err(ControllerError::UnknownBroker(node)));
    };
    if known.epoch != broker_epoch {
        let (epoch, known) = (broker_epoch, known.epoch);
        return Decision::reply(Err(ControllerError::StaleBroker { node, epoch, known }));
    }
    let mut records = Vec::new();
    for Led { id, leader, epoch, isr } in led {
        let Some(partition) = image.partition(*id) else { continue };
        let is_news = *epoch > partition.leader_epoch
            || (*epoch < partition.leader_epoch && mutant(Mutant::ControllerNotesOldLeaders))
            || (*epoch == partition.leader_epoch && (*leader, isr) != (partition.leader, &partition.isr));
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
    Decision { records, reply: Ok(()) }
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
