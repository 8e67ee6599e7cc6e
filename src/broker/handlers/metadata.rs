use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::authorized_operations as operations;
use crate::broker::cluster::await_leaders;
use crate::broker::cluster_view::{ClusterView, NoLeader, Standings, numbers};
use crate::broker::internal_topics::{create, offsets_topic};
use crate::broker::{Caller, Context};
use crate::config::{OFFSETS_TOPIC, is_internal_topic, validate_topic_name};
use crate::metadata::controller::NewTopic;
use crate::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::types::{ErrorCode, PartitionId, PartitionIndex, TopicId};
use crate::wire::Text;
use crate::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::messages::{MetadataRequest, MetadataResponse};

/// Requests name topics by id since this version (KIP-516).
const BY_ID_FROM: i16 = 12;

/// Which topics a request is about, each once.
enum Asked {
    All,
    Names(Vec<Text>),
    Ids(Vec<TopicId>),
}

/// Metadata (key 3).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: MetadataRequest,
) -> MetadataResponse {
    if let Some(refusal) = refuse(&request, caller.version) {
        return refusal;
    }
    let asked = asked(&request, caller.version);
    let failures = match &asked {
        Asked::Names(names) if request.allow_auto_topic_creation && context.config().topics.auto_create => {
            create_missing(context, names).await
        }
        Asked::All | Asked::Names(_) | Asked::Ids(_) => BTreeMap::new(),
    };
    // With what has been created.
    await_leaders(context, || partitions_of(&find(&context.metadata(), &asked))).await;
    let image = context.metadata();
    let view = ClusterView { image: &image, listener: &caller.listener };
    let found = find(&image, &asked);
    let standings = standings(context, &asked, &found).await;
    let topic_operations = if request.include_topic_authorized_operations && caller.version >= 8 {
        operations::TOPIC
    } else {
        operations::NOT_ASKED
    };
    let topics = found.into_iter().map(|(key, topic)| match (topic, key) {
        (Some(topic), _) => MetadataResponseTopic {
            error_code: ErrorCode::None.code(),
            name: Some(topic.name.to_string().into()),
            topic_id: topic.id,
            is_internal: is_internal_topic(&topic.name),
            partitions: topic
                .partitions
                .iter()
                .map(|(&index, partition)| {
                    describe(view, topic, index, partition, &standings, caller.version)
                })
                .collect(),
            topic_authorized_operations: topic_operations,
            ..Default::default()
        },
        (None, Key::Id(topic_id)) => MetadataResponseTopic {
            error_code: ErrorCode::UnknownTopicId.code(),
            name: None,
            topic_id,
            ..Default::default()
        },
        (None, Key::Name(name)) => MetadataResponseTopic {
            error_code: failures.get(&name).copied().unwrap_or_else(|| absent(&name)).code(),
            is_internal: is_internal_topic(&name),
            name: Some(name),
            topic_authorized_operations: topic_operations,
            ..Default::default()
        },
    });
    let cluster_operations = if request.include_cluster_authorized_operations {
        operations::CLUSTER
    } else {
        operations::NOT_ASKED
    };
    MetadataResponse {
        brokers: brokers(view),
        cluster_id: image.cluster_id.as_deref().map(|id| id.to_owned().into()),
        controller_id: view.controller(context.config().node_id, |node| context.spares(node)).0,
        topics: topics.collect(),
        cluster_authorized_operations: cluster_operations,
        ..MetadataResponse::default()
    }
}

/// Ids and null names came into the request's schema two versions before they had a meaning.
fn refuse(request: &MetadataRequest, version: i16) -> Option<MetadataResponse> {
    let topics = request.topics.as_ref()?;
    let too_early = topics.iter().any(|topic| topic.name.is_none() || topic.topic_id != TopicId::ZERO);
    if version >= BY_ID_FROM || !too_early {
        return None;
    }
    let topics = topics
        .iter()
        .map(|topic| MetadataResponseTopic {
            error_code: ErrorCode::InvalidRequest.code(),
            name: Some(topic.name.clone().unwrap_or_default()),
            topic_id: topic.topic_id,
            ..Default::default()
        })
        .collect();
    Some(MetadataResponse { topics, ..MetadataResponse::default() })
}

fn asked(request: &MetadataRequest, version: i16) -> Asked {
    let Some(topics) = &request.topics else { return Asked::All };
    // Version 0 has no null, and asks for all with none.
    if version == 0 && topics.is_empty() {
        return Asked::All;
    }
    let by_id = topics.iter().any(|topic| topic.topic_id != TopicId::ZERO);
    let nameless = topics.iter().any(|topic| topic.name.is_none());
    if by_id || nameless {
        let mut seen = BTreeSet::new();
        let ids = topics.iter().filter(|topic| !by_id || topic.topic_id != TopicId::ZERO);
        return Asked::Ids(ids.map(|topic| topic.topic_id).filter(|&id| seen.insert(id)).collect());
    }
    let mut seen = BTreeSet::new();
    let names = topics.iter().filter_map(|topic| topic.name.clone());
    Asked::Names(names.filter(|name| seen.insert(name.clone())).collect())
}

/// How a topic was named.
enum Key {
    Name(Text),
    Id(TopicId),
}

fn find<'a>(image: &'a MetadataImage, asked: &Asked) -> Vec<(Key, Option<&'a Arc<TopicImage>>)> {
    match asked {
        Asked::All => image.topics().map(|topic| (Key::Id(topic.id), Some(topic))).collect(),
        Asked::Names(names) => {
            names.iter().map(|name| (Key::Name(name.clone()), image.topic(name))).collect()
        }
        Asked::Ids(ids) => ids.iter().map(|&id| (Key::Id(id), image.topic_by_id(id))).collect(),
    }
}

async fn standings(context: &Context, asked: &Asked, found: &[(Key, Option<&Arc<TopicImage>>)]) -> Standings {
    let ids = match asked {
        Asked::All => None,
        Asked::Names(_) | Asked::Ids(_) => Some(partitions_of(found)),
    };
    Standings::of(context, ids).await
}

fn partitions_of(found: &[(Key, Option<&Arc<TopicImage>>)]) -> Vec<PartitionId> {
    let topics = found.iter().filter_map(|(_, topic)| *topic);
    topics
        .flat_map(|topic| topic.partitions.keys().map(|&index| PartitionId { topic: topic.id, index }))
        .collect()
}

/// Why a topic that is not there is not there.
fn absent(name: &str) -> ErrorCode {
    match validate_topic_name(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    }
}

/// Creates the topics that do not exist and may; answers why the others could not be created.
async fn create_missing(context: &Arc<Context>, names: &[Text]) -> BTreeMap<Text, ErrorCode> {
    let image = context.metadata();
    let missing: Vec<Text> =
        names.iter().filter(|name| image.topic(name).is_none() && may_be_created(name)).cloned().collect();
    if missing.is_empty() {
        return BTreeMap::new();
    }
    let (config, lone) = (context.config(), context.cluster.is_none());
    let topic = |name: &Text| match &**name {
        OFFSETS_TOPIC => offsets_topic(&image, &config.offsets, lone),
        name => with_defaults(name),
    };
    match create(context, missing.iter().map(topic).collect()).await {
        Ok(results) => missing
            .into_iter()
            .zip(results)
            .filter_map(|(name, result)| match result {
                Ok(()) => None,
                Err(error) if error.code == ErrorCode::TopicAlreadyExists => None,
                Err(error) => Some((name, error.code)),
            })
            .collect(),
        // Clients ask again.
        Err(_) => missing.into_iter().map(|name| (name, ErrorCode::LeaderNotAvailable)).collect(),
    }
}

/// Of the broker's own topics only that of the offsets is used, so only it is created.
fn may_be_created(name: &str) -> bool {
    validate_topic_name(name).is_ok() && (!is_internal_topic(name) || name == OFFSETS_TOPIC)
}

fn with_defaults(name: &str) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn brokers(view: ClusterView<'_>) -> Vec<MetadataResponseBroker> {
    view.brokers()
        .map(|broker| MetadataResponseBroker {
            node_id: broker.node.0,
            host: broker.endpoint.host.clone().into(),
            port: i32::from(broker.endpoint.port),
            rack: broker.rack.map(|rack| rack.to_owned().into()),
            ..Default::default()
        })
        .collect()
}

fn describe(
    view: ClusterView<'_>,
    topic: &TopicImage,
    index: PartitionIndex,
    partition: &PartitionImage,
    standings: &Standings,
    version: i16,
) -> MetadataResponsePartition {
    let id = PartitionId { topic: topic.id, index };
    let seen = view.partition(id, partition, standings);
    // Version 0 leaves out replicas that cannot be reached, and says so.
    let hidden = version == 0 && seen.replicas.iter().any(|&node| !view.reaches(node));
    let error = match seen.leader {
        Err(NoLeader::NoListener) if version >= 6 => ErrorCode::ListenerNotFound,
        Err(NoLeader::NoListener | NoLeader::Unavailable) => ErrorCode::LeaderNotAvailable,
        Ok(_) if hidden => ErrorCode::ReplicaNotAvailable,
        Ok(_) => ErrorCode::None,
    };
    let shown = |nodes: Vec<_>| -> Vec<i32> {
        let nodes: Vec<_> = nodes.into_iter().filter(|&node| version > 0 || view.reaches(node)).collect();
        numbers(&nodes)
    };
    MetadataResponsePartition {
        error_code: error.code(),
        partition_index: index.0,
        leader_id: seen.leader.map_or(-1, |node| node.0),
        leader_epoch: seen.leader_epoch.0,
        replica_nodes: shown(seen.replicas),
        isr_nodes: shown(seen.isr),
        offline_replicas: numbers(&seen.offline),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::metadata_request::MetadataRequestTopic;

    fn request(topics: Option<&[(Option<&str>, TopicId)]>) -> MetadataRequest {
        let topics = topics.map(|topics| {
            let topic = |&(name, topic_id): &(Option<&str>, TopicId)| MetadataRequestTopic {
                topic_id,
                name: name.map(Into::into),
                ..Default::default()
            };
            topics.iter().map(topic).collect()
        });
        MetadataRequest { topics, ..MetadataRequest::default() }
    }

    #[test]
    fn none_means_all_in_version_0_only() {
        assert!(matches!(asked(&request(Some(&[])), 0), Asked::All));
        assert!(matches!(asked(&request(Some(&[])), 1), Asked::Names(names) if names.is_empty()));
        assert!(matches!(asked(&request(None), 1), Asked::All));
    }

    #[test]
    fn ids_outweigh_names_and_each_is_answered_once() {
        let id = TopicId([3; 16]);
        let both = request(Some(&[(Some("a"), TopicId::ZERO), (None, id), (None, id)]));
        assert!(matches!(asked(&both, 12), Asked::Ids(ids) if ids == [id]));
        let names = request(Some(&[(Some("a"), TopicId::ZERO), (Some("a"), TopicId::ZERO)]));
        assert!(matches!(asked(&names, 12), Asked::Names(names) if names == ["a"]));
    }

    #[test]
    fn ids_are_refused_before_version_12() {
        let by_id = request(Some(&[(None, TopicId([3; 16]))]));
        let refusal = refuse(&by_id, 11).expect("refused");
        assert_eq!(refusal.topics[0].error_code, ErrorCode::InvalidRequest.code());
        assert_eq!(refusal.topics[0].name.as_deref(), Some(""));
        assert!(refuse(&by_id, 12).is_none());
        assert!(refuse(&request(None), 10).is_none());
    }

    #[test]
    fn only_names_of_users_topics_and_of_the_offsets_are_created() {
        assert!(may_be_created("orders") && may_be_created(OFFSETS_TOPIC));
        assert!(!may_be_created("not/allowed") && !may_be_created("__transaction_state"));
        assert_eq!(absent("not/allowed"), ErrorCode::InvalidTopicException);
        assert_eq!(absent("orders"), ErrorCode::UnknownTopicOrPartition);
    }
}
