//! The administration of a whole node on real sockets and files, driven by wire bytes.
#![cfg(all(feature = "runtime", unix))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of the real twins")]
mod common;

use std::time::Duration;

use common::over_io::{IoClient, start};
use ordain::types::{ErrorCode, TopicId};
use ordain::wire::ApiRequest;
use ordain::wire::messages::*;

struct Client(IoClient);

impl Client {
    async fn ask<R: ApiRequest>(&mut self, version: i16, request: R) -> R::Response {
        self.0.ask(version, &request).await
    }

    async fn create(&mut self, name: &str, configs: &[(&str, &str)]) -> CreateTopicsResponse {
        use create_topics_request::{CreatableTopic, CreatableTopicConfig};
        let config = |&(name, value): &(&str, &str)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: 2,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        self.ask(7, request).await
    }

    async fn metadata(&mut self, name: &str, create: bool) -> metadata_response::MetadataResponseTopic {
        let topic = metadata_request::MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let response = self.ask(12, request).await;
        assert_eq!((response.brokers.len(), response.controller_id), (1, response.brokers[0].node_id));
        response.topics.into_iter().next().expect("one topic is asked for")
    }

    async fn config(&mut self, topic: &str, key: &str) -> Option<String> {
        let resource = describe_configs_request::DescribeConfigsResource {
            resource_type: 2,
            resource_name: topic.into(),
            configuration_keys: Some(vec![key.into()]),
            ..Default::default()
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        let response = self.ask(4, request).await;
        assert_eq!(response.results[0].error_code, 0);
        response.results[0].configs[0].value.as_ref().map(ToString::to_string)
    }

    async fn set(&mut self, topic: &str, key: &str, operation: i8, value: &str) -> i16 {
        use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
        let config = AlterableConfig {
            name: key.into(),
            config_operation: operation,
            value: Some(value.into()),
            ..Default::default()
        };
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: topic.into(),
            configs: vec![config],
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        self.ask(1, request).await.responses[0].error_code
    }

    async fn delete_records(&mut self, topic: &str, offset: i64) -> (i64, i16) {
        use delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
        let partition = DeleteRecordsPartition { partition_index: 0, offset, ..Default::default() };
        let topic =
            DeleteRecordsTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let response = self.ask(2, request).await;
        let partition = &response.topics[0].partitions[0];
        (partition.low_watermark, partition.error_code)
    }
}

fn with_node<F: Future<Output = ()>>(test: impl FnOnce(Client) -> F) {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let (io, node) = start(directory.path(), &[]).await;
        let client = Client(IoClient::connect(&io, &node).await);
        tokio::time::timeout(Duration::from_secs(30), test(client)).await.expect("within 30 seconds");
        node.shutdown().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

#[test]
fn a_topic_lives_and_dies() {
    with_node(|mut client| async move {
        let created = client.create("orders", &[("retention.ms", "5000")]).await;
        let topic = &created.topics[0];
        assert_eq!((topic.error_code, topic.error_message.as_ref()), (0, None));
        assert_eq!((topic.num_partitions, topic.replication_factor), (2, 1));
        let retention =
            topic.configs.as_ref().unwrap().iter().find(|one| one.name == "retention.ms").unwrap();
        assert_eq!((retention.value.as_deref(), retention.config_source), (Some("5000"), 1));
        assert_eq!(
            client.create("orders", &[]).await.topics[0].error_code,
            ErrorCode::TopicAlreadyExists.code()
        );
        let seen = client.metadata("orders", false).await;
        assert_eq!((seen.error_code, seen.topic_id, seen.partitions.len()), (0, topic.topic_id, 2));
        assert!(seen.partitions.iter().all(|one| one.error_code == 0 && one.leader_id >= 0));

        let more = create_partitions_request::CreatePartitionsTopic {
            name: "orders".into(),
            count: 3,
            assignments: None,
            ..Default::default()
        };
        let request =
            CreatePartitionsRequest { topics: vec![more], timeout_ms: 10_000, ..Default::default() };
        assert_eq!(client.ask(3, request).await.results[0].error_code, 0);
        let request = DescribeTopicPartitionsRequest { response_partition_limit: 2, ..Default::default() };
        let page = client.ask(0, request).await;
        assert_eq!(page.topics[0].partitions.len(), 2);
        assert_eq!(page.next_cursor.expect("there is more").partition_index, 2);

        let doomed = delete_topics_request::DeleteTopicState {
            name: None,
            topic_id: topic.topic_id,
            ..Default::default()
        };
        let request = DeleteTopicsRequest { topics: vec![doomed], timeout_ms: 10_000, ..Default::default() };
        let deleted = client.ask(6, request).await;
        assert_eq!(
            (deleted.responses[0].name.as_deref(), deleted.responses[0].error_code),
            (Some("orders"), 0)
        );
        let gone = client.metadata("orders", false).await;
        assert_eq!(
            (gone.error_code, gone.topic_id),
            (ErrorCode::UnknownTopicOrPartition.code(), TopicId::ZERO)
        );
    });
}

#[test]
fn asking_for_a_topic_creates_it_if_it_may() {
    with_node(|mut client| async move {
        let made = client.metadata("made", true).await;
        assert_eq!((made.error_code, made.partitions.len()), (0, 1));
        assert!(!made.is_internal);
        let offsets = client.metadata("__consumer_offsets", true).await;
        assert_eq!((offsets.error_code, offsets.partitions.len(), offsets.is_internal), (0, 50, true));
        assert_eq!(client.config("__consumer_offsets", "cleanup.policy").await.as_deref(), Some("compact"));
        let error = async |client: &mut Client, name| client.metadata(name, true).await.error_code;
        assert_eq!(error(&mut client, "not/allowed").await, ErrorCode::InvalidTopicException.code());
        let transactions = error(&mut client, "__transaction_state").await;
        assert_eq!(transactions, ErrorCode::UnknownTopicOrPartition.code());
    });
}

#[test]
fn settings_change_and_are_told() {
    with_node(|mut client| async move {
        client.create("orders", &[]).await;
        assert_eq!(client.config("orders", "cleanup.policy").await.as_deref(), Some("delete"));
        assert_eq!(client.set("orders", "cleanup.policy", 2, "compact").await, 0);
        assert_eq!(client.config("orders", "cleanup.policy").await.as_deref(), Some("delete,compact"));
        assert_eq!(client.set("orders", "retention.ms", 0, "soon").await, ErrorCode::InvalidConfig.code());
        let unknown = client.set("nowhere", "retention.ms", 0, "5").await;
        assert_eq!(unknown, ErrorCode::UnknownTopicOrPartition.code());

        use alter_configs_request::{AlterConfigsResource, AlterableConfig};
        let config =
            AlterableConfig { name: "segment.ms".into(), value: Some("9".into()), ..Default::default() };
        let replacement = AlterConfigsResource {
            resource_type: 2,
            resource_name: "orders".into(),
            configs: vec![config],
            ..Default::default()
        };
        let request = AlterConfigsRequest { resources: vec![replacement], ..Default::default() };
        assert_eq!(client.ask(2, request).await.responses[0].error_code, 0);
        assert_eq!(client.config("orders", "cleanup.policy").await.as_deref(), Some("delete"));
        assert_eq!(client.config("orders", "segment.ms").await.as_deref(), Some("9"));
    });
}

#[test]
fn a_new_topic_is_told_with_what_was_set_for_brokers_while_they_ran() {
    with_node(|mut client| async move {
        use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
        let config = AlterableConfig {
            name: "log.retention.ms".into(),
            config_operation: 0,
            value: Some("5".into()),
            ..Default::default()
        };
        // Without a name it is for all brokers.
        let all = AlterConfigsResource { resource_type: 4, configs: vec![config], ..Default::default() };
        let request = IncrementalAlterConfigsRequest { resources: vec![all], ..Default::default() };
        assert_eq!(client.ask(1, request).await.responses[0].error_code, 0);
        let created = client.create("orders", &[]).await;
        let configs = created.topics[0].configs.as_ref().unwrap();
        let told = configs.iter().find(|config| &*config.name == "retention.ms").unwrap();
        assert_eq!((told.value.as_deref(), told.config_source), (Some("5"), 3));
        assert_eq!(client.config("orders", "retention.ms").await.as_deref(), Some("5"));
    });
}

#[test]
fn a_node_that_is_alone_reassigns_as_a_broker_that_is() {
    with_node(async |mut client| {
        use alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
        client.create("orders", &[]).await;
        let own = client.metadata("orders", false).await.partitions[0].replica_nodes[0];
        let mut reassign = async |topic: &str, index: i32, replicas: Option<Vec<i32>>| {
            let partition = ReassignablePartition { partition_index: index, replicas, ..Default::default() };
            let topic =
                ReassignableTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
            let request = AlterPartitionReassignmentsRequest {
                timeout_ms: 10_000,
                topics: vec![topic],
                ..Default::default()
            };
            let response = client.ask(1, request).await;
            assert_eq!((response.error_code, response.allow_replication_factor_change), (0, true));
            let told = &response.responses[0].partitions[0];
            assert_eq!((told.partition_index, told.error_code != 0), (index, told.error_message.is_some()));
            ErrorCode::from_code(told.error_code).unwrap()
        };
        assert_eq!(reassign("orders", 0, Some(vec![own])).await, ErrorCode::None);
        assert_eq!(reassign("orders", 1, None).await, ErrorCode::NoReassignmentInProgress);
        for target in [vec![], vec![own, own], vec![own + 1]] {
            assert_eq!(reassign("orders", 0, Some(target)).await, ErrorCode::InvalidReplicaAssignment);
        }
        assert_eq!(reassign("orders", 2, Some(vec![own])).await, ErrorCode::UnknownTopicOrPartition);
        assert_eq!(reassign("others", 0, None).await, ErrorCode::UnknownTopicOrPartition);
        let listed = client.ask(0, ListPartitionReassignmentsRequest::default()).await;
        assert_eq!((listed.error_code, listed.topics.len()), (0, 0));
    });
}

#[test]
fn records_are_deleted_where_the_policy_lets_them() {
    with_node(|mut client| async move {
        client.create("orders", &[]).await;
        client.create("compacted", &[("cleanup.policy", "compact")]).await;
        assert_eq!(client.delete_records("orders", -1).await, (0, 0));
        assert_eq!(client.delete_records("orders", 5).await, (-1, ErrorCode::OffsetOutOfRange.code()));
        assert_eq!(client.delete_records("orders", -2).await, (-1, ErrorCode::OffsetOutOfRange.code()));
        assert_eq!(client.delete_records("compacted", 0).await, (-1, ErrorCode::PolicyViolation.code()));
        assert_eq!(
            client.delete_records("nowhere", 0).await,
            (-1, ErrorCode::UnknownTopicOrPartition.code())
        );
    });
}

#[test]
fn the_node_describes_itself() {
    with_node(|mut client| async move {
        client.create("orders", &[]).await;
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations: true, ..Default::default() };
        let cluster = client.ask(2, request).await;
        assert_eq!((cluster.error_code, cluster.cluster_authorized_operations), (0, 8096));
        assert_eq!((cluster.brokers.len(), cluster.cluster_id.len()), (1, 22));
        let directories = client.ask(4, DescribeLogDirsRequest { topics: None, ..Default::default() }).await;
        let directory = &directories.results[0];
        assert!(directory.error_code == 0 && directory.total_bytes >= directory.usable_bytes);
        assert_eq!((directory.topics.len(), directory.topics[0].partitions.len()), (1, 2));
        let resources = client
            .ask(1, ListConfigResourcesRequest { resource_types: vec![2, 4], ..Default::default() })
            .await;
        let named: Vec<_> =
            resources.config_resources.iter().map(|one| (one.resource_type, &*one.resource_name)).collect();
        let node = cluster.brokers[0].broker_id.to_string();
        assert_eq!(named, [(4, &*node), (2, "orders")]);
        let producers = describe_producers_request::TopicRequest {
            name: "orders".into(),
            partition_indexes: vec![0, 9],
            ..Default::default()
        };
        let producers =
            client.ask(0, DescribeProducersRequest { topics: vec![producers], ..Default::default() }).await;
        let codes: Vec<i16> = producers.topics[0].partitions.iter().map(|one| one.error_code).collect();
        assert_eq!(codes, [0, ErrorCode::UnknownTopicOrPartition.code()]);
        let rules = client.ask(3, DescribeAclsRequest::default()).await;
        assert_eq!(rules.error_code, ErrorCode::SecurityDisabled.code());
        let quotas = client.ask(1, DescribeClientQuotasRequest::default()).await;
        assert_eq!((quotas.error_code, quotas.entries), (0, Some(vec![])));
    });
}

#[test]
fn a_broker_is_forgotten_and_features_are_finalised_in_bounds() {
    with_node(|mut client| async move {
        let unregistered =
            client.ask(0, UnregisterBrokerRequest { broker_id: 77, ..Default::default() }).await;
        assert_eq!(unregistered.error_code, ErrorCode::BrokerIdNotRegistered.code());
        assert!(unregistered.error_message.unwrap().contains("77"));

        use update_features_request::FeatureUpdateKey;
        let update = |level, upgrade_type, validate_only| UpdateFeaturesRequest {
            timeout_ms: 10_000,
            feature_updates: vec![FeatureUpdateKey {
                feature: "metadata.version".into(),
                max_version_level: level,
                upgrade_type,
                ..Default::default()
            }],
            validate_only,
            ..Default::default()
        };
        let refused = client.ask(2, update(29, 1, false)).await;
        assert_eq!(refused.error_code, ErrorCode::InvalidUpdateVersion.code());
        assert!(refused.error_message.unwrap().contains("metadata.version"));
        assert_eq!(client.ask(1, update(31, 1, false)).await.error_code, 95);
        let level = |answer: ApiVersionsResponse| {
            let found = answer.finalized_features.iter().find(|one| *one.name == *"metadata.version");
            found.map(|one| one.max_version_level)
        };
        let ask = || ApiVersionsRequest {
            client_software_name: "test".into(),
            client_software_version: "1".into(),
            ..Default::default()
        };
        // The newest level has changed what the metadata hold: as with Kafka, nobody goes back before it.
        for downgrade in [2, 3] {
            assert_eq!(client.ask(2, update(29, downgrade, false)).await.error_code, 95);
        }
        let dry = client.ask(1, update(30, 1, true)).await;
        assert_eq!((dry.error_code, dry.results.len()), (0, 1));
        let same = client.ask(2, update(30, 1, false)).await;
        assert_eq!((same.error_code, same.results.len()), (0, 0));
        let answer: ApiVersionsResponse = client.ask(3, ask()).await;
        // Nobody is added to the voters of a node that is alone.
        assert!(answer.supported_features.iter().all(|one| *one.name != *"kraft.version"), "{answer:?}");
        assert_eq!(level(answer), Some(30));
    });
}

#[test]
fn a_cluster_of_one_keeps_its_voter_and_its_data_directory() {
    with_node(|mut client| async move {
        let added = client.ask(1, AddRaftVoterRequest { voter_id: 2, ..Default::default() }).await;
        assert_eq!(added.error_code, ErrorCode::UnsupportedVersion.code());
        let removed = client.ask(0, RemoveRaftVoterRequest { voter_id: 1, ..Default::default() }).await;
        assert_eq!(removed.error_code, ErrorCode::UnsupportedVersion.code());

        client.create("orders", &[]).await;
        use alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
        let own = client.ask(1, DescribeLogDirsRequest { topics: None, ..Default::default() }).await;
        let own = own.results[0].log_dir.clone();
        let to = |path: &str, partitions: &[i32]| AlterReplicaLogDir {
            path: path.into(),
            topics: vec![AlterReplicaLogDirTopic {
                name: "orders".into(),
                partitions: partitions.to_vec(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let request = AlterReplicaLogDirsRequest {
            dirs: vec![to("/elsewhere", &[0]), to(&own, &[0, 7]), to("/elsewhere", &[1])],
            ..Default::default()
        };
        let answer = client.ask(2, request).await;
        let codes: Vec<(i32, i16)> =
            answer.results[0].partitions.iter().map(|one| (one.partition_index, one.error_code)).collect();
        let (elsewhere, unknown) =
            (ErrorCode::LogDirNotFound.code(), ErrorCode::UnknownTopicOrPartition.code());
        assert_eq!(
            codes,
            [(0, 0), (1, elsewhere), (7, unknown)],
            "the last path that a partition is asked for counts"
        );
    });
}
