use super::{ControllerError, Decision};
use crate::metadata::{Endpoint, MetadataImage};
use crate::probe::{Mutant, mutant};
use crate::types::{NodeId, ProducerId, TopicId};
use crate::wire::MetadataRecord;
use crate::wire::messages::register_broker_record::BrokerEndpoint;
use crate::wire::messages::{ClusterRecord, FeatureLevelRecord, ProducerIdsRecord, RegisterBrokerRecord};

/// How many producer ids a broker is given at once, as in Kafka.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// A broker that starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBroker {
    pub node: NodeId,
    pub incarnation: TopicId,
    pub endpoints: Vec<Endpoint>,
    pub rack: Option<String>,
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
        if image.features.get(*name) != Some(level) {
            records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: (*name).to_owned().into(),
                level: *level,
                ..FeatureLevelRecord::default()
            }));
        }
    }
    records
}

/// Registers a broker, or renews what is known of it.
#[must_use]
pub fn register_broker(broker: &NewBroker) -> Decision<()> {
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
        ..RegisterBrokerRecord::default()
    });
    Decision { records: vec![record], reply: () }
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
