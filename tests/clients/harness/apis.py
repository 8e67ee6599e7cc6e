"""The API versions that the probes and the harness speak: one row each.

Sources: the protocol's message definitions of Apache Kafka 4.3. Where a version is not flexible,
that is because it is the newest one that shows the same answer with a plainer encoding.
"""

from .wire import Api

_LIST_OFFSETS = "name:s partitions:[{index:i32 epoch:i32 timestamp:i64}]"
_CONFIG_RESULT = "error:i16 message:s? type:i8 name:s"

PRODUCE = Api(
    0, 9, True,
    "transactional_id:s? acks:i16 timeout:i32 topics:[{name:s partitions:[{index:i32 records:r}]}]",
    "topics:[{name:s partitions:[{index:i32 error:i16 base_offset:i64 append_time:i64 "
    "log_start:i64 record_errors:[{index:i32 message:s?}] message:s?}]}] throttle:i32")
PRODUCE_BY_ID = Api(
    0, 13, True,
    "transactional_id:s? acks:i16 timeout:i32 topics:[{id:u partitions:[{index:i32 records:r}]}]",
    "topics:[{id:u partitions:[{index:i32 error:i16 base_offset:i64 append_time:i64 "
    "log_start:i64 record_errors:[{index:i32 message:s?}] message:s?}]}] throttle:i32")
FETCH = Api(
    1, 11, False,
    "replica:i32 max_wait:i32 min_bytes:i32 max_bytes:i32 isolation:i8 session:i32 "
    "session_epoch:i32 topics:[{name:s partitions:[{index:i32 epoch:i32 offset:i64 log_start:i64 "
    "max_bytes:i32}]}] forgotten:[{name:s partitions:[i32]}] rack:s",
    "throttle:i32 error:i16 session:i32 topics:[{name:s partitions:[{index:i32 error:i16 "
    "high_watermark:i64 last_stable:i64 log_start:i64 aborted:[{producer:i64 first:i64}]? "
    "preferred_replica:i32 records:r}]}]")
FETCH_BY_ID = Api(
    1, 13, True,
    "replica:i32 max_wait:i32 min_bytes:i32 max_bytes:i32 isolation:i8 session:i32 "
    "session_epoch:i32 topics:[{id:u partitions:[{index:i32 epoch:i32 offset:i64 "
    "last_epoch:i32 log_start:i64 max_bytes:i32}]}] forgotten:[{id:u partitions:[i32]}] rack:s",
    "throttle:i32 error:i16 session:i32 topics:[{id:u partitions:[{index:i32 error:i16 "
    "high_watermark:i64 last_stable:i64 log_start:i64 aborted:[{producer:i64 first:i64}]? "
    "preferred_replica:i32 records:r}]}]")
LIST_OFFSETS = Api(
    2, 5, False,
    f"replica:i32 isolation:i8 topics:[{{{_LIST_OFFSETS}}}]",
    "throttle:i32 topics:[{name:s partitions:[{index:i32 error:i16 timestamp:i64 offset:i64 "
    "epoch:i32}]}]")
LIST_OFFSETS_10 = Api(
    2, 10, True,
    f"replica:i32 isolation:i8 topics:[{{{_LIST_OFFSETS}}}] timeout:i32",
    "throttle:i32 topics:[{name:s partitions:[{index:i32 error:i16 timestamp:i64 offset:i64 "
    "epoch:i32}]}]")
METADATA = Api(
    3, 12, True,
    "topics:[{id:u name:s?}]? auto_create:bool authorized:bool",
    "throttle:i32 brokers:[{id:i32 host:s port:i32 rack:s?}] cluster:s? controller:i32 "
    "topics:[{error:i16 name:s? id:u internal:bool partitions:[{error:i16 index:i32 leader:i32 "
    "epoch:i32 replicas:[i32] isr:[i32] offline:[i32]}] authorized:i32}]")
OFFSET_COMMIT = Api(
    8, 7, False,
    "group:s generation:i32 member:s instance:s? topics:[{name:s partitions:[{index:i32 "
    "offset:i64 epoch:i32 metadata:s?}]}]",
    "throttle:i32 topics:[{name:s partitions:[{index:i32 error:i16}]}]")
OFFSET_FETCH = Api(
    9, 8, True,
    "groups:[{id:s topics:[{name:s partitions:[i32]}]?}] stable:bool",
    "throttle:i32 groups:[{id:s topics:[{name:s partitions:[{index:i32 offset:i64 epoch:i32 "
    "metadata:s? error:i16}]}] error:i16}]")
FIND_COORDINATOR = Api(
    10, 4, True,
    "type:i8 keys:[s]",
    "throttle:i32 coordinators:[{key:s node:i32 host:s port:i32 error:i16 message:s?}]")
JOIN_GROUP_0 = Api(
    11, 0, False,
    "group:s session:i32 member:s type:s protocols:[{name:s metadata:b}]",
    "error:i16 generation:i32 protocol:s leader:s member:s members:[{member:s metadata:b}]")
JOIN_GROUP = Api(
    11, 5, False,
    "group:s session:i32 rebalance:i32 member:s instance:s? type:s protocols:[{name:s metadata:b}]",
    "throttle:i32 error:i16 generation:i32 protocol:s leader:s member:s "
    "members:[{member:s instance:s? metadata:b}]")
HEARTBEAT = Api(12, 3, False, "group:s generation:i32 member:s instance:s?",
                "throttle:i32 error:i16")
LEAVE_GROUP = Api(13, 3, False, "group:s members:[{member:s instance:s?}]",
                  "throttle:i32 error:i16 members:[{member:s instance:s? error:i16}]")
SYNC_GROUP = Api(
    14, 3, False,
    "group:s generation:i32 member:s instance:s? assignments:[{member:s assignment:b}]",
    "throttle:i32 error:i16 assignment:b")
DESCRIBE_GROUPS = Api(
    15, 6, True,
    "groups:[s] authorized:bool",
    "throttle:i32 groups:[{error:i16 message:s? id:s state:s type:s protocol:s members:[{member:s "
    "instance:s? client:s host:s metadata:b assignment:b}] authorized:i32}]")
LIST_GROUPS = Api(
    16, 5, True,
    "states:[s] types:[s]",
    "throttle:i32 error:i16 groups:[{id:s protocol:s state:s type:s}]")
API_VERSIONS = Api(18, 0, False, "", "error:i16 apis:[{key:i16 min:i16 max:i16}]")
API_VERSIONS_3 = Api(18, 3, True, "name:s version:s",
                     "error:i16 apis:[{key:i16 min:i16 max:i16}] throttle:i32")
CREATE_TOPICS = Api(
    19, 7, True,
    "topics:[{name:s partitions:i32 replication:i16 assignments:[{index:i32 brokers:[i32]}] "
    "configs:[{name:s value:s?}]}] timeout:i32 validate_only:bool",
    "throttle:i32 topics:[{name:s id:u error:i16 message:s? partitions:i32 replication:i16 "
    "configs:[{name:s value:s? read_only:bool source:i8 sensitive:bool}]?}]")
DELETE_TOPICS = Api(
    20, 5, True,
    "topics:[s] timeout:i32",
    "throttle:i32 topics:[{name:s error:i16 message:s?}]")
DELETE_RECORDS = Api(
    21, 1, False,
    "topics:[{name:s partitions:[{index:i32 offset:i64}]}] timeout:i32",
    "throttle:i32 topics:[{name:s partitions:[{index:i32 low_watermark:i64 error:i16}]}]")
INIT_PRODUCER_ID = Api(
    22, 4, True,
    "transactional_id:s? timeout:i32 producer:i64 epoch:i16",
    "throttle:i32 error:i16 producer:i64 producer_epoch:i16")
OFFSET_FOR_LEADER_EPOCH = Api(
    23, 3, False,
    "replica:i32 topics:[{name:s partitions:[{index:i32 current_epoch:i32 epoch:i32}]}]",
    "throttle:i32 topics:[{name:s partitions:[{error:i16 index:i32 epoch:i32 end_offset:i64}]}]")
DESCRIBE_ACLS = Api(
    29, 1, False,
    "type:i8 name:s? pattern:i8 principal:s? host:s? operation:i8 permission:i8",
    "throttle:i32 error:i16 message:s? resources:[{type:i8 name:s pattern:i8 "
    "acls:[{principal:s host:s operation:i8 permission:i8}]}]")
CREATE_ACLS = Api(
    30, 1, False,
    "creations:[{type:i8 name:s pattern:i8 principal:s host:s operation:i8 permission:i8}]",
    "throttle:i32 results:[{error:i16 message:s?}]")
DESCRIBE_CONFIGS = Api(
    32, 3, False,
    "resources:[{type:i8 name:s keys:[s]?}] synonyms:bool documentation:bool",
    "throttle:i32 results:[{error:i16 message:s? type:i8 name:s configs:[{name:s value:s? "
    "read_only:bool source:i8 sensitive:bool synonyms:[{name:s value:s? source:i8}] "
    "config_type:i8 documentation:s?}]}]")
ALTER_CONFIGS = Api(
    33, 1, False,
    "resources:[{type:i8 name:s configs:[{name:s value:s?}]}] validate_only:bool",
    f"throttle:i32 results:[{{{_CONFIG_RESULT}}}]")
DESCRIBE_LOG_DIRS = Api(
    35, 4, True,
    "topics:[{name:s partitions:[i32]}]?",
    "throttle:i32 error:i16 dirs:[{error:i16 dir:s topics:[{name:s partitions:[{index:i32 "
    "size:i64 lag:i64 future:bool}]}] total:i64 usable:i64}]")
CREATE_PARTITIONS = Api(
    37, 1, False,
    "topics:[{name:s count:i32 assignments:[{brokers:[i32]}]?}] timeout:i32 validate_only:bool",
    "throttle:i32 topics:[{name:s error:i16 message:s?}]")
DELETE_GROUPS = Api(42, 1, False, "groups:[s]", "throttle:i32 groups:[{id:s error:i16}]")
INCREMENTAL_ALTER_CONFIGS = Api(
    44, 0, False,
    "resources:[{type:i8 name:s configs:[{name:s operation:i8 value:s?}]}] validate_only:bool",
    f"throttle:i32 results:[{{{_CONFIG_RESULT}}}]")
OFFSET_DELETE = Api(
    47, 0, False,
    "group:s topics:[{name:s partitions:[{index:i32}]}]",
    "error:i16 throttle:i32 topics:[{name:s partitions:[{index:i32 error:i16}]}]")
DESCRIBE_CLIENT_QUOTAS = Api(
    48, 1, True,
    "components:[{type:s match:i8 value:s?}] strict:bool",
    "throttle:i32 error:i16 message:s? entries:[{entity:[{type:s name:s?}] "
    "values:[{key:s value:f64}]}]?")
DESCRIBE_QUORUM = Api(
    55, 1, True,
    "topics:[{name:s partitions:[{index:i32}]}]",
    "error:i16 topics:[{name:s partitions:[{index:i32 error:i16 leader:i32 epoch:i32 "
    "high_watermark:i64 voters:[{id:i32 end:i64 last_fetch:i64 last_caught_up:i64}] "
    "observers:[{id:i32 end:i64 last_fetch:i64 last_caught_up:i64}]}]}]")
DESCRIBE_CLUSTER = Api(
    60, 1, True,
    "authorized:bool endpoint:i8",
    "throttle:i32 error:i16 message:s? endpoint:i8 cluster:s controller:i32 "
    "brokers:[{id:i32 host:s port:i32 rack:s?}] authorized:i32")
DESCRIBE_PRODUCERS = Api(
    61, 0, True,
    "topics:[{name:s partitions:[i32]}]",
    "throttle:i32 topics:[{name:s partitions:[{index:i32 error:i16 message:s? "
    "producers:[{producer:i64 producer_epoch:i32 last_sequence:i32 last_timestamp:i64 "
    "coordinator_epoch:i32 txn_start:i64}]}]}]")
LIST_CONFIG_RESOURCES = Api(
    74, 1, True,
    "types:[i8]",
    "throttle:i32 error:i16 resources:[{name:s type:i8}]")
DESCRIBE_TOPIC_PARTITIONS = Api(
    75, 0, True,
    "topics:[{name:s}] limit:i32 cursor:{name:s index:i32}?",
    "throttle:i32 topics:[{error:i16 name:s? id:u internal:bool partitions:[{error:i16 index:i32 "
    "leader:i32 epoch:i32 replicas:[i32] isr:[i32] eligible:[i32]? last_known:[i32]? "
    "offline:[i32]}] authorized:i32}] next:{name:s index:i32}?")
ELECT_LEADERS = Api(
    43, 1, False,
    "type:i8 topics:[{name:s partitions:[i32]}]? timeout:i32",
    "throttle:i32 error:i16 topics:[{name:s partitions:[{index:i32 error:i16 message:s?}]}]")
