//! One file per API.
pub(super) mod add_raft_voter;
pub(super) mod allocate_producer_ids;
pub(super) mod alter_configs;
pub(super) mod alter_partition;
pub(super) mod alter_partition_reassignments;
pub(super) mod alter_replica_log_dirs;
pub(super) mod api_versions;
pub(super) mod broker_heartbeat;
pub(super) mod broker_registration;
pub(super) mod create_acls;
pub(super) mod create_partitions;
pub(super) mod create_topics;
pub(super) mod delete_acls;
pub(super) mod delete_groups;
pub(super) mod delete_records;
pub(super) mod delete_topics;
pub(super) mod describe_acls;
pub(super) mod describe_client_quotas;
pub(super) mod describe_cluster;
pub(super) mod describe_configs;
pub(super) mod describe_groups;
pub(super) mod describe_log_dirs;
pub(super) mod describe_producers;
pub(super) mod describe_quorum;
pub(super) mod describe_topic_partitions;
pub(super) mod elect_leaders;
pub(super) mod fetch;
pub(super) mod fetch_snapshot;
pub(super) mod find_coordinator;
pub(super) mod heartbeat;
pub(super) mod incremental_alter_configs;
pub(super) mod init_producer_id;
pub(super) mod join_group;
pub(super) mod leave_group;
pub(super) mod leave_partitions;
pub(super) mod list_config_resources;
pub(super) mod list_groups;
pub(super) mod list_offsets;
pub(super) mod list_partition_reassignments;
pub(super) mod metadata;
pub(super) mod offset_commit;
pub(super) mod offset_delete;
pub(super) mod offset_fetch;
pub(super) mod offset_for_leader_epoch;
pub(super) mod produce;
pub(super) mod read_records;
pub(super) mod remove_raft_voter;
pub(super) mod report_voters;
pub(super) mod sync_group;
pub(super) mod unregister_broker;
pub(super) mod update_features;

use crate::metadata::FeatureRanges;

/// The features that a new cluster, or a node that is alone, finalises, with their levels.
pub fn features(alone: bool) -> impl Iterator<Item = (&'static str, i16)> {
    api_versions::features(alone).map(|feature| (feature.name, feature.most))
}

/// The levels of features that this release knows.
#[must_use]
pub fn feature_ranges() -> FeatureRanges {
    let range = |one: &api_versions::Feature| (one.name.to_owned(), (one.least, one.most));
    api_versions::features(false).map(range).collect()
}
