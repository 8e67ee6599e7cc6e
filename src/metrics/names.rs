//! Every name, once.

pub(super) const REQUESTS: &str = "kafka_network_requestmetrics_requests_total";
pub(super) const REQUEST_ERRORS: &str = "kafka_network_requestmetrics_errors_total";
pub(super) const REQUEST_TOTAL_TIME: &str = "kafka_network_requestmetrics_totaltimems";
pub(super) const REQUEST_BYTES: &str = "kafka_network_requestmetrics_requestbytes_total";
pub(super) const RESPONSE_BYTES: &str = "kafka_network_requestmetrics_responsebytes_total";

pub(super) const CONNECTIONS: &str = "kafka_server_socket_server_metrics_connection_count";
pub(super) const CONNECTIONS_OPENED: &str = "kafka_server_socket_server_metrics_connection_creation_total";
pub(super) const CONNECTIONS_REFUSED: &str = "ordain_connections_refused_total";
pub(super) const REQUEST_MEMORY_USED: &str = "kafka_network_socketserver_memorypoolused";
pub(super) const FETCH_MEMORY_USED: &str = "ordain_fetch_memory_used_bytes";
pub(super) const FETCH_MEMORY_AVAILABLE: &str = "ordain_fetch_memory_available_bytes";
pub(super) const TAIL_MEMORY_USED: &str = "ordain_tail_memory_used_bytes";
pub(super) const TAIL_MEMORY_AVAILABLE: &str = "ordain_tail_memory_available_bytes";
pub(super) const REQUEST_MEMORY_AVAILABLE: &str = "kafka_network_socketserver_memorypoolavailable";

pub(super) const MESSAGES_IN: &str = "kafka_server_brokertopicmetrics_messagesin_total";
pub(super) const BYTES_IN: &str = "kafka_server_brokertopicmetrics_bytesin_total";
pub(super) const BYTES_OUT: &str = "kafka_server_brokertopicmetrics_bytesout_total";
pub(super) const BYTES_REJECTED: &str = "kafka_server_brokertopicmetrics_bytesrejected_total";
pub(super) const PRODUCE_REQUESTS: &str = "kafka_server_brokertopicmetrics_totalproducerequests_total";
pub(super) const FETCH_REQUESTS: &str = "kafka_server_brokertopicmetrics_totalfetchrequests_total";
pub(super) const FAILED_PRODUCE: &str = "kafka_server_brokertopicmetrics_failedproducerequests_total";
pub(super) const FAILED_FETCH: &str = "kafka_server_brokertopicmetrics_failedfetchrequests_total";

pub(super) const JOURNAL_COMMITS: &str = "ordain_journal_commits_total";
pub(super) const JOURNAL_ENTRIES: &str = "ordain_journal_entries_total";
pub(super) const JOURNAL_BYTES: &str = "ordain_journal_bytes_total";
pub(super) const JOURNAL_FULL_WAITS: &str = "ordain_journal_full_waits_total";
pub(super) const JOURNAL_QUEUED: &str = "ordain_journal_queued_bytes";
pub(super) const JOURNAL_FILES_LIVE: &str = "ordain_journal_files_live";
pub(super) const JOURNAL_FILES: &str = "ordain_journal_files";
pub(super) const JOURNAL_FAILED: &str = "ordain_journal_failed";
pub(super) const DISK_FULL: &str = "ordain_disk_full";
pub(super) const DISK_FAILS: &str = "ordain_disk_fails";
pub(super) const DISK_SLOW: &str = "ordain_disk_slow";
pub(super) const UNREADABLE_PLACES: &str = "ordain_unreadable_places";
pub(super) const REPAIRED_SEGMENTS: &str = "ordain_repaired_segments";

pub(super) const BROKERS: &str = "kafka_brokers";
pub(super) const BROKER_INFO: &str = "kafka_broker_info";
pub(super) const TOPIC_PARTITIONS: &str = "kafka_topic_partitions";
pub(super) const PARTITION_CURRENT_OFFSET: &str = "kafka_topic_partition_current_offset";
pub(super) const PARTITION_OLDEST_OFFSET: &str = "kafka_topic_partition_oldest_offset";
pub(super) const PARTITION_LEADER: &str = "kafka_topic_partition_leader";
pub(super) const PARTITION_REPLICAS: &str = "kafka_topic_partition_replicas";
pub(super) const PARTITION_IN_SYNC: &str = "kafka_topic_partition_in_sync_replica";
pub(super) const PARTITION_PREFERRED: &str = "kafka_topic_partition_leader_is_preferred";
pub(super) const PARTITION_UNDER_REPLICATED: &str = "kafka_topic_partition_under_replicated_partition";
pub(super) const LOG_START_OFFSET: &str = "kafka_log_log_logstartoffset";
pub(super) const LOG_END_OFFSET: &str = "kafka_log_log_logendoffset";
pub(super) const PARTITION_SIZE: &str = "kafka_log_log_size";
pub(super) const UNDER_REPLICATED: &str = "kafka_server_replicamanager_underreplicatedpartitions";
pub(super) const PARTITION_COUNT: &str = "kafka_server_replicamanager_partitioncount";
pub(super) const LEADER_COUNT: &str = "kafka_server_replicamanager_leadercount";
pub(super) const OFFLINE_PARTITIONS: &str = "kafka_controller_kafkacontroller_offlinepartitionscount";
pub(super) const ACTIVE_CONTROLLERS: &str = "kafka_controller_kafkacontroller_activecontrollercount";
pub(super) const GLOBAL_TOPICS: &str = "kafka_controller_kafkacontroller_globaltopiccount";
pub(super) const GLOBAL_PARTITIONS: &str = "kafka_controller_kafkacontroller_globalpartitioncount";
pub(super) const GROUP_CURRENT_OFFSET: &str = "kafka_consumergroup_current_offset";
pub(super) const GROUP_LAG: &str = "kafka_consumergroup_lag";
pub(super) const GROUP_OFFSET_SUM: &str = "kafka_consumergroup_current_offset_sum";
pub(super) const GROUP_LAG_SUM: &str = "kafka_consumergroup_lag_sum";
pub(super) const GROUP_MEMBERS: &str = "kafka_consumergroup_members";

pub(super) const CLEANER_MAX_CLEAN_TIME: &str = "kafka_log_logcleaner_max_clean_time_secs";
pub(super) const CLEANER_RECOPY_PERCENT: &str = "kafka_log_logcleaner_cleaner_recopy_percent";
pub(super) const CLEANER_BUFFER_UTILIZATION: &str = "kafka_log_logcleaner_max_buffer_utilization_percent";
pub(super) const CLEANER_DEAD_THREADS: &str = "kafka_log_logcleaner_deadthreadcount";
pub(super) const CLEANER_MAX_DIRTY: &str = "kafka_log_logcleanermanager_max_dirty_percent";
pub(super) const CLEANER_SINCE_LAST_RUN: &str = "kafka_log_logcleanermanager_time_since_last_run_ms";
pub(super) const CLEANER_UNCLEANABLE_PARTITIONS: &str =
    "kafka_log_logcleanermanager_uncleanable_partitions_count";
