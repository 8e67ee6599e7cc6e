"""Probes of every version of every API: the same question in all of them, errors above all.

The answers of versions that agree are recorded once, under their range. What differs by nature becomes
a placeholder here, by the names that the schema has.
"""

import gzip
import struct

import schema
from context import NO_ID, probe
from harness.wire import WireError, batches, crc32c, record_batch, varint
from normal import merged

UNKNOWN_ID = "0123456789abcdef0123456789abcdef"
STAMP = 1_700_000_000_000
ONE = [(b"k", b"v")]
TOPIC = "swept"
LAST = 1 << 15

# Names of fields whose values belong to one broker or one run.
NODES = {"NodeId", "BrokerId", "LeaderId", "ControllerId", "ReplicaNodes", "IsrNodes", "OfflineReplicas",
         "EligibleLeaderReplicas", "LastKnownElr", "PreferredReadReplica"}
OPAQUE = {"Host", "Port", "ClusterId", "LogDir", "TotalBytes", "UsableBytes", "PartitionSize", "ProducerId",
          "LastTimestamp", "ClientHost"}
EPOCHS = {"LeaderEpoch", "CommittedLeaderEpoch", "ProducerEpoch"}
MEMBERS = {"MemberId", "Leader"}
MESSAGES = {"ErrorMessage", "BatchIndexErrorMessage"}
DROPPED = {"ThrottleTimeMs", "Documentation"}


def normal(value, name=None):
    if isinstance(value, dict):
        return {key: normal(inner, key) for key, inner in value.items() if key not in DROPPED}
    if isinstance(value, list):
        return [normal(inner, name) for inner in value]
    if name in MESSAGES:
        return "<text>" if value else None
    if name == "TopicId":
        return "<none>" if value == NO_ID else "<uuid>"
    if name in NODES or name in EPOCHS or name in OPAQUE and isinstance(value, int):
        return value if value < 0 else "<value>"
    if name in MEMBERS or name in OPAQUE:
        return "<value>" if value else value
    if name == "SessionId":
        return "<some>" if value else 0
    if isinstance(value, bytes):
        return [list(batch) for batch in batches(value)] if name == "Records" else value.hex()
    return value


def asked(c, api, version, values):
    answer = normal(schema.call(c.bootstrap, api, version, values))
    for name in ("Groups", "Results"):
        if isinstance(answer.get(name), list):
            # In the order of a hash map.
            answer[name].sort(key=lambda each: str(each.get("GroupId")))
    return answer


def every(api, name, values, since=0, until=LAST):
    """A probe that asks in every version. `values` is a request, or a function of context and version."""
    @probe(f"{api}, all versions: {name}", subset=False)
    def _(c):
        answers = {}
        for version in schema.range_of(api):
            if since <= version <= until and (api, version) not in UNSTABLE:
                request = values(c, version) if callable(values) else values
                answers[version] = asked(c, api, version, request)
        return merged(answers)


# Not offered by a broker that is not told to.
UNSTABLE = {("InitProducerId", 6)}


@probe("all versions: the topics they are asked about")
def _(c):
    c.create(TOPIC, partitions=2, retention_ms="-1")
    c.create("swept-compact", cleanup_policy="compact", retention_ms="-1")
    c.create("swept-timely", message_timestamp_after_max_ms="60000", message_timestamp_before_max_ms="60000")
    c.create("swept-small", max_message_bytes="1000", retention_ms="-1")
    c.create("swept-zstd", compression_type="zstd", retention_ms="-1")
    c.create("swept-numbered", partitions=14, retention_ms="-1")
    answers = []
    for n in range(3):
        answers.append(c.produce(TOPIC, record_batch([(b"a", b"1"), (b"b", b"2")], timestamp=STAMP + n * 1000)))
    answers.append(c.produce("swept-zstd", record_batch(ONE, timestamp=STAMP)))
    return answers


def named(c, name):
    """A topic by name and id, as versions want it."""
    return {"Name": name, "TopicId": c.values.get(name, UNKNOWN_ID)}


# --- ApiVersions, Metadata and the cluster -------------------------------------------------------

def ranges(c, version):
    return {"ClientSoftwareName": "probe", "ClientSoftwareVersion": "1"}


@probe("ApiVersions, all versions: it is answered")
def _(c):
    answers = {}
    for version in schema.range_of("ApiVersions"):
        answer = schema.call(c.bootstrap, "ApiVersions", version, ranges(c, version))
        answers[version] = {"ErrorCode": answer["ErrorCode"], "fields": sorted(answer)}
    return merged(answers)


every("ApiVersions", "a software name that is none", {"ClientSoftwareName": "-", "ClientSoftwareVersion": "1"},
      since=3)
every("ApiVersions", "a software version that is none", {"ClientSoftwareName": "p", "ClientSoftwareVersion": ""},
      since=3)


def metadata(*topics, create=False):
    return {"Topics": list(topics), "AllowAutoTopicCreation": create}


every("Metadata", "a topic", metadata({"Name": TOPIC}))
every("Metadata", "a topic, with authorized operations", lambda c, version: {
    **metadata({"Name": TOPIC}),
    **({"IncludeTopicAuthorizedOperations": True, "IncludeClusterAuthorizedOperations": True}
       if 8 <= version <= 10 else {"IncludeTopicAuthorizedOperations": True} if version > 10 else {})})
every("Metadata", "an unknown topic", metadata({"Name": "nowhere"}), since=4)
every("Metadata", "an unknown topic with creation, a bad name", metadata({"Name": "a b"}, create=True))
every("Metadata", "an empty name", metadata({"Name": ""}), since=4)
every("Metadata", "no topics", metadata(), since=1)
every("Metadata", "an unknown id", metadata({"TopicId": UNKNOWN_ID, "Name": None}), since=10)
every("Metadata", "an id", lambda c, _: metadata({"TopicId": c.values[TOPIC], "Name": None}), since=10)
every("Metadata", "an id and a name", lambda c, _: metadata({"TopicId": c.values[TOPIC], "Name": TOPIC}), since=10)
every("Metadata", "neither id nor name", metadata({"TopicId": NO_ID, "Name": None}), since=10)
every("Metadata", "a topic twice", metadata({"Name": TOPIC}, {"Name": TOPIC}))


@probe("Metadata, all versions: all topics")
def _(c):
    answers = {}
    for version in schema.range_of("Metadata"):
        answer = schema.call(c.bootstrap, "Metadata", version, {"Topics": [] if version == 0 else None})
        names = {topic["Name"]: topic["ErrorCode"] for topic in answer["Topics"]}
        answers[version] = {name: names.get(name) for name in (TOPIC, "plain", "nowhere")}
    return merged(answers)


every("DescribeCluster", "brokers", {"IncludeClusterAuthorizedOperations": True})
every("DescribeCluster", "controllers, asked of a broker", {"EndpointType": 2}, since=1)
every("DescribeCluster", "an endpoint that is none", {"EndpointType": 9}, since=1)
every("DescribeTopicPartitions", "topics in an order", {
    "Topics": [{"Name": TOPIC}, {"Name": "nowhere"}, {"Name": "a b"}], "ResponsePartitionLimit": 2000})
every("DescribeTopicPartitions", "a limit", {"Topics": [{"Name": TOPIC}], "ResponsePartitionLimit": 1})
every("DescribeTopicPartitions", "a limit of none", {"Topics": [{"Name": TOPIC}], "ResponsePartitionLimit": 0})
every("DescribeTopicPartitions", "on from a cursor", {
    "Topics": [{"Name": TOPIC}], "Cursor": {"TopicName": TOPIC, "PartitionIndex": 1}})
every("DescribeTopicPartitions", "a cursor before all", {
    "Topics": [{"Name": TOPIC}], "Cursor": {"TopicName": TOPIC, "PartitionIndex": -1}})
every("DescribeLogDirs", "a partition", {"Topics": [{"Topic": TOPIC, "Partitions": [0]}]})
every("DescribeLogDirs", "no topics", {"Topics": []})
every("DescribeLogDirs", "an unknown partition", {"Topics": [{"Topic": TOPIC, "Partitions": [9]}]})
every("ListConfigResources", "of a type that is none", {"ResourceTypes": [77]}, since=1)
every("ListConfigResources", "brokers", {"ResourceTypes": [4]}, since=1)
every("ListConfigResources", "client metrics", {}, until=0)
every("DescribeClientQuotas", "all", {"Components": [], "Strict": False})
every("DescribeClientQuotas", "of a user", {
    "Components": [{"EntityType": "user", "MatchType": 0, "Match": "someone"}], "Strict": True})
every("DescribeClientQuotas", "of a match that is none", {
    "Components": [{"EntityType": "user", "MatchType": 9, "Match": "someone"}], "Strict": True})
every("DescribeClientQuotas", "one entity type twice", {
    "Components": [{"EntityType": "user", "MatchType": 2}, {"EntityType": "user", "MatchType": 1}],
    "Strict": False})
ANY_ACL = {"ResourceTypeFilter": 1, "PatternTypeFilter": 1, "Operation": 1, "PermissionType": 1}
every("DescribeAcls", "without an authorizer", lambda c, version: {
    key: value for key, value in ANY_ACL.items()})
every("CreateAcls", "without an authorizer", {"Creations": [{
    "ResourceType": 2, "ResourceName": "t", "ResourcePatternType": 3, "Principal": "User:a", "Host": "*",
    "Operation": 3, "PermissionType": 3}]})
every("CreateAcls", "of nothing, without an authorizer", {"Creations": []})
every("DeleteAcls", "without an authorizer", {"Filters": [
    {**ANY_ACL}]})


# --- Produce -------------------------------------------------------------------------------------

def produce(topic, records, *, partition=0, acks=-1, transactional_id=None):
    return lambda c, _: {
        "TransactionalId": transactional_id, "Acks": acks, "TimeoutMs": 10_000,
        "TopicData": [{**named(c, topic), "PartitionData": [{"Index": partition, "Records": records}]}]}


def compressed(codec, payload):
    """One batch whose records are `payload`, said to be of a codec."""
    covered = struct.pack(">hiqqqhi", codec, 0, STAMP, STAMP, -1, -1, -1) + struct.pack(">i", 1) + payload
    tail = struct.pack(">ibI", -1, 2, crc32c(covered)) + covered
    return struct.pack(">qi", 0, len(tail)) + tail


RECORD = b"\0\0\0" + varint(1) + b"k" + varint(1) + b"v" + varint(0)
PAYLOAD = varint(len(RECORD)) + RECORD
# What zstd makes of PAYLOAD without compressing it: magic, header of one segment, one raw block.
ZSTD = b"\x28\xb5\x2f\xfd\x20" + bytes([len(PAYLOAD)]) + struct.pack("<I", len(PAYLOAD) << 3 | 1)[:3] + PAYLOAD

for name, question in [
        ("a record", produce(TOPIC, record_batch(ONE, timestamp=STAMP), partition=1)),
        ("a record, acks 1", produce(TOPIC, record_batch(ONE, timestamp=STAMP), partition=1, acks=1)),
        ("an unknown topic", produce("nowhere", record_batch(ONE))),
        ("an unknown partition", produce(TOPIC, record_batch(ONE), partition=9)),
        ("a negative partition", produce(TOPIC, record_batch(ONE), partition=-1)),
        ("acks of 2", produce(TOPIC, record_batch(ONE), acks=2)),
        ("no records", produce(TOPIC, b"")),
        ("a wrong checksum", produce(TOPIC, record_batch(ONE, corrupt=True))),
        ("magic 1", produce(TOPIC, record_batch(ONE, magic=1))),
        ("magic 0", produce(TOPIC, record_batch(ONE, magic=0))),
        ("magic 9", produce(TOPIC, record_batch(ONE, magic=9))),
        ("a batch too many", produce(TOPIC, record_batch(ONE) + record_batch(ONE))),
        ("bytes behind the batch", produce("swept-numbered", record_batch(ONE) + b"\0\0\0")),
        ("a batch cut short", produce(TOPIC, record_batch(ONE)[:40])),
        ("no keys on a compacted topic", produce("swept-compact", record_batch(
            [(b"k", b"1"), (None, b"2"), (None, b"3")]))),
        ("times out of bounds", produce("swept-timely", record_batch(ONE, timestamp=1_000))),
        ("times to come", produce("swept-timely", record_batch(ONE, timestamp=9_000_000_000_000))),
        ("a batch too large", produce("swept-small", record_batch([(b"k", b"x" * 2000)]))),
        ("gzip", produce(TOPIC, compressed(1, gzip.compress(PAYLOAD, mtime=0)), partition=1)),
        ("zstd", produce(TOPIC, compressed(4, ZSTD), partition=1)),
        ("gzip that is none", produce(TOPIC, compressed(1, b"no gzip"))),
        ("a codec that is none", produce(TOPIC, compressed(5, PAYLOAD))),
        ("a control batch", produce(TOPIC, record_batch(ONE, attributes=0x20))),
        ("an internal topic", produce("__consumer_offsets", record_batch(ONE))),
        ("an empty request", {"Acks": -1, "TimeoutMs": 1000, "TopicData": []})]:
    every("Produce", name, question)


@probe("Produce, all versions: a producer's batches in and out of order")
def _(c):
    answers = {}
    for version in schema.range_of("Produce"):
        partition = version
        number = schema.call(c.bootstrap, "InitProducerId", 4, {
            "TransactionalId": None, "TransactionTimeoutMs": 1000})["ProducerId"]

        def sent(sequence, epoch=0, records=ONE):
            data = record_batch(records, timestamp=STAMP, producer=(number, epoch, sequence))
            answer = asked(c, "Produce", version, produce(
                "swept-numbered", data, partition=partition)(c, version))
            return [(p["ErrorCode"], p["BaseOffset"], p["LogStartOffset"] if version > 4 else None)
                    for t in answer["Responses"] for p in t["PartitionResponses"]]

        told = [sent(0), sent(0), sent(2), sent(1), sent(0), sent(2), sent(1, epoch=1), sent(0, epoch=1),
                sent(3, epoch=0), sent(1, epoch=1)]
        # The window holds five batches: the sixth before the last is unknown, and told as a duplicate.
        told += [sent(sequence, epoch=1) for sequence in range(2, 8)]
        told += [sent(sequence, epoch=1) for sequence in (7, 3, 1)]
        answers[version] = [[list(part) for part in each] for each in told]
    return merged(answers)


# --- InitProducerId ------------------------------------------------------------------------------

def init(**values):
    return {"TransactionalId": None, "TransactionTimeoutMs": 60_000, **values}


every("InitProducerId", "a new one", init())
every("InitProducerId", "an empty transactional id", init(TransactionalId=""))
every("InitProducerId", "an id without an epoch", init(ProducerId=5), since=3)
every("InitProducerId", "an epoch without an id", init(ProducerEpoch=5), since=3)
every("InitProducerId", "the next epoch of an id that is nobody's", init(ProducerId=987_654, ProducerEpoch=3),
      since=3)


every("DescribeProducers", "known, unknown and negative partitions", {"Topics": [
    {"Name": TOPIC, "PartitionIndexes": [0, 9, -1]}, {"Name": "nowhere", "PartitionIndexes": [0]}]})
every("DescribeProducers", "no topics", {"Topics": []})
every("DescribeProducers", "a bad topic name", {"Topics": [{"Name": "a b", "PartitionIndexes": [0]}]})


# --- Fetch ---------------------------------------------------------------------------------------

def fetch(topic, offset, *, partition=0, epoch=None, last=None, session=None, session_epoch=None, copies=1,
          max_bytes=1 << 20, partition_bytes=1 << 20, start=None, replica=None, isolation=0):
    def question(c, version):
        entry = {"Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": partition_bytes}
        for name, value in [("CurrentLeaderEpoch", epoch), ("LastFetchedEpoch", last), ("LogStartOffset", start)]:
            if value is not None:
                entry[name] = value
        out = {"MaxWaitMs": 0, "MinBytes": 1, "MaxBytes": max_bytes, "IsolationLevel": isolation,
               "Topics": [{"Topic": topic, "TopicId": c.values.get(topic, UNKNOWN_ID),
                           "Partitions": [entry] * copies}]}
        if session is not None:
            out |= {"SessionId": session, "SessionEpoch": session_epoch}
        return out
    return question


for name, question in [
        ("from the start", fetch(TOPIC, 0)), ("inside a batch", fetch(TOPIC, 3)), ("at the end", fetch(TOPIC, 6)),
        ("beyond the end", fetch(TOPIC, 7)), ("a negative offset", fetch(TOPIC, -5)),
        ("read committed", fetch(TOPIC, 0, isolation=1)), ("an isolation that is none", fetch(TOPIC, 0, isolation=7)),
        ("an unknown topic", fetch("nowhere", 0)), ("an unknown partition", fetch(TOPIC, 0, partition=9)),
        ("one byte in all", fetch(TOPIC, 0, max_bytes=1)), ("no bytes", fetch(TOPIC, 0, max_bytes=0)),
        ("no bytes of a partition", fetch(TOPIC, 0, partition_bytes=0)),
        ("a topic whose codec is zstd", fetch("swept-zstd", 0)),
        ("a partition twice", fetch(TOPIC, 0, copies=2))]:
    every("Fetch", name, question)
every("Fetch", "an epoch to come", fetch(TOPIC, 0, epoch=99), since=9)
every("Fetch", "a last epoch to come", fetch(TOPIC, 3, last=99), since=12)
every("Fetch", "a last epoch of none", fetch(TOPIC, 3, last=-1), since=12)
every("Fetch", "a session that is nobody's", fetch(TOPIC, 0, session=1234, session_epoch=4), since=7)
every("Fetch", "an epoch of no session", fetch(TOPIC, 0, session=0, session_epoch=4), since=7)
every("Fetch", "no topics, no session", {"MaxWaitMs": 0, "MinBytes": 0, "Topics": []})
every("Fetch", "as a follower", lambda c, version: {
    **fetch(TOPIC, 0)(c, version), **({"ReplicaId": 7} if version < 15 else
                                      {"ReplicaState": {"ReplicaId": 7, "ReplicaEpoch": 1}})})


@probe("Fetch, all versions: the life of a session")
def _(c):
    answers = {}
    for version in schema.range_of("Fetch"):
        if version < 7:
            continue
        topic = {"Topic": TOPIC, "TopicId": c.values[TOPIC]}

        def sent(session, epoch, topics=(), forgotten=()):
            return schema.call(c.bootstrap, "Fetch", version, {
                "MaxWaitMs": 0, "MinBytes": 1, "MaxBytes": 1 << 20, "SessionId": session, "SessionEpoch": epoch,
                "Topics": list(topics), "ForgottenTopicsData": list(forgotten)})

        def at(partition, offset):
            return {**topic, "Partitions": [
                {"Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": 1 << 20}]}

        first = sent(0, 0, [at(0, 0)])
        number = first["SessionId"]
        told = [first, sent(number, 1), sent(number, 2, [at(0, 6)]), sent(number, 3), sent(number, 3),
                sent(number, 4, [at(0, 4)]), sent(number, 5, [at(9, 0)]), sent(number, 6),
                sent(number, 7, forgotten=[{**topic, "Partitions": [9]}]),
                sent(number, -1, [at(0, 6)]), sent(number, 8)]
        told.append(sent(0, 0, [{"Topic": "nowhere", "TopicId": UNKNOWN_ID, "Partitions": [
            {"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 10}]}]))
        for response in (response for each in told for response in each.get("Responses", [])):
            # Those with an error come last from Kafka, whatever was asked first.
            response["Partitions"].sort(key=lambda each: each["PartitionIndex"])
        answers[version] = normal(told)
    return merged(answers)


# --- ListOffsets, OffsetForLeaderEpoch, DeleteRecords --------------------------------------------

def list_offsets(topic, timestamp, *, partition=0, epoch=None, isolation=0):
    def question(_, version):
        entry = {"PartitionIndex": partition, "Timestamp": timestamp}
        if epoch is not None:
            entry["CurrentLeaderEpoch"] = epoch
        out = {"ReplicaId": -1, "Topics": [{"Name": topic, "Partitions": [entry]}]}
        return out | ({"IsolationLevel": isolation} if version >= 2 else {})
    return question


for name, question in [
        ("latest", list_offsets(TOPIC, -1)), ("latest, read committed", list_offsets(TOPIC, -1, isolation=1)),
        ("earliest", list_offsets(TOPIC, -2)), ("max timestamp", list_offsets(TOPIC, -3)),
        ("earliest local", list_offsets(TOPIC, -4)), ("latest tiered", list_offsets(TOPIC, -5)),
        ("earliest pending upload", list_offsets(TOPIC, -6)), ("a special value that is none", list_offsets(TOPIC, -7)),
        ("the least number", list_offsets(TOPIC, -(1 << 63))), ("a time", list_offsets(TOPIC, STAMP + 500)),
        ("a time after all", list_offsets(TOPIC, STAMP + 500_000)), ("time 0", list_offsets(TOPIC, 0)),
        ("the greatest number", list_offsets(TOPIC, (1 << 63) - 1)),
        ("max timestamp of an empty log", list_offsets("empty", -3)), ("a time of an empty log", list_offsets("empty", 5)),
        ("latest of an empty log", list_offsets("empty", -1)),
        ("an unknown topic", list_offsets("nowhere", -1)), ("an unknown partition", list_offsets(TOPIC, -1, partition=9)),
        ("a negative partition", list_offsets(TOPIC, -1, partition=-1))]:
    every("ListOffsets", name, question)
every("ListOffsets", "an epoch to come", list_offsets(TOPIC, -1, epoch=99), since=4)
every("ListOffsets", "as a follower", lambda c, version: {**list_offsets(TOPIC, -1)(c, version), "ReplicaId": 7})
every("ListOffsets", "as a debugging replica", lambda c, version: {
    **list_offsets(TOPIC, -1)(c, version), "ReplicaId": -2})


def epoch_end(topic, epoch, *, partition=0, current=-1):
    return {"ReplicaId": -1, "Topics": [{"Topic": topic, "Partitions": [
        {"Partition": partition, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]}]}


for name, question in [
        ("the first", epoch_end(TOPIC, 0)), ("one to come", epoch_end(TOPIC, 99)), ("none", epoch_end(TOPIC, -1)),
        ("a current one to come", epoch_end(TOPIC, 0, current=99)), ("an unknown topic", epoch_end("nowhere", 0)),
        ("an unknown partition", epoch_end(TOPIC, 0, partition=9))]:
    every("OffsetForLeaderEpoch", name, lambda c, version, question=question: (
        question if version >= 3 else {"Topics": question["Topics"]}))


def delete_records(topic, offset, partition=0):
    return {"TimeoutMs": 10_000, "Topics": [{"Name": topic, "Partitions": [
        {"PartitionIndex": partition, "Offset": offset}]}]}


for name, question in [
        ("beyond the end", delete_records(TOPIC, 700)), ("a negative offset", delete_records(TOPIC, -2)),
        ("below the start", delete_records(TOPIC, 0)), ("an unknown topic", delete_records("nowhere", 0)),
        ("an unknown partition", delete_records(TOPIC, 0, 9)), ("a compacted topic", delete_records("swept-compact", 0)),
        ("all of an empty log", delete_records("empty", -1)), ("no topics", {"TimeoutMs": 1000, "Topics": []})]:
    every("DeleteRecords", name, question)


# --- topics --------------------------------------------------------------------------------------

def topic(name, **values):
    return {"Name": name, "NumPartitions": 1, "ReplicationFactor": 1, **values}


def create(*topics, validate_only=True):
    return {"Topics": list(topics), "timeoutMs": 10_000, "validateOnly": validate_only}


for name, question in [
        ("only validated", create(topic("new"))), ("one that exists", create(topic(TOPIC))),
        ("a bad name", create(topic("a b"))), ("two dots", create(topic(".."))),
        ("no partitions", create(topic("new", NumPartitions=0))), ("a factor of 3", create(topic("new", ReplicationFactor=3))),
        ("a factor of 0", create(topic("new", ReplicationFactor=0))), ("a factor of -2", create(topic("new", ReplicationFactor=-2))),
        ("an unknown key", create(topic("new", Configs=[{"Name": "no.such", "Value": "1"}]))),
        ("a null value", create(topic("new", Configs=[{"Name": "retention.ms", "Value": None}]))),
        ("a wrong value", create(topic("new", Configs=[{"Name": "retention.ms", "Value": "x"}]))),
        ("a key twice", create(topic("new", Configs=[{"Name": "retention.ms", "Value": "1"}] * 2))),
        ("twice", create(topic("new"), topic("new"))), ("none", create()),
        ("an assignment", create(topic("new", NumPartitions=-1, ReplicationFactor=-1, Assignments=[
            {"PartitionIndex": 0, "BrokerIds": [1]}]))),
        ("an assignment to nobody", create(topic("new", NumPartitions=-1, ReplicationFactor=-1, Assignments=[
            {"PartitionIndex": 0, "BrokerIds": []}]))),
        ("an assignment to one twice", create(topic("new", NumPartitions=-1, ReplicationFactor=-1, Assignments=[
            {"PartitionIndex": 0, "BrokerIds": [1, 1]}]))),
        ("an assignment of a partition twice", create(topic("new", NumPartitions=-1, ReplicationFactor=-1, Assignments=[
            {"PartitionIndex": 0, "BrokerIds": [1]}, {"PartitionIndex": 0, "BrokerIds": [1]}]))),
        ("some of several", create(topic("new"), topic("a b"), topic(TOPIC)))]:
    def create_question(c, version, question=question):
        return question

    @probe(f"CreateTopics, all versions: {name}")
    def _(c, question=question):
        answers = {}
        for version in schema.range_of("CreateTopics"):
            answer = asked(c, "CreateTopics", version, question)
            for each in answer.get("Topics", []):
                # Their own probe compares them.
                each.pop("Configs", None)
            answers[version] = answer
        return merged(answers)
every("CreateTopics", "defaults", create(topic("new", NumPartitions=-1, ReplicationFactor=-1)), until=3)


@probe("CreateTopics, DeleteTopics, all versions: made and deleted")
def _(c):
    answers = {}
    for version in schema.range_of("CreateTopics"):
        made = asked(c, "CreateTopics", version, create(topic(f"made-{version}"), validate_only=False))
        for each in made["Topics"]:
            each.pop("Configs", None)
            each["Name"] = "made"
        deleting = min(version, 6)
        deletion = ({"Topics": [{"Name": f"made-{version}"}, {"Name": "nowhere"}]} if deleting == 6
                    else {"TopicNames": [f"made-{version}", "nowhere"]})
        gone = asked(c, "DeleteTopics", deleting, {**deletion, "TimeoutMs": 10_000})
        gone["Responses"].sort(key=lambda each: each["Name"])
        for each in gone["Responses"]:
            each["Name"] = each["Name"].split("-")[0]
        answers[version] = [made, gone]
    return merged(answers)


every("DeleteTopics", "an unknown one", lambda c, version: {
    "TimeoutMs": 10_000, **({"Topics": [{"Name": "nowhere"}]} if version >= 6 else {"TopicNames": ["nowhere"]})})
every("DeleteTopics", "one twice", lambda c, version: {
    "TimeoutMs": 10_000,
    **({"Topics": [{"Name": "nowhere"}] * 2} if version >= 6 else {"TopicNames": ["nowhere"] * 2})})
every("DeleteTopics", "an unknown id", {"Topics": [{"Name": None, "TopicId": UNKNOWN_ID}]}, since=6)
every("DeleteTopics", "neither name nor id", {"Topics": [{"Name": None, "TopicId": NO_ID}]}, since=6)
every("DeleteTopics", "name and id", lambda c, _: {"Topics": [{"Name": TOPIC, "TopicId": c.values[TOPIC]}]}, since=6)


def partitions(name, count, assignments=None, copies=1):
    return {"TimeoutMs": 10_000, "ValidateOnly": True, "Topics": [
        {"Name": name, "Count": count, "Assignments": assignments}] * copies}


for name, question in [
        ("more", partitions(TOPIC, 3)), ("as many", partitions(TOPIC, 2)), ("fewer", partitions(TOPIC, 1)),
        ("a negative count", partitions(TOPIC, -1)), ("an unknown topic", partitions("nowhere", 3)),
        ("a topic twice", partitions(TOPIC, 3, copies=2)), ("an assignment", partitions(TOPIC, 3, [{"BrokerIds": [1]}])),
        ("an assignment to nobody", partitions(TOPIC, 3, [{"BrokerIds": []}])),
        ("an assignment to a stranger", partitions(TOPIC, 3, [{"BrokerIds": [77]}])),
        ("an assignment to one twice", partitions(TOPIC, 3, [{"BrokerIds": [1, 1]}])),
        ("too many assignments", partitions(TOPIC, 3, [{"BrokerIds": [1]}] * 2)),
        ("far too many", partitions(TOPIC, 20_000))]:
    every("CreatePartitions", name, question)


# --- configurations ------------------------------------------------------------------------------

def resource(kind, name, keys=("retention.ms",)):
    return {"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": None if keys is None else list(keys)}


for name, resources in [
        ("a topic's key", [resource(2, TOPIC)]), ("a key that is none", [resource(2, TOPIC, ["no.such"])]),
        ("an unknown topic", [resource(2, "nowhere")]),
        ("a broker's key", [resource(4, "1", ["log.retention.ms", "num.partitions"])]),
        ("another broker", [resource(4, "9")]), ("a broker that is none", [resource(4, "x")]),
        ("a type that is none", [resource(99, "x")]), ("type 0", [resource(0, "x")]),
        ("a resource twice", [resource(2, TOPIC)] * 2)]:
    every("DescribeConfigs", name, {"Resources": resources, "IncludeSynonyms": True})
    every("DescribeConfigs", f"{name}, without synonyms", {"Resources": resources}, since=4)


@probe("DescribeConfigs, all versions: an empty list of keys means all")
def _(c):
    answers = {}
    for version in schema.range_of("DescribeConfigs"):
        answer = schema.call(c.bootstrap, "DescribeConfigs", version, {"Resources": [resource(2, TOPIC, [])]})
        result = answer["Results"][0]
        answers[version] = [result["ErrorCode"], len(result["Configs"]) > 20]
    return merged(answers)


@probe("DescribeConfigs, all versions: documentation is there when it is asked for")
def _(c):
    answers = {}
    for version in (3, 4):
        for wanted in (False, True):
            answer = schema.call(c.bootstrap, "DescribeConfigs", version, {
                "Resources": [resource(2, TOPIC, None)], "IncludeDocumentation": wanted})
            told = [bool(config["Documentation"]) for config in answer["Results"][0]["Configs"]
                    if not config["Name"].startswith(("remote.", "local."))]
            answers[f"{version}, {wanted}"] = [any(told), all(told)]
    return answers


def alter(kind, name, *configs, copies=1):
    return {"ValidateOnly": True, "Resources": [
        {"ResourceType": kind, "ResourceName": name, "Configs": list(configs)}] * copies}


def change(name, value, operation=0):
    return {"Name": name, "Value": value, "ConfigOperation": operation}


def plain(name, value):
    return {"Name": name, "Value": value}


for name, kind, target, key, value in [
        ("a topic's key", 2, TOPIC, "retention.ms", "5"), ("a wrong value", 2, TOPIC, "retention.ms", "x"),
        ("a null value", 2, TOPIC, "retention.ms", None), ("a key that is none", 2, TOPIC, "no.such", "1"),
        ("an unknown topic", 2, "nowhere", "retention.ms", "5"), ("an empty topic name", 2, "", "retention.ms", "5"),
        ("a bad topic name", 2, "a b", "retention.ms", "5"),
        ("another broker", 4, "9", "log.retention.ms", "5"), ("a type that is none", 99, "x", "a", "b"),
        ("type 0", 0, "x", "a", "b")]:
    every("AlterConfigs", name, alter(kind, target, plain(key, value)))
    every("IncrementalAlterConfigs", name, alter(kind, target, change(key, value)))
every("IncrementalAlterConfigs", "a resource twice", alter(2, TOPIC, change("retention.ms", "5"), copies=2))
every("IncrementalAlterConfigs", "an operation that is none", alter(2, TOPIC, change("retention.ms", "5", 9)))
every("IncrementalAlterConfigs", "a null value to append", alter(2, TOPIC, change("cleanup.policy", None, 2)))
every("IncrementalAlterConfigs", "an empty key", alter(2, TOPIC, change("", "1")))
every("IncrementalAlterConfigs", "no changes", alter(2, TOPIC))
every("AlterConfigs", "no changes", alter(2, TOPIC))


# --- groups: one request each --------------------------------------------------------------------

PROTOCOLS = [{"Name": "range", "Metadata": b"\0\1"}]

every("FindCoordinator", "of a group", lambda c, version: (
    {"Key": "sweep"} | ({"KeyType": 0} if version else {})) if version < 4 else {
        "KeyType": 0, "CoordinatorKeys": ["sweep"]})
every("FindCoordinator", "of two groups", {"KeyType": 0, "CoordinatorKeys": ["sweep", ""]}, since=4)
every("FindCoordinator", "of no group", {"KeyType": 0, "CoordinatorKeys": []}, since=4)
every("FindCoordinator", "of a type that is none", lambda c, version: (
    {"KeyType": 9, "Key": "x"} if version < 4 else {"KeyType": 9, "CoordinatorKeys": ["x"]}), since=1)


def in_version(api, version, values):
    """The values that a version of a request has."""
    known = {field.name for field in schema.MESSAGES[f"{api}Request"].fields if version in field.versions}
    return {key: value for key, value in values.items() if key in known}


def group_case(api, name, values, since=0):
    every(api, name, lambda c, version: in_version(api, version, values), since=since)


def join(group, **values):
    return {"GroupId": group, "SessionTimeoutMs": 10_000, "RebalanceTimeoutMs": 10_000, "MemberId": "",
            "ProtocolType": "consumer", "Protocols": PROTOCOLS, **values}


group_case("JoinGroup", "an empty group id", join(""))
group_case("JoinGroup", "a session too short", join("sweep-none", SessionTimeoutMs=1))
group_case("JoinGroup", "a session too long", join("sweep-none", SessionTimeoutMs=1 << 30))
group_case("JoinGroup", "a member that is unknown", join("sweep-none", MemberId="ghost"))
group_case("JoinGroup", "a static member that is unknown", join("sweep-none", MemberId="ghost", GroupInstanceId="i"), since=5)
group_case("JoinGroup", "no protocols", join("sweep-none", Protocols=[]))
group_case("JoinGroup", "no protocol type", join("sweep-none", ProtocolType=""))
group_case("JoinGroup", "a member id is asked for first", join("sweep-asks"), since=4)
for name, instance in [("an instance id that is none", "a b/"), ("an empty instance id", ""), ("a long instance id", "i" * 300)]:
    every("JoinGroup", name, lambda c, version, instance=instance: in_version("JoinGroup", version, join(
        f"sweep-{len(instance)}-{version}", GroupInstanceId=instance)), since=5)
for api, values in [("SyncGroup", {"GenerationId": 1, "MemberId": "ghost"}),
                    ("Heartbeat", {"GenerationId": 1, "MemberId": "ghost"})]:
    group_case(api, "an empty group id", {"GroupId": "", **values})
    group_case(api, "an unknown group", {"GroupId": "nobody", **values})
    group_case(api, "an unknown static member", {"GroupId": "nobody", "GroupInstanceId": "i", **values}, since=3)
group_case("SyncGroup", "another protocol", {"GroupId": "nobody", "GenerationId": 1, "MemberId": "g",
                                             "ProtocolType": "x", "ProtocolName": "y"}, since=5)
every("LeaveGroup", "an empty group id", lambda c, version: {
    "GroupId": "", **({"MemberId": "ghost"} if version < 3 else {"Members": [{"MemberId": "ghost"}]})})
every("LeaveGroup", "an unknown group", lambda c, version: {
    "GroupId": "nobody", **({"MemberId": "ghost"} if version < 3 else {"Members": [{"MemberId": "ghost"}]})})
every("LeaveGroup", "an unknown static member", {
    "GroupId": "nobody", "Members": [{"MemberId": "", "GroupInstanceId": "i"}]}, since=3)
every("LeaveGroup", "nobody", {"GroupId": "nobody", "Members": []}, since=3)


def commit(group, *, generation=-1, member="", topic=TOPIC, partition=0, offset=5, metadata="m", instance=None):
    def question(c, version):
        values = {"GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member, "Topics": [{
            **named(c, topic), "Partitions": [
                {"PartitionIndex": partition, "CommittedOffset": offset, "CommittedMetadata": metadata}]}]}
        if instance is not None:
            values["GroupInstanceId"] = instance
        return values
    return question


for name, question in [
        ("without members", commit("sweep-offsets")), ("an empty group id", commit("")),
        ("an unknown topic", commit("sweep-offsets", topic="nowhere")),
        ("an unknown partition", commit("sweep-offsets", partition=9)),
        ("a negative offset", commit("sweep-negative", offset=-9)),
        ("metadata too long", commit("sweep-offsets", metadata="m" * 5000)),
        ("null metadata", commit("sweep-null", metadata=None)),
        ("a generation of an unknown group", commit("nobody", generation=4, member="ghost")),
        ("a member of an unknown group", commit("nobody", member="ghost")),
        ("no topics", {"GroupId": "sweep-offsets", "Topics": []})]:
    every("OffsetCommit", name, question)
every("OffsetCommit", "a static member of an unknown group", commit("nobody", generation=4, member="g", instance="i"),
      since=7)


def offsets(group, *topics, everything=False):
    def question(c, version):
        if version < 8:
            return {"GroupId": group, "Topics": None if everything else [
                {"Name": topic, "PartitionIndexes": list(parts)} for topic, parts in topics]}
        return {"Groups": [{"GroupId": group, "Topics": None if everything else [
            {**named(c, topic), "PartitionIndexes": list(parts)} for topic, parts in topics]}]}
    return question


for name, question in [
        ("what was committed", offsets("sweep-offsets", (TOPIC, [0, 1]))), ("an unknown group", offsets("nobody", (TOPIC, [0]))),
        ("an unknown topic", offsets("sweep-offsets", ("nowhere", [0]))), ("an unknown partition", offsets("sweep-offsets", (TOPIC, [9]))),
        ("null metadata", offsets("sweep-null", (TOPIC, [0]))), ("an empty group id", offsets("", (TOPIC, [0]))),
        ("no topics", offsets("sweep-offsets"))]:
    every("OffsetFetch", name, question)
every("OffsetFetch", "all", offsets("sweep-offsets", everything=True), since=2)
every("OffsetFetch", "all of an unknown group", offsets("nobody", everything=True), since=2)
every("OffsetFetch", "a member of an unknown group", {"Groups": [
    {"GroupId": "nobody", "MemberId": "m", "MemberEpoch": 1, "Topics": None}]}, since=9)
every("OffsetFetch", "no groups", {"Groups": []}, since=8)
every("OffsetFetch", "a group twice", lambda c, version: {"Groups": offsets("sweep-offsets", everything=True)(
    c, version)["Groups"] * 2}, since=8)

every("DescribeGroups", "unknown, empty and known", {"Groups": ["nobody", "", "sweep-offsets"]})
every("DescribeGroups", "no groups", {"Groups": []})
every("DescribeGroups", "with authorized operations", {
    "Groups": ["nobody", "sweep-offsets"], "IncludeAuthorizedOperations": True}, since=3)
every("DeleteGroups", "unknown and empty", {"GroupsNames": ["nobody", ""]})
every("DeleteGroups", "no groups", {"GroupsNames": []})
every("OffsetDelete", "an empty group id", {"GroupId": "", "Topics": []})
every("OffsetDelete", "an unknown partition", {"GroupId": "sweep-offsets", "Topics": [
    {"Name": TOPIC, "Partitions": [{"PartitionIndex": 9}]}]})
every("OffsetDelete", "no topics", {"GroupId": "sweep-offsets", "Topics": []})


@probe("ListGroups, all versions: by state and type")
def _(c):
    answers = {}
    for version in schema.range_of("ListGroups"):
        told = []
        for question in [{}, {"StatesFilter": ["Empty"]}, {"StatesFilter": ["empty"]}, {"StatesFilter": ["Dancing"]},
                         {"TypesFilter": ["classic"]}, {"TypesFilter": ["Classic"]}, {"TypesFilter": ["share"]},
                         {"TypesFilter": ["waltz"]}, {"StatesFilter": ["Stable", "Dead"]}]:
            if len(in_version("ListGroups", version, question)) < len(question):
                continue
            answer = schema.call(c.bootstrap, "ListGroups", version, question)
            answer["Groups"] = [group for group in answer["Groups"] if group["GroupId"] == "sweep-offsets"]
            told.append(normal(answer))
        answers[version] = told
    return merged(answers)


# --- groups: their lives -------------------------------------------------------------------------

class Member:
    """A member of a group that speaks one version of JoinGroup and the ones of its time of the rest."""

    def __init__(self, c, group, version, **values):
        self.c, self.group, self.version, self.values = c, group, version, values
        self.member, self.generation = "", -1

    def call(self, api, **values):
        version = min(self.version, schema.range_of(api)[-1])
        version = max(version, schema.range_of(api)[0])
        return schema.call(self.c.bootstrap, api, version, in_version(api, version, {"GroupId": self.group, **values}))

    def join(self, **values):
        answer = self.call("JoinGroup", **{**join(self.group), **self.values, "MemberId": self.member, **values})
        self.member = answer.get("MemberId", self.member)
        self.generation = answer.get("GenerationId", -1)
        return answer

    def joined(self):
        """In the group; from version 4 on that takes a member id first."""
        first = self.join()
        return [first, self.join()] if first["ErrorCode"] == 79 else [first]

    def sync(self, **values):
        return self.call("SyncGroup", **{
            "GenerationId": self.generation, "MemberId": self.member, "ProtocolType": "consumer",
            "ProtocolName": "range", "Assignments": [{"MemberId": self.member, "Assignment": b"\5"}], **values})

    def heartbeat(self, **values):
        return self.call("Heartbeat", **{"GenerationId": self.generation, "MemberId": self.member, **values})

    def leave(self, member=None, instance=None):
        member = self.member if member is None else member
        if self.version < 3:
            return self.call("LeaveGroup", MemberId=member)
        return self.call("LeaveGroup", Members=[{"MemberId": member, "GroupInstanceId": instance}])

    def commit(self, **values):
        version = min(max(self.version, 2), 9)
        question = commit(self.group, **{"generation": self.generation, "member": self.member, **values})
        return schema.call(self.c.bootstrap, "OffsetCommit", version, question(self.c, version))


@probe("classic groups, all versions: a life from join to delete, and what goes wrong in it")
def _(c):
    answers = {}
    for version in schema.range_of("JoinGroup"):
        one = Member(c, f"life-{version}", version)
        told = one.joined()
        told += [one.heartbeat(), one.sync(GenerationId=9), one.sync(MemberId="ghost")]
        if version >= 5:
            told += [one.sync(ProtocolName="other"), one.sync(ProtocolType="other")]
        told += [one.sync(), one.sync(), one.heartbeat(), one.heartbeat(GenerationId=9), one.heartbeat(MemberId="ghost")]
        told += [one.commit(), one.commit(generation=9), one.commit(member="ghost"), one.commit(generation=-1, member="")]
        stranger = Member(c, one.group, version)
        told += [stranger.join(Protocols=[{"Name": "other", "Metadata": b""}]), stranger.join(ProtocolType="connect"),
                 stranger.join(Protocols=[]), stranger.join(ProtocolType="")]
        told += [c_call(c, "DescribeGroups", min(version, 6), {"Groups": [one.group]}),
                 c_call(c, "DeleteGroups", min(version, 2), {"GroupsNames": [one.group]}),
                 c_call(c, "OffsetDelete", 0, {"GroupId": one.group, "Topics": [
                     {"Name": TOPIC, "Partitions": [{"PartitionIndex": 0}]}]})]
        told += [one.join(), one.sync(), one.leave("ghost"), one.leave(), one.leave(), one.heartbeat(), one.commit(),
                 one.commit(generation=-1, member="")]
        told += [c_call(c, "DescribeGroups", min(version, 6), {"Groups": [one.group]}),
                 c_call(c, "OffsetDelete", 0, {"GroupId": one.group, "Topics": [
                     {"Name": TOPIC, "Partitions": [{"PartitionIndex": 0}, {"PartitionIndex": 1}]}]}),
                 c_call(c, "DeleteGroups", min(version, 2), {"GroupsNames": [one.group]}),
                 c_call(c, "DescribeGroups", min(version, 6), {"Groups": [one.group]})]
        answers[version] = without_group(normal(told))
    return merged(answers)


def c_call(c, api, version, values):
    return schema.call(c.bootstrap, api, version, values)


def without_group(told):
    """The group's name has the version in it."""
    if isinstance(told, list):
        return [without_group(each) for each in told]
    if isinstance(told, dict):
        return {key: "<group>" if key == "GroupId" else without_group(value) for key, value in told.items()}
    return told


@probe("classic groups, all versions: static members")
def _(c):
    answers = {}
    for version in schema.range_of("JoinGroup"):
        if version < 5:
            continue
        one = Member(c, f"static-{version}", version, GroupInstanceId="one")
        told = [one.join(), one.sync(GroupInstanceId="one"), one.heartbeat(GroupInstanceId="one")]
        again = Member(c, one.group, version, GroupInstanceId="one")
        told += [again.join(), one.heartbeat(GroupInstanceId="one"), again.heartbeat(GroupInstanceId="one"),
                 one.sync(GroupInstanceId="one"), again.sync(GroupInstanceId="one")]
        if version >= 7:
            told += [one.commit(instance="one"), again.commit(instance="one"), again.commit(instance="two")]
        told += [again.heartbeat(GroupInstanceId="two"), one.join(), again.leave(one.member, "one"),
                 again.leave("", "two"), again.leave("", "one"), again.heartbeat(GroupInstanceId="one")]
        told += [c_call(c, "DescribeGroups", min(version, 6), {"Groups": [one.group]})]
        answers[version] = without_group(normal(told))
    return merged(answers)


@probe("classic groups, all versions: two members, of which one leaves")
def _(c):
    answers = {}
    for version in schema.range_of("JoinGroup"):
        one, two = Member(c, f"two-{version}", version), Member(c, f"two-{version}", version)
        told = one.joined() + [one.sync()]
        with Waiting(c, two) as waiting:
            told.append(until_rebalance(c, one))
            told.append(one.commit())
            told.append(one.join())
            told.append(waiting.answer())
        for member in (one, two):
            assignments = [{"MemberId": each.member, "Assignment": bytes([n])} for n, each in enumerate((one, two))]
            told.append(member.sync(Assignments=assignments if member is one else []))
        told += [two.leave(), until_rebalance(c, one), one.join(), one.sync(), one.leave()]
        for each in told:
            # The leader's list is in no order.
            each.get("Members", []).sort(key=str) if isinstance(each.get("Members"), list) else None
        answers[version] = without_group(normal(told))
    return merged(answers)


def until_rebalance(c, member):
    """What a heartbeat says once the group has begun to rebalance."""
    for _ in range(100):
        answer = member.heartbeat()
        if answer["ErrorCode"]:
            return answer
        c.pause()
    return answer


class Waiting:
    """A JoinGroup under way; its answer comes when the others have joined."""

    def __init__(self, c, member):
        from harness.wire import Connection
        self.c, self.member = c, member
        if member.version >= 4:
            member.join()
        self.connection = Connection(c.bootstrap)

    def __enter__(self):
        version = self.member.version
        values = in_version("JoinGroup", version, join(self.member.group, MemberId=self.member.member))
        self.correlation = schema.send(self.connection, "JoinGroup", version, values)
        return self

    def answer(self):
        try:
            answer = schema.receive(self.connection, "JoinGroup", self.member.version, self.correlation)
        except WireError as error:
            return {"connection": str(error)}
        self.member.member, self.member.generation = answer["MemberId"], answer["GenerationId"]
        return answer

    def __exit__(self, *_):
        self.connection.socket.close()
