//! Every message of the schema, one module each.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
pub mod abort_transaction_record;
pub mod add_offsets_to_txn_request;
pub mod add_offsets_to_txn_response;
pub mod add_partitions_to_txn_request;
pub mod add_partitions_to_txn_response;
pub mod add_raft_voter_request;
pub mod add_raft_voter_response;
pub mod allocate_producer_ids_request;
pub mod allocate_producer_ids_response;
pub mod alter_client_quotas_request;
pub mod alter_client_quotas_response;
pub mod alter_configs_request;
pub mod alter_configs_response;
pub mod alter_partition_reassignments_request;
pub mod alter_partition_reassignments_response;
pub mod alter_partition_request;
pub mod alter_partition_response;
pub mod alter_replica_log_dirs_request;
pub mod alter_replica_log_dirs_response;
pub mod alter_share_group_offsets_request;
pub mod alter_share_group_offsets_response;
pub mod alter_user_scram_credentials_request;
pub mod alter_user_scram_credentials_response;
pub mod api_versions_request;
pub mod api_versions_response;
pub mod assign_replicas_to_dirs_request;
pub mod assign_replicas_to_dirs_response;
pub mod begin_quorum_epoch_request;
pub mod begin_quorum_epoch_response;
pub mod begin_transaction_record;
pub mod broker_change_record;
pub mod broker_heartbeat_request;
pub mod broker_heartbeat_response;
pub mod broker_registration_request;
pub mod broker_registration_response;
pub mod cluster_record;
pub mod config_record;
pub mod consumer_group_current_member_assignment_key;
pub mod consumer_group_current_member_assignment_value;
pub mod consumer_group_describe_request;
pub mod consumer_group_describe_response;
pub mod consumer_group_heartbeat_request;
pub mod consumer_group_heartbeat_response;
pub mod consumer_group_member_metadata_key;
pub mod consumer_group_member_metadata_value;
pub mod consumer_group_metadata_key;
pub mod consumer_group_metadata_value;
pub mod consumer_group_partition_metadata_key;
pub mod consumer_group_partition_metadata_value;
pub mod consumer_group_regular_expression_key;
pub mod consumer_group_regular_expression_value;
pub mod consumer_group_target_assignment_member_key;
pub mod consumer_group_target_assignment_member_value;
pub mod consumer_group_target_assignment_metadata_key;
pub mod consumer_group_target_assignment_metadata_value;
pub mod consumer_protocol_assignment;
pub mod consumer_protocol_subscription;
pub mod control_record_type_schema;
pub mod controller_registration_request;
pub mod controller_registration_response;
pub mod create_acls_request;
pub mod create_acls_response;
pub mod create_delegation_token_request;
pub mod create_delegation_token_response;
pub mod create_partitions_request;
pub mod create_partitions_response;
pub mod create_topics_request;
pub mod create_topics_response;
pub mod default_principal_data;
pub mod delete_acls_request;
pub mod delete_acls_response;
pub mod delete_groups_request;
pub mod delete_groups_response;
pub mod delete_records_request;
pub mod delete_records_response;
pub mod delete_share_group_offsets_request;
pub mod delete_share_group_offsets_response;
pub mod delete_share_group_state_request;
pub mod delete_share_group_state_response;
pub mod delete_topics_request;
pub mod delete_topics_response;
pub mod describe_acls_request;
pub mod describe_acls_response;
pub mod describe_client_quotas_request;
pub mod describe_client_quotas_response;
pub mod describe_cluster_request;
pub mod describe_cluster_response;
pub mod describe_configs_request;
pub mod describe_configs_response;
pub mod describe_delegation_token_request;
pub mod describe_delegation_token_response;
pub mod describe_groups_request;
pub mod describe_groups_response;
pub mod describe_log_dirs_request;
pub mod describe_log_dirs_response;
pub mod describe_producers_request;
pub mod describe_producers_response;
pub mod describe_quorum_request;
pub mod describe_quorum_response;
pub mod describe_share_group_offsets_request;
pub mod describe_share_group_offsets_response;
pub mod describe_topic_partitions_request;
pub mod describe_topic_partitions_response;
pub mod describe_transactions_request;
pub mod describe_transactions_response;
pub mod describe_user_scram_credentials_request;
pub mod describe_user_scram_credentials_response;
pub mod elect_leaders_request;
pub mod elect_leaders_response;
pub mod end_quorum_epoch_request;
pub mod end_quorum_epoch_response;
pub mod end_transaction_record;
pub mod end_txn_marker;
pub mod end_txn_request;
pub mod end_txn_response;
pub mod envelope_request;
pub mod envelope_response;
pub mod expire_delegation_token_request;
pub mod expire_delegation_token_response;
pub mod feature_level_record;
pub mod fetch_request;
pub mod fetch_response;
pub mod fetch_snapshot_request;
pub mod fetch_snapshot_response;
pub mod find_coordinator_request;
pub mod find_coordinator_response;
pub mod get_telemetry_subscriptions_request;
pub mod get_telemetry_subscriptions_response;
pub mod group_metadata_key;
pub mod group_metadata_value;
pub mod heartbeat_request;
pub mod heartbeat_response;
pub mod incremental_alter_configs_request;
pub mod incremental_alter_configs_response;
pub mod init_producer_id_request;
pub mod init_producer_id_response;
pub mod initialize_share_group_state_request;
pub mod initialize_share_group_state_response;
pub mod join_group_request;
pub mod join_group_response;
pub mod kraft_version_record;
pub mod leader_change_message;
pub mod leave_group_request;
pub mod leave_group_response;
pub mod leave_partitions_request;
pub mod leave_partitions_response;
pub mod legacy_offset_commit_key;
pub mod legacy_offset_commit_value;
pub mod list_config_resources_request;
pub mod list_config_resources_response;
pub mod list_groups_request;
pub mod list_groups_response;
pub mod list_offsets_request;
pub mod list_offsets_response;
pub mod list_partition_reassignments_request;
pub mod list_partition_reassignments_response;
pub mod list_transactions_request;
pub mod list_transactions_response;
pub mod metadata_request;
pub mod metadata_response;
pub mod offset_commit_key;
pub mod offset_commit_request;
pub mod offset_commit_response;
pub mod offset_commit_value;
pub mod offset_delete_request;
pub mod offset_delete_response;
pub mod offset_fetch_request;
pub mod offset_fetch_response;
pub mod offset_for_leader_epoch_request;
pub mod offset_for_leader_epoch_response;
pub mod partition_change_record;
pub mod partition_reassignment_record;
pub mod partition_record;
pub mod peer_fetch;
pub mod peer_fetch_reply;
pub mod peer_hello;
pub mod peer_hello_reply;
pub mod peer_introduction;
pub mod peer_messages;
pub mod peer_request;
pub mod peer_response;
pub mod produce_request;
pub mod produce_response;
pub mod producer_ids_record;
pub mod push_telemetry_request;
pub mod push_telemetry_response;
pub mod quorum_record;
pub mod read_records_request;
pub mod read_records_response;
pub mod read_share_group_state_request;
pub mod read_share_group_state_response;
pub mod read_share_group_state_summary_request;
pub mod read_share_group_state_summary_response;
pub mod register_broker_record;
pub mod remove_broker_record;
pub mod remove_raft_voter_request;
pub mod remove_raft_voter_response;
pub mod remove_topic_record;
pub mod renew_delegation_token_request;
pub mod renew_delegation_token_response;
pub mod report_voters_request;
pub mod report_voters_response;
pub mod request_header;
pub mod response_header;
pub mod sasl_authenticate_request;
pub mod sasl_authenticate_response;
pub mod sasl_handshake_request;
pub mod sasl_handshake_response;
pub mod share_acknowledge_request;
pub mod share_acknowledge_response;
pub mod share_fetch_request;
pub mod share_fetch_response;
pub mod share_group_current_member_assignment_key;
pub mod share_group_current_member_assignment_value;
pub mod share_group_describe_request;
pub mod share_group_describe_response;
pub mod share_group_heartbeat_request;
pub mod share_group_heartbeat_response;
pub mod share_group_member_metadata_key;
pub mod share_group_member_metadata_value;
pub mod share_group_metadata_key;
pub mod share_group_metadata_value;
pub mod share_group_state_partition_metadata_key;
pub mod share_group_state_partition_metadata_value;
pub mod share_group_target_assignment_member_key;
pub mod share_group_target_assignment_member_value;
pub mod share_group_target_assignment_metadata_key;
pub mod share_group_target_assignment_metadata_value;
pub mod share_snapshot_key;
pub mod share_snapshot_value;
pub mod share_update_key;
pub mod share_update_value;
pub mod snapshot_footer_record;
pub mod snapshot_header_record;
pub mod streams_group_current_member_assignment_key;
pub mod streams_group_current_member_assignment_value;
pub mod streams_group_describe_request;
pub mod streams_group_describe_response;
pub mod streams_group_heartbeat_request;
pub mod streams_group_heartbeat_response;
pub mod streams_group_member_metadata_key;
pub mod streams_group_member_metadata_value;
pub mod streams_group_metadata_key;
pub mod streams_group_metadata_value;
pub mod streams_group_target_assignment_member_key;
pub mod streams_group_target_assignment_member_value;
pub mod streams_group_target_assignment_metadata_key;
pub mod streams_group_target_assignment_metadata_value;
pub mod streams_group_topology_key;
pub mod streams_group_topology_value;
pub mod sync_group_request;
pub mod sync_group_response;
pub mod topic_record;
pub mod transaction_log_key;
pub mod transaction_log_value;
pub mod txn_offset_commit_request;
pub mod txn_offset_commit_response;
pub mod unregister_broker_request;
pub mod unregister_broker_response;
pub mod update_features_request;
pub mod update_features_response;
pub mod update_raft_voter_request;
pub mod update_raft_voter_response;
pub mod vote_request;
pub mod vote_response;
pub mod voters_record;
pub mod write_share_group_state_request;
pub mod write_share_group_state_response;
pub mod write_txn_markers_request;
pub mod write_txn_markers_response;

pub use abort_transaction_record::AbortTransactionRecord;
pub use add_offsets_to_txn_request::AddOffsetsToTxnRequest;
pub use add_offsets_to_txn_response::AddOffsetsToTxnResponse;
pub use add_partitions_to_txn_request::AddPartitionsToTxnRequest;
pub use add_partitions_to_txn_response::AddPartitionsToTxnResponse;
pub use add_raft_voter_request::AddRaftVoterRequest;
pub use add_raft_voter_response::AddRaftVoterResponse;
pub use allocate_producer_ids_request::AllocateProducerIdsRequest;
pub use allocate_producer_ids_response::AllocateProducerIdsResponse;
pub use alter_client_quotas_request::AlterClientQuotasRequest;
pub use alter_client_quotas_response::AlterClientQuotasResponse;
pub use alter_configs_request::AlterConfigsRequest;
pub use alter_configs_response::AlterConfigsResponse;
pub use alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
pub use alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;
pub use alter_partition_request::AlterPartitionRequest;
pub use alter_partition_response::AlterPartitionResponse;
pub use alter_replica_log_dirs_request::AlterReplicaLogDirsRequest;
pub use alter_replica_log_dirs_response::AlterReplicaLogDirsResponse;
pub use alter_share_group_offsets_request::AlterShareGroupOffsetsRequest;
pub use alter_share_group_offsets_response::AlterShareGroupOffsetsResponse;
pub use alter_user_scram_credentials_request::AlterUserScramCredentialsRequest;
pub use alter_user_scram_credentials_response::AlterUserScramCredentialsResponse;
pub use api_versions_request::ApiVersionsRequest;
pub use api_versions_response::ApiVersionsResponse;
pub use assign_replicas_to_dirs_request::AssignReplicasToDirsRequest;
pub use assign_replicas_to_dirs_response::AssignReplicasToDirsResponse;
pub use begin_quorum_epoch_request::BeginQuorumEpochRequest;
pub use begin_quorum_epoch_response::BeginQuorumEpochResponse;
pub use begin_transaction_record::BeginTransactionRecord;
pub use broker_change_record::BrokerChangeRecord;
pub use broker_heartbeat_request::BrokerHeartbeatRequest;
pub use broker_heartbeat_response::BrokerHeartbeatResponse;
pub use broker_registration_request::BrokerRegistrationRequest;
pub use broker_registration_response::BrokerRegistrationResponse;
pub use cluster_record::ClusterRecord;
pub use config_record::ConfigRecord;
pub use consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey;
pub use consumer_group_current_member_assignment_value::ConsumerGroupCurrentMemberAssignmentValue;
pub use consumer_group_describe_request::ConsumerGroupDescribeRequest;
pub use consumer_group_describe_response::ConsumerGroupDescribeResponse;
pub use consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
pub use consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
pub use consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey;
pub use consumer_group_member_metadata_value::ConsumerGroupMemberMetadataValue;
pub use consumer_group_metadata_key::ConsumerGroupMetadataKey;
pub use consumer_group_metadata_value::ConsumerGroupMetadataValue;
pub use consumer_group_partition_metadata_key::ConsumerGroupPartitionMetadataKey;
pub use consumer_group_partition_metadata_value::ConsumerGroupPartitionMetadataValue;
pub use consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey;
pub use consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;
pub use consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey;
pub use consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue;
pub use consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey;
pub use consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue;
pub use consumer_protocol_assignment::ConsumerProtocolAssignment;
pub use consumer_protocol_subscription::ConsumerProtocolSubscription;
pub use control_record_type_schema::ControlRecordTypeSchema;
pub use controller_registration_request::ControllerRegistrationRequest;
pub use controller_registration_response::ControllerRegistrationResponse;
pub use create_acls_request::CreateAclsRequest;
pub use create_acls_response::CreateAclsResponse;
pub use create_delegation_token_request::CreateDelegationTokenRequest;
pub use create_delegation_token_response::CreateDelegationTokenResponse;
pub use create_partitions_request::CreatePartitionsRequest;
pub use create_partitions_response::CreatePartitionsResponse;
pub use create_topics_request::CreateTopicsRequest;
pub use create_topics_response::CreateTopicsResponse;
pub use default_principal_data::DefaultPrincipalData;
pub use delete_acls_request::DeleteAclsRequest;
pub use delete_acls_response::DeleteAclsResponse;
pub use delete_groups_request::DeleteGroupsRequest;
pub use delete_groups_response::DeleteGroupsResponse;
pub use delete_records_request::DeleteRecordsRequest;
pub use delete_records_response::DeleteRecordsResponse;
pub use delete_share_group_offsets_request::DeleteShareGroupOffsetsRequest;
pub use delete_share_group_offsets_response::DeleteShareGroupOffsetsResponse;
pub use delete_share_group_state_request::DeleteShareGroupStateRequest;
pub use delete_share_group_state_response::DeleteShareGroupStateResponse;
pub use delete_topics_request::DeleteTopicsRequest;
pub use delete_topics_response::DeleteTopicsResponse;
pub use describe_acls_request::DescribeAclsRequest;
pub use describe_acls_response::DescribeAclsResponse;
pub use describe_client_quotas_request::DescribeClientQuotasRequest;
pub use describe_client_quotas_response::DescribeClientQuotasResponse;
pub use describe_cluster_request::DescribeClusterRequest;
pub use describe_cluster_response::DescribeClusterResponse;
pub use describe_configs_request::DescribeConfigsRequest;
pub use describe_configs_response::DescribeConfigsResponse;
pub use describe_delegation_token_request::DescribeDelegationTokenRequest;
pub use describe_delegation_token_response::DescribeDelegationTokenResponse;
pub use describe_groups_request::DescribeGroupsRequest;
pub use describe_groups_response::DescribeGroupsResponse;
pub use describe_log_dirs_request::DescribeLogDirsRequest;
pub use describe_log_dirs_response::DescribeLogDirsResponse;
pub use describe_producers_request::DescribeProducersRequest;
pub use describe_producers_response::DescribeProducersResponse;
pub use describe_quorum_request::DescribeQuorumRequest;
pub use describe_quorum_response::DescribeQuorumResponse;
pub use describe_share_group_offsets_request::DescribeShareGroupOffsetsRequest;
pub use describe_share_group_offsets_response::DescribeShareGroupOffsetsResponse;
pub use describe_topic_partitions_request::DescribeTopicPartitionsRequest;
pub use describe_topic_partitions_response::DescribeTopicPartitionsResponse;
pub use describe_transactions_request::DescribeTransactionsRequest;
pub use describe_transactions_response::DescribeTransactionsResponse;
pub use describe_user_scram_credentials_request::DescribeUserScramCredentialsRequest;
pub use describe_user_scram_credentials_response::DescribeUserScramCredentialsResponse;
pub use elect_leaders_request::ElectLeadersRequest;
pub use elect_leaders_response::ElectLeadersResponse;
pub use end_quorum_epoch_request::EndQuorumEpochRequest;
pub use end_quorum_epoch_response::EndQuorumEpochResponse;
pub use end_transaction_record::EndTransactionRecord;
pub use end_txn_marker::EndTxnMarker;
pub use end_txn_request::EndTxnRequest;
pub use end_txn_response::EndTxnResponse;
pub use envelope_request::EnvelopeRequest;
pub use envelope_response::EnvelopeResponse;
pub use expire_delegation_token_request::ExpireDelegationTokenRequest;
pub use expire_delegation_token_response::ExpireDelegationTokenResponse;
pub use feature_level_record::FeatureLevelRecord;
pub use fetch_request::FetchRequest;
pub use fetch_response::FetchResponse;
pub use fetch_snapshot_request::FetchSnapshotRequest;
pub use fetch_snapshot_response::FetchSnapshotResponse;
pub use find_coordinator_request::FindCoordinatorRequest;
pub use find_coordinator_response::FindCoordinatorResponse;
pub use get_telemetry_subscriptions_request::GetTelemetrySubscriptionsRequest;
pub use get_telemetry_subscriptions_response::GetTelemetrySubscriptionsResponse;
pub use group_metadata_key::GroupMetadataKey;
pub use group_metadata_value::GroupMetadataValue;
pub use heartbeat_request::HeartbeatRequest;
pub use heartbeat_response::HeartbeatResponse;
pub use incremental_alter_configs_request::IncrementalAlterConfigsRequest;
pub use incremental_alter_configs_response::IncrementalAlterConfigsResponse;
pub use init_producer_id_request::InitProducerIdRequest;
pub use init_producer_id_response::InitProducerIdResponse;
pub use initialize_share_group_state_request::InitializeShareGroupStateRequest;
pub use initialize_share_group_state_response::InitializeShareGroupStateResponse;
pub use join_group_request::JoinGroupRequest;
pub use join_group_response::JoinGroupResponse;
pub use kraft_version_record::KRaftVersionRecord;
pub use leader_change_message::LeaderChangeMessage;
pub use leave_group_request::LeaveGroupRequest;
pub use leave_group_response::LeaveGroupResponse;
pub use leave_partitions_request::LeavePartitionsRequest;
pub use leave_partitions_response::LeavePartitionsResponse;
pub use legacy_offset_commit_key::LegacyOffsetCommitKey;
pub use legacy_offset_commit_value::LegacyOffsetCommitValue;
pub use list_config_resources_request::ListConfigResourcesRequest;
pub use list_config_resources_response::ListConfigResourcesResponse;
pub use list_groups_request::ListGroupsRequest;
pub use list_groups_response::ListGroupsResponse;
pub use list_offsets_request::ListOffsetsRequest;
pub use list_offsets_response::ListOffsetsResponse;
pub use list_partition_reassignments_request::ListPartitionReassignmentsRequest;
pub use list_partition_reassignments_response::ListPartitionReassignmentsResponse;
pub use list_transactions_request::ListTransactionsRequest;
pub use list_transactions_response::ListTransactionsResponse;
pub use metadata_request::MetadataRequest;
pub use metadata_response::MetadataResponse;
pub use offset_commit_key::OffsetCommitKey;
pub use offset_commit_request::OffsetCommitRequest;
pub use offset_commit_response::OffsetCommitResponse;
pub use offset_commit_value::OffsetCommitValue;
pub use offset_delete_request::OffsetDeleteRequest;
pub use offset_delete_response::OffsetDeleteResponse;
pub use offset_fetch_request::OffsetFetchRequest;
pub use offset_fetch_response::OffsetFetchResponse;
pub use offset_for_leader_epoch_request::OffsetForLeaderEpochRequest;
pub use offset_for_leader_epoch_response::OffsetForLeaderEpochResponse;
pub use partition_change_record::PartitionChangeRecord;
pub use partition_reassignment_record::PartitionReassignmentRecord;
pub use partition_record::PartitionRecord;
pub use peer_fetch::PeerFetch;
pub use peer_fetch_reply::PeerFetchReply;
pub use peer_hello::PeerHello;
pub use peer_hello_reply::PeerHelloReply;
pub use peer_introduction::PeerIntroduction;
pub use peer_messages::PeerMessages;
pub use peer_request::PeerRequest;
pub use peer_response::PeerResponse;
pub use produce_request::ProduceRequest;
pub use produce_response::ProduceResponse;
pub use producer_ids_record::ProducerIdsRecord;
pub use push_telemetry_request::PushTelemetryRequest;
pub use push_telemetry_response::PushTelemetryResponse;
pub use quorum_record::QuorumRecord;
pub use read_records_request::ReadRecordsRequest;
pub use read_records_response::ReadRecordsResponse;
pub use read_share_group_state_request::ReadShareGroupStateRequest;
pub use read_share_group_state_response::ReadShareGroupStateResponse;
pub use read_share_group_state_summary_request::ReadShareGroupStateSummaryRequest;
pub use read_share_group_state_summary_response::ReadShareGroupStateSummaryResponse;
pub use register_broker_record::RegisterBrokerRecord;
pub use remove_broker_record::RemoveBrokerRecord;
pub use remove_raft_voter_request::RemoveRaftVoterRequest;
pub use remove_raft_voter_response::RemoveRaftVoterResponse;
pub use remove_topic_record::RemoveTopicRecord;
pub use renew_delegation_token_request::RenewDelegationTokenRequest;
pub use renew_delegation_token_response::RenewDelegationTokenResponse;
pub use report_voters_request::ReportVotersRequest;
pub use report_voters_response::ReportVotersResponse;
pub use request_header::RequestHeader;
pub use response_header::ResponseHeader;
pub use sasl_authenticate_request::SaslAuthenticateRequest;
pub use sasl_authenticate_response::SaslAuthenticateResponse;
pub use sasl_handshake_request::SaslHandshakeRequest;
pub use sasl_handshake_response::SaslHandshakeResponse;
pub use share_acknowledge_request::ShareAcknowledgeRequest;
pub use share_acknowledge_response::ShareAcknowledgeResponse;
pub use share_fetch_request::ShareFetchRequest;
pub use share_fetch_response::ShareFetchResponse;
pub use share_group_current_member_assignment_key::ShareGroupCurrentMemberAssignmentKey;
pub use share_group_current_member_assignment_value::ShareGroupCurrentMemberAssignmentValue;
pub use share_group_describe_request::ShareGroupDescribeRequest;
pub use share_group_describe_response::ShareGroupDescribeResponse;
pub use share_group_heartbeat_request::ShareGroupHeartbeatRequest;
pub use share_group_heartbeat_response::ShareGroupHeartbeatResponse;
pub use share_group_member_metadata_key::ShareGroupMemberMetadataKey;
pub use share_group_member_metadata_value::ShareGroupMemberMetadataValue;
pub use share_group_metadata_key::ShareGroupMetadataKey;
pub use share_group_metadata_value::ShareGroupMetadataValue;
pub use share_group_state_partition_metadata_key::ShareGroupStatePartitionMetadataKey;
pub use share_group_state_partition_metadata_value::ShareGroupStatePartitionMetadataValue;
pub use share_group_target_assignment_member_key::ShareGroupTargetAssignmentMemberKey;
pub use share_group_target_assignment_member_value::ShareGroupTargetAssignmentMemberValue;
pub use share_group_target_assignment_metadata_key::ShareGroupTargetAssignmentMetadataKey;
pub use share_group_target_assignment_metadata_value::ShareGroupTargetAssignmentMetadataValue;
pub use share_snapshot_key::ShareSnapshotKey;
pub use share_snapshot_value::ShareSnapshotValue;
pub use share_update_key::ShareUpdateKey;
pub use share_update_value::ShareUpdateValue;
pub use snapshot_footer_record::SnapshotFooterRecord;
pub use snapshot_header_record::SnapshotHeaderRecord;
pub use streams_group_current_member_assignment_key::StreamsGroupCurrentMemberAssignmentKey;
pub use streams_group_current_member_assignment_value::StreamsGroupCurrentMemberAssignmentValue;
pub use streams_group_describe_request::StreamsGroupDescribeRequest;
pub use streams_group_describe_response::StreamsGroupDescribeResponse;
pub use streams_group_heartbeat_request::StreamsGroupHeartbeatRequest;
pub use streams_group_heartbeat_response::StreamsGroupHeartbeatResponse;
pub use streams_group_member_metadata_key::StreamsGroupMemberMetadataKey;
pub use streams_group_member_metadata_value::StreamsGroupMemberMetadataValue;
pub use streams_group_metadata_key::StreamsGroupMetadataKey;
pub use streams_group_metadata_value::StreamsGroupMetadataValue;
pub use streams_group_target_assignment_member_key::StreamsGroupTargetAssignmentMemberKey;
pub use streams_group_target_assignment_member_value::StreamsGroupTargetAssignmentMemberValue;
pub use streams_group_target_assignment_metadata_key::StreamsGroupTargetAssignmentMetadataKey;
pub use streams_group_target_assignment_metadata_value::StreamsGroupTargetAssignmentMetadataValue;
pub use streams_group_topology_key::StreamsGroupTopologyKey;
pub use streams_group_topology_value::StreamsGroupTopologyValue;
pub use sync_group_request::SyncGroupRequest;
pub use sync_group_response::SyncGroupResponse;
pub use topic_record::TopicRecord;
pub use transaction_log_key::TransactionLogKey;
pub use transaction_log_value::TransactionLogValue;
pub use txn_offset_commit_request::TxnOffsetCommitRequest;
pub use txn_offset_commit_response::TxnOffsetCommitResponse;
pub use unregister_broker_request::UnregisterBrokerRequest;
pub use unregister_broker_response::UnregisterBrokerResponse;
pub use update_features_request::UpdateFeaturesRequest;
pub use update_features_response::UpdateFeaturesResponse;
pub use update_raft_voter_request::UpdateRaftVoterRequest;
pub use update_raft_voter_response::UpdateRaftVoterResponse;
pub use vote_request::VoteRequest;
pub use vote_response::VoteResponse;
pub use voters_record::VotersRecord;
pub use write_share_group_state_request::WriteShareGroupStateRequest;
pub use write_share_group_state_response::WriteShareGroupStateResponse;
pub use write_txn_markers_request::WriteTxnMarkersRequest;
pub use write_txn_markers_response::WriteTxnMarkersResponse;

/// Calls `$m!` with every API: its name, its request and its response.
#[macro_export]
macro_rules! for_each_api {
    ($m:ident) => {
        $m! {
            Produce(ProduceRequest, ProduceResponse),
            Fetch(FetchRequest, FetchResponse),
            ListOffsets(ListOffsetsRequest, ListOffsetsResponse),
            Metadata(MetadataRequest, MetadataResponse),
            OffsetCommit(OffsetCommitRequest, OffsetCommitResponse),
            OffsetFetch(OffsetFetchRequest, OffsetFetchResponse),
            FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse),
            JoinGroup(JoinGroupRequest, JoinGroupResponse),
            Heartbeat(HeartbeatRequest, HeartbeatResponse),
            LeaveGroup(LeaveGroupRequest, LeaveGroupResponse),
            SyncGroup(SyncGroupRequest, SyncGroupResponse),
            DescribeGroups(DescribeGroupsRequest, DescribeGroupsResponse),
            ListGroups(ListGroupsRequest, ListGroupsResponse),
            SaslHandshake(SaslHandshakeRequest, SaslHandshakeResponse),
            ApiVersions(ApiVersionsRequest, ApiVersionsResponse),
            CreateTopics(CreateTopicsRequest, CreateTopicsResponse),
            DeleteTopics(DeleteTopicsRequest, DeleteTopicsResponse),
            DeleteRecords(DeleteRecordsRequest, DeleteRecordsResponse),
            InitProducerId(InitProducerIdRequest, InitProducerIdResponse),
            OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
            AddPartitionsToTxn(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse),
            AddOffsetsToTxn(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse),
            EndTxn(EndTxnRequest, EndTxnResponse),
            WriteTxnMarkers(WriteTxnMarkersRequest, WriteTxnMarkersResponse),
            TxnOffsetCommit(TxnOffsetCommitRequest, TxnOffsetCommitResponse),
            DescribeAcls(DescribeAclsRequest, DescribeAclsResponse),
            CreateAcls(CreateAclsRequest, CreateAclsResponse),
            DeleteAcls(DeleteAclsRequest, DeleteAclsResponse),
            DescribeConfigs(DescribeConfigsRequest, DescribeConfigsResponse),
            AlterConfigs(AlterConfigsRequest, AlterConfigsResponse),
            AlterReplicaLogDirs(AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse),
            DescribeLogDirs(DescribeLogDirsRequest, DescribeLogDirsResponse),
            SaslAuthenticate(SaslAuthenticateRequest, SaslAuthenticateResponse),
            CreatePartitions(CreatePartitionsRequest, CreatePartitionsResponse),
            CreateDelegationToken(CreateDelegationTokenRequest, CreateDelegationTokenResponse),
            RenewDelegationToken(RenewDelegationTokenRequest, RenewDelegationTokenResponse),
            ExpireDelegationToken(ExpireDelegationTokenRequest, ExpireDelegationTokenResponse),
            DescribeDelegationToken(DescribeDelegationTokenRequest, DescribeDelegationTokenResponse),
            DeleteGroups(DeleteGroupsRequest, DeleteGroupsResponse),
            ElectLeaders(ElectLeadersRequest, ElectLeadersResponse),
            IncrementalAlterConfigs(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse),
            AlterPartitionReassignments(AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse),
            ListPartitionReassignments(ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse),
            OffsetDelete(OffsetDeleteRequest, OffsetDeleteResponse),
            DescribeClientQuotas(DescribeClientQuotasRequest, DescribeClientQuotasResponse),
            AlterClientQuotas(AlterClientQuotasRequest, AlterClientQuotasResponse),
            DescribeUserScramCredentials(DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse),
            AlterUserScramCredentials(AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse),
            Vote(VoteRequest, VoteResponse),
            BeginQuorumEpoch(BeginQuorumEpochRequest, BeginQuorumEpochResponse),
            EndQuorumEpoch(EndQuorumEpochRequest, EndQuorumEpochResponse),
            DescribeQuorum(DescribeQuorumRequest, DescribeQuorumResponse),
            AlterPartition(AlterPartitionRequest, AlterPartitionResponse),
            UpdateFeatures(UpdateFeaturesRequest, UpdateFeaturesResponse),
            Envelope(EnvelopeRequest, EnvelopeResponse),
            FetchSnapshot(FetchSnapshotRequest, FetchSnapshotResponse),
            DescribeCluster(DescribeClusterRequest, DescribeClusterResponse),
            DescribeProducers(DescribeProducersRequest, DescribeProducersResponse),
            BrokerRegistration(BrokerRegistrationRequest, BrokerRegistrationResponse),
            BrokerHeartbeat(BrokerHeartbeatRequest, BrokerHeartbeatResponse),
            UnregisterBroker(UnregisterBrokerRequest, UnregisterBrokerResponse),
            DescribeTransactions(DescribeTransactionsRequest, DescribeTransactionsResponse),
            ListTransactions(ListTransactionsRequest, ListTransactionsResponse),
            AllocateProducerIds(AllocateProducerIdsRequest, AllocateProducerIdsResponse),
            ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
            ConsumerGroupDescribe(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
            ControllerRegistration(ControllerRegistrationRequest, ControllerRegistrationResponse),
            GetTelemetrySubscriptions(GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse),
            PushTelemetry(PushTelemetryRequest, PushTelemetryResponse),
            AssignReplicasToDirs(AssignReplicasToDirsRequest, AssignReplicasToDirsResponse),
            ListConfigResources(ListConfigResourcesRequest, ListConfigResourcesResponse),
            DescribeTopicPartitions(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse),
            ShareGroupHeartbeat(ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse),
            ShareGroupDescribe(ShareGroupDescribeRequest, ShareGroupDescribeResponse),
            ShareFetch(ShareFetchRequest, ShareFetchResponse),
            ShareAcknowledge(ShareAcknowledgeRequest, ShareAcknowledgeResponse),
            AddRaftVoter(AddRaftVoterRequest, AddRaftVoterResponse),
            RemoveRaftVoter(RemoveRaftVoterRequest, RemoveRaftVoterResponse),
            UpdateRaftVoter(UpdateRaftVoterRequest, UpdateRaftVoterResponse),
            InitializeShareGroupState(InitializeShareGroupStateRequest, InitializeShareGroupStateResponse),
            ReadShareGroupState(ReadShareGroupStateRequest, ReadShareGroupStateResponse),
            WriteShareGroupState(WriteShareGroupStateRequest, WriteShareGroupStateResponse),
            DeleteShareGroupState(DeleteShareGroupStateRequest, DeleteShareGroupStateResponse),
            ReadShareGroupStateSummary(ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse),
            StreamsGroupHeartbeat(StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse),
            StreamsGroupDescribe(StreamsGroupDescribeRequest, StreamsGroupDescribeResponse),
            DescribeShareGroupOffsets(DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse),
            AlterShareGroupOffsets(AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse),
            DeleteShareGroupOffsets(DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse),
            ReportVoters(ReportVotersRequest, ReportVotersResponse),
            LeavePartitions(LeavePartitionsRequest, LeavePartitionsResponse),
            ReadRecords(ReadRecordsRequest, ReadRecordsResponse),
        }
    };
}
pub(crate) use for_each_api;

/// Calls `$m!` with every message there is.
#[macro_export]
macro_rules! for_each_message {
    ($m:ident) => {
        $m! {
            AbortTransactionRecord,
            AddOffsetsToTxnRequest,
            AddOffsetsToTxnResponse,
            AddPartitionsToTxnRequest,
            AddPartitionsToTxnResponse,
            AddRaftVoterRequest,
            AddRaftVoterResponse,
            AllocateProducerIdsRequest,
            AllocateProducerIdsResponse,
            AlterClientQuotasRequest,
            AlterClientQuotasResponse,
            AlterConfigsRequest,
            AlterConfigsResponse,
            AlterPartitionReassignmentsRequest,
            AlterPartitionReassignmentsResponse,
            AlterPartitionRequest,
            AlterPartitionResponse,
            AlterReplicaLogDirsRequest,
            AlterReplicaLogDirsResponse,
            AlterShareGroupOffsetsRequest,
            AlterShareGroupOffsetsResponse,
            AlterUserScramCredentialsRequest,
            AlterUserScramCredentialsResponse,
            ApiVersionsRequest,
            ApiVersionsResponse,
            AssignReplicasToDirsRequest,
            AssignReplicasToDirsResponse,
            BeginQuorumEpochRequest,
            BeginQuorumEpochResponse,
            BeginTransactionRecord,
            BrokerChangeRecord,
            BrokerHeartbeatRequest,
            BrokerHeartbeatResponse,
            BrokerRegistrationRequest,
            BrokerRegistrationResponse,
            ClusterRecord,
            ConfigRecord,
            ConsumerGroupCurrentMemberAssignmentKey,
            ConsumerGroupCurrentMemberAssignmentValue,
            ConsumerGroupDescribeRequest,
            ConsumerGroupDescribeResponse,
            ConsumerGroupHeartbeatRequest,
            ConsumerGroupHeartbeatResponse,
            ConsumerGroupMemberMetadataKey,
            ConsumerGroupMemberMetadataValue,
            ConsumerGroupMetadataKey,
            ConsumerGroupMetadataValue,
            ConsumerGroupPartitionMetadataKey,
            ConsumerGroupPartitionMetadataValue,
            ConsumerGroupRegularExpressionKey,
            ConsumerGroupRegularExpressionValue,
            ConsumerGroupTargetAssignmentMemberKey,
            ConsumerGroupTargetAssignmentMemberValue,
            ConsumerGroupTargetAssignmentMetadataKey,
            ConsumerGroupTargetAssignmentMetadataValue,
            ConsumerProtocolAssignment,
            ConsumerProtocolSubscription,
            ControlRecordTypeSchema,
            ControllerRegistrationRequest,
            ControllerRegistrationResponse,
            CreateAclsRequest,
            CreateAclsResponse,
            CreateDelegationTokenRequest,
            CreateDelegationTokenResponse,
            CreatePartitionsRequest,
            CreatePartitionsResponse,
            CreateTopicsRequest,
            CreateTopicsResponse,
            DefaultPrincipalData,
            DeleteAclsRequest,
            DeleteAclsResponse,
            DeleteGroupsRequest,
            DeleteGroupsResponse,
            DeleteRecordsRequest,
            DeleteRecordsResponse,
            DeleteShareGroupOffsetsRequest,
            DeleteShareGroupOffsetsResponse,
            DeleteShareGroupStateRequest,
            DeleteShareGroupStateResponse,
            DeleteTopicsRequest,
            DeleteTopicsResponse,
            DescribeAclsRequest,
            DescribeAclsResponse,
            DescribeClientQuotasRequest,
            DescribeClientQuotasResponse,
            DescribeClusterRequest,
            DescribeClusterResponse,
            DescribeConfigsRequest,
            DescribeConfigsResponse,
            DescribeDelegationTokenRequest,
            DescribeDelegationTokenResponse,
            DescribeGroupsRequest,
            DescribeGroupsResponse,
            DescribeLogDirsRequest,
            DescribeLogDirsResponse,
            DescribeProducersRequest,
            DescribeProducersResponse,
            DescribeQuorumRequest,
            DescribeQuorumResponse,
            DescribeShareGroupOffsetsRequest,
            DescribeShareGroupOffsetsResponse,
            DescribeTopicPartitionsRequest,
            DescribeTopicPartitionsResponse,
            DescribeTransactionsRequest,
            DescribeTransactionsResponse,
            DescribeUserScramCredentialsRequest,
            DescribeUserScramCredentialsResponse,
            ElectLeadersRequest,
            ElectLeadersResponse,
            EndQuorumEpochRequest,
            EndQuorumEpochResponse,
            EndTransactionRecord,
            EndTxnMarker,
            EndTxnRequest,
            EndTxnResponse,
            EnvelopeRequest,
            EnvelopeResponse,
            ExpireDelegationTokenRequest,
            ExpireDelegationTokenResponse,
            FeatureLevelRecord,
            FetchRequest,
            FetchResponse,
            FetchSnapshotRequest,
            FetchSnapshotResponse,
            FindCoordinatorRequest,
            FindCoordinatorResponse,
            GetTelemetrySubscriptionsRequest,
            GetTelemetrySubscriptionsResponse,
            GroupMetadataKey,
            GroupMetadataValue,
            HeartbeatRequest,
            HeartbeatResponse,
            IncrementalAlterConfigsRequest,
            IncrementalAlterConfigsResponse,
            InitProducerIdRequest,
            InitProducerIdResponse,
            InitializeShareGroupStateRequest,
            InitializeShareGroupStateResponse,
            JoinGroupRequest,
            JoinGroupResponse,
            KRaftVersionRecord,
            LeaderChangeMessage,
            LeaveGroupRequest,
            LeaveGroupResponse,
            LeavePartitionsRequest,
            LeavePartitionsResponse,
            LegacyOffsetCommitKey,
            LegacyOffsetCommitValue,
            ListConfigResourcesRequest,
            ListConfigResourcesResponse,
            ListGroupsRequest,
            ListGroupsResponse,
            ListOffsetsRequest,
            ListOffsetsResponse,
            ListPartitionReassignmentsRequest,
            ListPartitionReassignmentsResponse,
            ListTransactionsRequest,
            ListTransactionsResponse,
            MetadataRequest,
            MetadataResponse,
            OffsetCommitKey,
            OffsetCommitRequest,
            OffsetCommitResponse,
            OffsetCommitValue,
            OffsetDeleteRequest,
            OffsetDeleteResponse,
            OffsetFetchRequest,
            OffsetFetchResponse,
            OffsetForLeaderEpochRequest,
            OffsetForLeaderEpochResponse,
            PartitionChangeRecord,
            PartitionReassignmentRecord,
            PartitionRecord,
            PeerFetch,
            PeerFetchReply,
            PeerHello,
            PeerHelloReply,
            PeerIntroduction,
            PeerMessages,
            PeerRequest,
            PeerResponse,
            ProduceRequest,
            ProduceResponse,
            ProducerIdsRecord,
            PushTelemetryRequest,
            PushTelemetryResponse,
            QuorumRecord,
            ReadRecordsRequest,
            ReadRecordsResponse,
            ReadShareGroupStateRequest,
            ReadShareGroupStateResponse,
            ReadShareGroupStateSummaryRequest,
            ReadShareGroupStateSummaryResponse,
            RegisterBrokerRecord,
            RemoveBrokerRecord,
            RemoveRaftVoterRequest,
            RemoveRaftVoterResponse,
            RemoveTopicRecord,
            RenewDelegationTokenRequest,
            RenewDelegationTokenResponse,
            ReportVotersRequest,
            ReportVotersResponse,
            RequestHeader,
            ResponseHeader,
            SaslAuthenticateRequest,
            SaslAuthenticateResponse,
            SaslHandshakeRequest,
            SaslHandshakeResponse,
            ShareAcknowledgeRequest,
            ShareAcknowledgeResponse,
            ShareFetchRequest,
            ShareFetchResponse,
            ShareGroupCurrentMemberAssignmentKey,
            ShareGroupCurrentMemberAssignmentValue,
            ShareGroupDescribeRequest,
            ShareGroupDescribeResponse,
            ShareGroupHeartbeatRequest,
            ShareGroupHeartbeatResponse,
            ShareGroupMemberMetadataKey,
            ShareGroupMemberMetadataValue,
            ShareGroupMetadataKey,
            ShareGroupMetadataValue,
            ShareGroupStatePartitionMetadataKey,
            ShareGroupStatePartitionMetadataValue,
            ShareGroupTargetAssignmentMemberKey,
            ShareGroupTargetAssignmentMemberValue,
            ShareGroupTargetAssignmentMetadataKey,
            ShareGroupTargetAssignmentMetadataValue,
            ShareSnapshotKey,
            ShareSnapshotValue,
            ShareUpdateKey,
            ShareUpdateValue,
            SnapshotFooterRecord,
            SnapshotHeaderRecord,
            StreamsGroupCurrentMemberAssignmentKey,
            StreamsGroupCurrentMemberAssignmentValue,
            StreamsGroupDescribeRequest,
            StreamsGroupDescribeResponse,
            StreamsGroupHeartbeatRequest,
            StreamsGroupHeartbeatResponse,
            StreamsGroupMemberMetadataKey,
            StreamsGroupMemberMetadataValue,
            StreamsGroupMetadataKey,
            StreamsGroupMetadataValue,
            StreamsGroupTargetAssignmentMemberKey,
            StreamsGroupTargetAssignmentMemberValue,
            StreamsGroupTargetAssignmentMetadataKey,
            StreamsGroupTargetAssignmentMetadataValue,
            StreamsGroupTopologyKey,
            StreamsGroupTopologyValue,
            SyncGroupRequest,
            SyncGroupResponse,
            TopicRecord,
            TransactionLogKey,
            TransactionLogValue,
            TxnOffsetCommitRequest,
            TxnOffsetCommitResponse,
            UnregisterBrokerRequest,
            UnregisterBrokerResponse,
            UpdateFeaturesRequest,
            UpdateFeaturesResponse,
            UpdateRaftVoterRequest,
            UpdateRaftVoterResponse,
            VoteRequest,
            VoteResponse,
            VotersRecord,
            WriteShareGroupStateRequest,
            WriteShareGroupStateResponse,
            WriteTxnMarkersRequest,
            WriteTxnMarkersResponse,
        }
    };
}
