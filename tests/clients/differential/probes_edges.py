"""Probes of edges: every configuration key against many values, headers of batches that contradict their
records, requests that name things twice or not at all, times that are none, pages, and groups mid-rebalance.
"""

import struct

import schema
from context import probe
from harness.wire import Connection, WireError, crc32c, record_batch, varint
from probes_configs import BROKER, CLIENT_METRICS, GROUP, alter, describe
from probes_topics import APPEND, DELETE, SET, SUBTRACT
from probes_versions import (ONE, STAMP, UNKNOWN_ID, Member, Waiting, c_call, every, join, merged, named, normal,
                             until_rebalance, without_group)

TOPIC_KIND = 2


def normal_call(c, api, version, values):
    return normal(c_call(c, api, version, values))


def created(c, name, partitions=1, **configs):
    c.create(name, partitions=partitions, **{"retention_ms": "-1", **configs})


# --- every key against many values ---------------------------------------------------------------

VALUES = ["", "-2", "-1", "0", "1", "2", "1.5", "0.5", "-0.5", "abc", " 7 ", "2147483647", "2147483648",
          "9223372036854775807", "9223372036854775808", "true", "TRUE", "yes", "none", "a,b", "0x10", "1e3", "+5", "1_000",
          "1048576", "60000"]


def told(result):
    """What one alteration led to: its code, and the words if it is refused."""
    return [result["error"], result["message"]] if result["error"] else 0


def each_value(c, kind, resource, keys, values=VALUES):
    """`{key: {value: what it led to}}`, one request for each, only validated."""
    out = {}
    for key in keys:
        answers = {}
        for value in values:
            answer = alter(c, kind, resource, [(key, SET, value)], validate_only=True)
            answers[value] = told(answer["results"][0])
        out[key] = answers
    return out


TOPIC_KEYS = ["cleanup.policy", "compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level",
              "delete.retention.ms", "file.delete.delay.ms", "flush.messages", "flush.ms",
              "follower.replication.throttled.replicas", "index.interval.bytes", "leader.replication.throttled.replicas",
              "max.compaction.lag.ms", "max.message.bytes", "message.timestamp.after.max.ms",
              "message.timestamp.before.max.ms", "message.timestamp.type", "min.cleanable.dirty.ratio",
              "min.compaction.lag.ms", "min.insync.replicas", "preallocate", "retention.bytes", "retention.ms",
              "segment.bytes", "segment.index.bytes", "segment.jitter.ms", "segment.ms", "unclean.leader.election.enable"]

for key in TOPIC_KEYS:
    @probe(f"a topic's {key}, many values", words=True)
    def _(c, key=key):
        return each_value(c, TOPIC_KIND, "empty", [key])


@probe("a topic's lists, values of their own", words=True)
def _(c):
    return [each_value(c, TOPIC_KIND, "empty", ["cleanup.policy"], [
                "delete,delete", "compact, delete", "DELETE", "delete,", ",delete", "delete,,compact", "compact,delete,compact"]),
            each_value(c, TOPIC_KIND, "empty", ["follower.replication.throttled.replicas"], [
                "*", "0:1", "0:1,1:1", "0:1,", "*,0:1", "0-1", "0:1 ", "-1:1"]),
            each_value(c, TOPIC_KIND, "empty", ["compression.type"], ["gzip", "GZIP", "uncompressed", "producer", "zstd "]),
            each_value(c, TOPIC_KIND, "empty", ["message.timestamp.type"], ["CreateTime", "createtime", "LogAppendTime"])]


# Which keys can be set while it runs, and to what.
BROKER_KEYS = ["log.retention.ms", "log.retention.bytes", "log.roll.ms", "log.segment.bytes", "log.cleanup.policy",
               "log.flush.interval.messages", "log.flush.interval.ms", "log.index.interval.bytes",
               "log.index.size.max.bytes", "log.message.timestamp.type", "log.message.timestamp.after.max.ms",
               "log.cleaner.threads", "log.cleaner.delete.retention.ms", "log.cleaner.min.cleanable.ratio",
               "log.cleaner.backoff.ms",
               "log.cleaner.io.buffer.size", "log.cleaner.io.buffer.load.factor", "compression.type", "compression.gzip.level",
               "message.max.bytes", "unclean.leader.election.enable", "num.network.threads",
               "num.io.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads",
               "max.connections", "max.connections.per.ip", "max.connection.creation.rate",
               "follower.replication.throttled.rate", "producer.id.expiration.ms", "transaction.partition.verification.enable",
               "log.retention.hours", "log.dirs", "num.partitions"]

for key in BROKER_KEYS:
    @probe(f"a broker's {key}, many values", words=False)
    def _(c, key=key):
        return [{value: each if each == 0 else each[0] for value, each in of_one.items()}
                for resource in ("", "1") for of_one in each_value(c, BROKER, resource, [key]).values()]


@probe("a group's keys, many values", words=True)
def _(c):
    return each_value(c, GROUP, "somebody", ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"],
                      ["", "-1", "0", "1", "abc", "45000", "60000", "60001", "5000", "4999", "9223372036854775807"])


# --- changes that hang together ------------------------------------------------------------------

def changed(name, changes, topic="empty", kind=TOPIC_KIND):
    @probe(f"incremental alter configs, edges: {name}", words=True)
    def _(c):
        return alter(c, kind, topic, changes, validate_only=True)


changed("append what is there", [("cleanup.policy", APPEND, "delete")])
changed("append several", [("cleanup.policy", APPEND, "compact,delete")])
changed("append nothing", [("cleanup.policy", APPEND, "")])
changed("append twice", [("cleanup.policy", APPEND, "compact"), ("cleanup.policy", APPEND, "delete")])
changed("append what is none", [("cleanup.policy", APPEND, "shred")])
changed("subtract all", [("cleanup.policy", SUBTRACT, "delete")])
changed("subtract what is not there", [("cleanup.policy", SUBTRACT, "compact")])
changed("subtract nothing", [("cleanup.policy", SUBTRACT, "")])
changed("subtract null", [("cleanup.policy", SUBTRACT, None)])
changed("delete with a value", [("retention.ms", DELETE, "7")])
changed("delete an unknown key", [("no.such", DELETE, None)])
changed("set and delete", [("retention.ms", SET, "7"), ("retention.ms", DELETE, None)])
changed("a negative operation", [("retention.ms", -1, "7")])
changed("one of two is wrong", [("retention.ms", SET, "7"), ("segment.bytes", SET, "x")])
changed("lags that contradict", [("min.compaction.lag.ms", SET, "9"), ("max.compaction.lag.ms", SET, "8")])
changed("local retention over retention", [("retention.ms", SET, "5"), ("local.retention.ms", SET, "9")])
changed("append to compression", [("compression.type", APPEND, "gzip")])
changed("append to throttled replicas", [("leader.replication.throttled.replicas", APPEND, "0:1")])
changed("internal topic", [("retention.ms", SET, "7")], topic="__consumer_offsets")


@probe("incremental alter configs, edges: several resources, of which some fail", words=True)
def _(c):
    def resource(kind, name, key, value):
        return {"ResourceType": kind, "ResourceName": name, "Configs": [{"Name": key, "Value": value, "ConfigOperation": 0}]}
    answer = c_call(c, "IncrementalAlterConfigs", 1, {"ValidateOnly": True, "Resources": [
        resource(2, "plain", "retention.ms", "1"), resource(2, "nowhere", "retention.ms", "1"),
        resource(4, "1", "log.retention.ms", "1"), resource(2, "plain", "retention.ms", "2"),
        resource(2, "empty", "segment.bytes", "x"), resource(32, "g", "consumer.session.timeout.ms", "50000")]})
    answer["Responses"].sort(key=lambda each: (each["ResourceType"], each["ResourceName"], each["ErrorCode"]))
    return answer


@probe("incremental alter configs, edges: what is set, appended, subtracted and deleted is told")
def _(c):
    created(c, "edge-altered")
    answers = []
    for changes in [[("cleanup.policy", APPEND, "compact")], [("cleanup.policy", SUBTRACT, "delete")],
                    [("cleanup.policy", APPEND, "compact")], [("retention.ms", DELETE, None)],
                    [("retention.ms", SET, " 9 "), ("segment.ms", SET, "5")], [("cleanup.policy", SUBTRACT, "compact")],
                    [("cleanup.policy", DELETE, None), ("segment.ms", DELETE, None)]]:
        answers.append(alter(c, TOPIC_KIND, "edge-altered", changes))
        c.pause()
        c.pause()
        answers.append(describe(c, TOPIC_KIND, "edge-altered", ["cleanup.policy", "retention.ms", "segment.ms"]))
    return answers


@probe("alter configs, edges: what is not named goes back to its default")
def _(c):
    created(c, "edge-replaced", segment_ms="77")
    answers = []
    for configs in [[("segment.ms", "88")], [("retention.ms", "5"), ("retention.ms", "6")], [("retention.ms", None)], []]:
        answers.append(c_call(c, "AlterConfigs", 2, {"ValidateOnly": False, "Resources": [
            {"ResourceType": 2, "ResourceName": "edge-replaced", "Configs": [
                {"Name": key, "Value": value} for key, value in configs]}]}))
        c.pause()
        c.pause()
        answers.append(describe(c, TOPIC_KIND, "edge-replaced", ["retention.ms", "segment.ms"]))
    return answers


@probe("describe configs, edges: source and synonyms of every key of a topic", subset=True)
def _(c):
    answer = describe(c, TOPIC_KIND, "small", None)
    return {config["name"]: {key: value for key, value in config.items() if key != "documentation"}
            for config in answer["results"][0]["configs"] if config["name"] not in MOVED}


# Kafka sets this one itself for eligible leader replicas.
MOVED = ("min.insync.replicas",)


@probe("describe configs, edges: a key twice, an empty key, a null and a known one")
def _(c):
    return [describe(c, TOPIC_KIND, "small", keys) for keys in (
        ["retention.ms", "retention.ms"], [""], ["RETENTION.MS"], ["segment.bytes", "no.such", "retention.ms"])]


@probe("describe configs, edges: the order of several resources")
def _(c):
    def resource(kind, name, key):
        return {"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": [key]}
    return normal(c_call(c, "DescribeConfigs", 4, {"Resources": [
        resource(2, "small", "retention.ms"), resource(4, "1", "log.retention.ms"), resource(2, "nowhere", "retention.ms"),
        resource(4, "", "log.retention.ms"), resource(2, "empty", "retention.ms")]}))


# --- topics --------------------------------------------------------------------------------------

def creation(*topics, timeout=10_000, validate_only=True):
    return {"Topics": [{"NumPartitions": 1, "ReplicationFactor": 1, **topic} for topic in topics],
            "timeoutMs": timeout, "validateOnly": validate_only}


def assigned(*brokers, **values):
    return {"Name": "edge-new", "NumPartitions": -1, "ReplicationFactor": -1, "Assignments": [
        {"PartitionIndex": n, "BrokerIds": list(each)} for n, each in enumerate(brokers)], **values}


def config(key, value):
    return {"Name": "edge-new", "Configs": [{"Name": key, "Value": value}]}


for name, topics in [
        ("the metadata's own name", [{"Name": "__cluster_metadata"}]), ("an internal topic", [{"Name": "__consumer_offsets"}]),
        ("a name with spaces around", [{"Name": " edge-new "}]), ("a name in another script", [{"Name": "żółw"}]),
        ("partitions beside an assignment", [assigned([1], NumPartitions=1)]),
        ("a factor beside an assignment", [assigned([1], ReplicationFactor=1)]),
        ("a negative broker in an assignment", [assigned([-1])]), ("assignments of unlike sizes", [assigned([1], [1, 2])]),
        ("an assignment and a bad name", [assigned([1], Name="a b")]), ("an assignment of what exists", [assigned([1], Name="plain")]),
        ("a factor beyond a byte", [{"Name": "edge-new", "ReplicationFactor": 32767}]),
        ("no partitions and no replicas", [{"Name": "edge-new", "NumPartitions": 0, "ReplicationFactor": 0}]),
        ("a bad name and no partitions", [{"Name": "a b", "NumPartitions": 0}]),
        ("what exists, with a wrong configuration", [{"Name": "plain", "Configs": [{"Name": "no.such", "Value": "1"}]}]),
        ("a wrong configuration and no partitions", [{**config("no.such", "1"), "NumPartitions": 0}]),
        ("an empty configuration key", [config("", "1")]), ("an empty value", [config("retention.ms", "")]),
        ("contradicting lags", [{"Name": "edge-new", "Configs": [
            {"Name": "min.compaction.lag.ms", "Value": "9"}, {"Name": "max.compaction.lag.ms", "Value": "8"}]}]),
        ("one twice beside another", [{"Name": "edge-new"}, {"Name": "edge-new"}, {"Name": "edge-other"}]),
        ("two that collide with each other", [{"Name": "edge.new"}, {"Name": "edge_new"}])]:
    @probe(f"create topics, edges: {name}")
    def _(c, topics=topics):
        answer = normal(c_call(c, "CreateTopics", 7, creation(*topics)))
        for topic in answer["Topics"]:
            topic.pop("Configs")
        answer["Topics"].sort(key=lambda topic: topic["Name"])
        return answer


@probe("create topics, edges: times of zero and less")
def _(c):
    answers = []
    for timeout in (0, -1, -(1 << 31)):
        answer = c_call(c, "CreateTopics", 7, creation({"Name": f"edge-timed{timeout}"}, timeout=timeout, validate_only=False))
        answers.append([[topic["ErrorCode"], topic["NumPartitions"]] for topic in answer["Topics"]])
    return answers


@probe("create topics, edges: version 7 tells the configuration of what is only validated")
def _(c):
    answer = c_call(c, "CreateTopics", 7, creation(config("retention.ms", "5")))
    return [{key: each[key] for key in ("Name", "Value", "ConfigSource", "ReadOnly", "IsSensitive")}
            for each in answer["Topics"][0]["Configs"] if each["Name"] in ("retention.ms", "cleanup.policy", "segment.bytes")]


@probe("delete topics, edges: names, ids, both and the same one twice")
def _(c):
    answers = []
    created(c, "edge-gone")
    created(c, "edge-gone-too")
    gone, too = c.values["edge-gone"], c.values["edge-gone-too"]
    for topics in [[{"Name": "edge-gone", "TopicId": gone}], [{"Name": "edge-gone"}, {"Name": None, "TopicId": gone}],
                   [{"Name": None, "TopicId": too}, {"Name": None, "TopicId": too}], [{"Name": ""}],
                   [{"Name": None, "TopicId": too}, {"Name": "nowhere"}], [{"Name": None, "TopicId": too}],
                   [{"Name": "edge-gone"}, {"Name": "edge-gone"}, {"Name": "edge-gone-too"}], []]:
        answer = normal(c_call(c, "DeleteTopics", 6, {"Topics": topics, "TimeoutMs": 10_000}))
        answer["Responses"].sort(key=str)
        answers.append(answer)
    for timeout in (0, -1):
        created(c, f"edge-late{timeout}")
        answers.append(normal(c_call(c, "DeleteTopics", 6, {"Topics": [{"Name": f"edge-late{timeout}"}], "TimeoutMs": timeout})))
    return answers


@probe("create partitions, edges: what is made")
def _(c):
    created(c, "edge-grown")
    answers = []
    for values in [{"Count": 2}, {"Count": 2}, {"Count": 3, "Assignments": [{"BrokerIds": [1]}]}, {"Count": 4, "Assignments": []},
                   {"Count": 5, "Assignments": [{"BrokerIds": [-1]}]}, {"Count": 1}]:
        answers.append(normal_call(c, "CreatePartitions", 3, {
            "Topics": [{"Name": "edge-grown", "Assignments": None, **values}], "TimeoutMs": 10_000, "ValidateOnly": False}))
    for timeout in (0, -1):
        answers.append(normal_call(c, "CreatePartitions", 3, {"Topics": [
            {"Name": "edge-grown", "Assignments": None, "Count": 6 - timeout}], "TimeoutMs": timeout, "ValidateOnly": False}))
    answer = normal_call(c, "CreatePartitions", 3, {"TimeoutMs": 1000, "ValidateOnly": True, "Topics": [
        {"Name": name, "Count": 9, "Assignments": None} for name in ("edge-grown", "nowhere", "", "a b", "edge-grown")]})
    answer["Results"].sort(key=str)
    answers.append(answer)
    return answers


def metadata_made(name, topic):
    @probe(f"Metadata, edges: {name}")
    def _(c):
        answers = {}
        for version in schema.range_of("Metadata"):
            answer = normal(c_call(c, "Metadata", version, {"Topics": [{"Name": topic}], "AllowAutoTopicCreation": False}))
            answers[version] = answer.get("Topics", answer)
        return merged({version: answer for version, answer in answers.items() if version >= 4})


metadata_made("a bad name without creation", "a b")
metadata_made("a name too long without creation", "x" * 250)
metadata_made("the metadata's own name", "__cluster_metadata")
metadata_made("a name that would collide", "collide_here")
every("Metadata", "an empty name, with creation", {"Topics": [{"Name": ""}], "AllowAutoTopicCreation": True})
every("Metadata", "known, unknown and bad names at once", {"Topics": [
    {"Name": "swept"}, {"Name": "nowhere"}, {"Name": "a b"}, {"Name": "nowhere"}], "AllowAutoTopicCreation": False}, since=4)
every("Metadata", "ids and names at once", lambda c, version: {"Topics": [
    {"Name": "swept"}, {"Name": None, "TopicId": UNKNOWN_ID}, {"Name": None, "TopicId": c.values["swept"]}],
    "AllowAutoTopicCreation": False}, since=10)


# --- pages of topics -----------------------------------------------------------------------------

def page(*topics, limit=2000, cursor=None):
    return {"Topics": [{"Name": topic} for topic in topics], "ResponsePartitionLimit": limit,
            "Cursor": None if cursor is None else {"TopicName": cursor[0], "PartitionIndex": cursor[1]}}


for name, question in [
        ("a limit below zero", page("swept", limit=-5)), ("a limit beyond the broker's", page("swept", limit=1 << 30)),
        ("one twice", page("swept", "swept")), ("names out of order", page("swept", "plain", "empty")),
        ("a limit inside of the second", page("swept", "plain", limit=3)),
        ("a limit that is full after a topic", page("swept", "plain", limit=2)),
        ("a cursor beyond the last partition", page("swept", "plain", cursor=("plain", 9))),
        ("a cursor at the second topic", page("swept", "plain", cursor=("swept", 0))),
        ("a cursor at a topic that is not asked for", page("swept", "plain", cursor=("quiet", 0))),
        ("a cursor behind all", page("plain", cursor=("zzz", 0))), ("a cursor at an unknown topic", page("nowhere", cursor=("nowhere", 0))),
        ("the offsets", page("plain", "a b", "nowhere", limit=1)),
        ("a cursor in an empty name", page("plain", cursor=("", 0)))]:
    every("DescribeTopicPartitions", f"edges, {name}", question)


@probe("DescribeTopicPartitions, edges: page after page to the end, of all topics")
def _(c):
    cursor, pages = None, []
    for _ in range(100):
        answer = c_call(c, "DescribeTopicPartitions", 0, page(limit=5, cursor=cursor))
        pages.append([[topic["Name"], [each["PartitionIndex"] for each in topic["Partitions"]]]
                      for topic in answer["Topics"]])
        cursor = answer["NextCursor"] and (answer["NextCursor"]["TopicName"], answer["NextCursor"]["PartitionIndex"])
        if cursor is None:
            break
    names = [name for each in pages for name, _ in each]
    return {"in order": names == sorted(names), "five each": [sum(len(indexes) for _, indexes in each) for each in pages[:-1]]
            == [5] * (len(pages) - 1), "ended": cursor is None,
            "some": [[name, indexes] for each in pages for name, indexes in each if name in ("swept", "plain")]}


# --- batches that contradict themselves ----------------------------------------------------------

def record(key=b"k", value=b"v", *, attributes=0, time=0, offset=0, headers=(), size=None):
    """One record of a batch; `size` is what it says its length is."""
    body = struct.pack("b", attributes) + varint(time) + varint(offset)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(len(headers)) if isinstance(headers, tuple) else headers
    for name, content in headers if isinstance(headers, tuple) else ():
        body += varint(-1) if name is None else varint(len(name)) + name
        body += varint(-1) if content is None else varint(len(content)) + content
    return varint(len(body) if size is None else size) + body


def batch(*records, base=0, length=None, epoch=-1, attributes=0, last=None, first_time=STAMP, max_time=STAMP,
          producer=(-1, -1, -1), count=None):
    body = b"".join(records)
    covered = struct.pack(">hiqqqhi", attributes, len(records) - 1 if last is None else last, first_time, max_time, *producer)
    covered += struct.pack(">i", len(records) if count is None else count) + body
    tail = struct.pack(">ibI", epoch, 2, crc32c(covered)) + covered
    return struct.pack(">qi", base, len(tail) if length is None else length) + tail


def sent(c, data, topic="edge-batches", version=12, acks=-1, partition=0):
    return normal(c_call(c, "Produce", version, {"TransactionalId": None, "Acks": acks, "TimeoutMs": 5000, "TopicData": [
        {**named(c, topic), "PartitionData": [{"Index": partition, "Records": data}]}]}))


@probe("batches: the topics that they are sent to")
def _(c):
    created(c, "edge-batches")
    created(c, "edge-appended", message_timestamp_type="LogAppendTime")
    created(c, "edge-both", cleanup_policy="compact,delete")
    for n in range(3):
        created(c, f"edge-times-{n}")
    return None


for name, data in [
        ("a base offset of its own", batch(record(), base=77)), ("a negative base offset", batch(record(), base=-5)),
        ("a leader epoch of its own", batch(record(), epoch=9)),
        ("offsets with a gap", batch(record(), record(offset=2), last=2)),
        ("a last offset beyond the records", batch(record(), last=5)), ("a last offset before the records", batch(record(), record(offset=1), last=0)),
        ("a negative last offset", batch(record(), last=-1)),
        ("a negative count", batch(record(), count=-1)), ("a count too small", batch(record(), record(offset=1), count=1)),
        ("a count of none beside a record", batch(record(), count=0)),
        ("a maximum time that is too late", batch(record(), max_time=STAMP + 999)),
        ("a maximum time that is too early", batch(record(time=999), max_time=STAMP)),
        ("a maximum time of none", batch(record(), max_time=-1)), ("no times at all", batch(record(), first_time=-1, max_time=-1)),
        ("a time below zero", batch(record(time=-5), first_time=0, max_time=0)),
        ("a first time below zero", batch(record(), first_time=-9, max_time=-9)),
        ("a time that overflows", batch(record(time=(1 << 63) - 1), first_time=STAMP, max_time=STAMP)),
        ("record attributes", batch(record(attributes=7))), 
        ("a header without a name", batch(record(headers=((None, b"x"),)))), ("a header without a value", batch(record(headers=((b"h", None),)))),
        ("a header twice", batch(record(headers=((b"h", b"1"), (b"h", b"2"))))), ("a header with an empty name", batch(record(headers=((b"", b"1"),)))),
        ("a negative count of headers", batch(record(headers=varint(-1)))), ("too many headers", batch(record(headers=varint(99)))),
        ("a record that is too long", batch(record(size=99))), ("a record that is too short", batch(record(size=3))),
        ("a record of no length", batch(record(size=0))), ("a record of a negative length", batch(record(size=-1))),
        ("a header name that is no text", batch(record(headers=((b"\xff\xfe", b"1"),)))),
        ("no key and no value", batch(record(None, None))), ("an empty key", batch(record(b"", b""))),
        ("a sequence without a producer", batch(record(), producer=(-1, -1, 5))), ("an epoch without a producer", batch(record(), producer=(-1, 3, -1))),
        ("a producer of -2", batch(record(), producer=(-2, 0, 0))), ("a producer without a sequence", batch(record(), producer=(900_001, 0, -1))),
        ("a producer's sequence of -2", batch(record(), producer=(900_002, 0, -2))), ("a producer's epoch of -2", batch(record(), producer=(900_003, -2, 0))),
        ("the greatest sequence", batch(record(), producer=(900_004, 0, (1 << 31) - 1))),
        ("the attribute of a delete horizon", batch(record(), attributes=0x40)), ("unknown attributes", batch(record(), attributes=0x180)),
        ("a length that is too large", batch(record(), length=500)),
        ("a length of nothing", batch(record(), length=0)), ("a negative length", batch(record(), length=-1)),
        ("a header alone", batch(record())[:61]), ("a header cut short", batch(record())[:30]), ("two bytes", b"\0\0"),
        ("no records, of a last offset", batch(last=0, count=0))]:
    @probe(f"produce, edges: {name}")
    def _(c, data=data):
        return [sent(c, data, version=version) for version in (3, 12)]


@probe("produce, edges: what was taken is told as it was sent")
def _(c):
    answer = c_call(c, "Fetch", 12, {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 24, "Topics": [{
        "Topic": "edge-batches", "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 24}]}]})
    data, out = answer["Responses"][0]["Partitions"][0]["Records"], []
    while len(data) > 61:
        base, size = struct.unpack_from(">qi", data)
        out.append([base, *struct.unpack_from(">hiqqqhii", data, 21), data[61:12 + size].hex()])
        data = data[12 + size:]
    return out


def partitions_sent(c, parts, acks=-1, timeout=5000, topics=None, transactional_id=None):
    topics = topics or [{"Name": "edge-batches", "PartitionData": [{"Index": index, "Records": data} for index, data in parts]}]
    return normal(c_call(c, "Produce", 12, {"TransactionalId": transactional_id, "Acks": acks, "TimeoutMs": timeout, "TopicData": topics}))


@probe("produce, edges: a topic without partitions, a topic twice, times that are none")
def _(c):
    none = {"Name": "edge-batches", "PartitionData": []}
    one = {**none, "PartitionData": [{"Index": 0, "Records": batch(record())}]}
    told = []
    for topics in ([none], [none, one], [{"Name": "nowhere", "PartitionData": []}]):
        # Kafka leaves a topic out that has nothing to tell of.
        told.append([topic for topic in partitions_sent(c, [], topics=topics)["Responses"] if topic["PartitionResponses"]])
    for timeout in (0, -1, -(1 << 31)):
        told.append([each["ErrorCode"] for topic in partitions_sent(c, [(0, batch(record()))], timeout=timeout)["Responses"]
                     for each in topic["PartitionResponses"]])
    return told


@probe("produce, edges: keys that are needed where a policy is compact and delete")
def _(c):
    return [sent(c, batch(record(), record(None, offset=1)), "edge-both"), sent(c, batch(record(b"")), "edge-both")]


@probe("produce, edges: log append time tells one time for all")
def _(c):
    answer = sent(c, batch(record(time=0), record(time=5, offset=1), first_time=STAMP, max_time=STAMP + 5), "edge-appended")
    told = [each["LogAppendTimeMs"] > STAMP for each in answer["Responses"][0]["PartitionResponses"]]
    data = c_call(c, "Fetch", 12, {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [{
        "Topic": "edge-appended", "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}]}]})
    data = data["Responses"][0]["Partitions"][0]["Records"]
    attributes, last, first, most = struct.unpack_from(">hiqq", data, 21)
    return [told, attributes, last, first == STAMP, most > STAMP, data[61:].hex()]


# --- offsets by time -----------------------------------------------------------------------------

def at_time(c, topic, *times, version=10):
    out = []
    for time in times:
        answer = c_call(c, "ListOffsets", version, {"ReplicaId": -1, "IsolationLevel": 0, "TimeoutMs": 5000, "Topics": [
            {"Name": topic, "Partitions": [{"PartitionIndex": 0, "Timestamp": time}]}]})
        part = answer["Topics"][0]["Partitions"][0]
        out.append([part["ErrorCode"], part["Timestamp"], part["Offset"]])
    return out


@probe("list offsets, edges: times that go up and down inside of batches and between them")
def _(c):
    told = []
    for n, batches in enumerate([
            [[30, 10, 20], [5, 25], [40, 40, 1]], [[50], [50], [20], [50]], [[-1], [7], [3, 9, 9, 2]]]):
        topic, found = f"edge-times-{n}", []
        for times in batches:
            records = [record(time=time - times[0], offset=at) for at, time in enumerate(times)]
            sent(c, batch(*records, first_time=times[0], max_time=max(times)), topic)
        found += at_time(c, topic, 0, 1, 2, 5, 10, 15, 20, 21, 26, 30, 31, 40, 41, 50, 51, -3, -1, -2, -4, -5)
        told.append(found)
    return told


@probe("list offsets, edges: the greatest time where the log gives the times")
def _(c):
    sent(c, batch(record(), record(offset=1)), "edge-appended")
    return [[code, time > STAMP if time > 0 else time, offset] for code, time, offset in at_time(c, "edge-appended", -3, 0, STAMP)]


@probe("list offsets, edges: the greatest time where its record is deleted")
def _(c):
    created(c, "edge-times-trimmed")
    for time in (100, 300, 200, 250, 150):
        sent(c, batch(record(), first_time=time, max_time=time), "edge-times-trimmed")
    def trimmed(start):
        c_call(c, "DeleteRecords", 2, {"TimeoutMs": 5000, "Topics": [
            {"Name": "edge-times-trimmed", "Partitions": [{"PartitionIndex": 0, "Offset": start}]}]})
        return [start, at_time(c, "edge-times-trimmed", -2, -3)]

    return {"it is there": trimmed(1), "it is deleted": [trimmed(start) for start in (2, 4, 5)]}


@probe("list offsets, edges: topics and partitions twice, none, and of one that fails")
def _(c):
    def part(index, time=-1, **values):
        return {"PartitionIndex": index, "Timestamp": time, **values}
    told = []
    for topics in [[{"Name": "plain", "Partitions": []}], [], [{"Name": "plain", "Partitions": [part(0)]}] * 2,
                   [{"Name": "plain", "Partitions": [part(0), part(0, -2), part(9), part(1)]}],
                   [{"Name": "", "Partitions": [part(0)]}], [{"Name": "a b", "Partitions": [part(0)]}]]:
        for version in (1, 10):
            answer = normal(c_call(c, "ListOffsets", version, {"ReplicaId": -1, "Topics": topics}))
            # Kafka tells what failed first, and each topic once.
            parts = {(topic["Name"], str({**each, "Offset": each["Offset"] if each["Offset"] <= 0 else "some"}))
                     for topic in answer["Topics"] for each in topic["Partitions"]}
            told.append(sorted(map(list, parts)))
    return told


@probe("offset for leader epoch, edges: a partition twice, none, a bad name")
def _(c):
    def part(epoch):
        return {"Partition": 0, "CurrentLeaderEpoch": -1, "LeaderEpoch": epoch}
    return [normal(c_call(c, "OffsetForLeaderEpoch", 4, {"ReplicaId": replica, "Topics": topics})) for replica, topics in [
        (-1, []), (-1, [{"Topic": "swept", "Partitions": []}]), (-2, [{"Topic": "swept", "Partitions": [part(0)]}]),
        (-1, [{"Topic": "swept", "Partitions": [part(0), part(7)]}]), (-1, [{"Topic": "a b", "Partitions": [part(0)]}]),
        (3, [{"Topic": "swept", "Partitions": [part(0)]}])]]


@probe("delete records, edges: partitions twice, none, times of zero, both policies, internal topics")
def _(c):
    created(c, "edge-trimmed", partitions=2)
    for n in range(3):
        sent(c, batch(record(), record(offset=1)), "edge-trimmed")
    told = []
    for timeout, topics in [(5000, [("edge-trimmed", [(0, 2), (1, 0)])]), (0, [("edge-trimmed", [(0, 3)])]), (-1, [("edge-trimmed", [(0, 4)])]),
                            (5000, [("edge-trimmed", [(0, 5), (0, 1), (9, 0)])]), (5000, [("edge-both", [(0, 0)])]),
                            (5000, [("edge-trimmed", [(0, -1)]), ("nowhere", [(0, 1)]), ("a b", [(0, 1)])]), (5000, [("__consumer_offsets", [(0, 0)])]),
                            (5000, [("edge-trimmed", [(0, (1 << 63) - 1)])]), (5000, [("edge-trimmed", [(-1, 0)])])]:
        answer = normal(c_call(c, "DeleteRecords", 2, {"TimeoutMs": timeout, "Topics": [
            {"Name": name, "Partitions": [{"PartitionIndex": index, "Offset": offset} for index, offset in parts]} for name, parts in topics]}))
        answer["Topics"].sort(key=lambda topic: topic["Name"])
        for topic in answer["Topics"]:
            topic["Partitions"].sort(key=lambda each: each["PartitionIndex"])
        told.append(answer)
    return told


# --- fetches of several partitions ---------------------------------------------------------------

def fetched(c, parts, *, session=0, epoch=-1, max_bytes=1 << 20, part_bytes=1 << 20, wait=0, min_bytes=1, forgotten=(), version=12):
    return c_call(c, "Fetch", version, {"MaxWaitMs": wait, "MinBytes": min_bytes, "MaxBytes": max_bytes, "SessionId": session,
        "SessionEpoch": epoch, "Topics": [{"Topic": topic, "TopicId": c.values.get(topic, UNKNOWN_ID), "Partitions": [
            {"Partition": index, "FetchOffset": offset, "PartitionMaxBytes": part_bytes}]} for topic, index, offset in parts],
        "ForgottenTopicsData": [{"Topic": topic, "TopicId": c.values.get(topic, UNKNOWN_ID), "Partitions": [index]}
                                for topic, index in forgotten]})


def brief(answer):
    """Which partitions came, with how many batches."""
    return [answer.get("ErrorCode", answer), [[topic["Topic"], part["PartitionIndex"], part["ErrorCode"], len(normal(part, "P")["Records"] or [])]
                                     for topic in answer.get("Responses", []) for part in topic["Partitions"]]]


@probe("fetch, edges: partitions share a limit in turn")
def _(c):
    created(c, "edge-fetched", partitions=4)
    for index in range(4):
        for _ in range(3):
            sent(c, batch(record(value=b"x" * 100)), "edge-fetched", partition=index)
    every_one = [("edge-fetched", index, 0) for index in range(4)]
    told = [brief(fetched(c, every_one)), brief(fetched(c, every_one, max_bytes=1)), brief(fetched(c, every_one, max_bytes=200)),
            brief(fetched(c, every_one, part_bytes=200)), brief(fetched(c, list(reversed(every_one)), max_bytes=1)),
            brief(fetched(c, every_one, wait=-5)), brief(fetched(c, every_one, min_bytes=-5)),
            brief(fetched(c, [("edge-fetched", 0, 3), ("edge-fetched", 1, 0)], max_bytes=1))]
    opened = fetched(c, every_one, session=0, epoch=0, max_bytes=1)
    told.append(brief(opened))
    # Each has its turn, whoever begins.
    turns = [brief(fetched(c, [], session=opened["SessionId"], epoch=epoch, max_bytes=1)) for epoch in range(1, 5)]
    return [*told, sorted(turns, key=str)]


@probe("fetch, edges: what a session is told")
def _(c):
    opened = fetched(c, [("edge-fetched", 0, 0), ("edge-fetched", 1, 3)], epoch=0)
    number, told = opened["SessionId"], [brief(opened)]
    for epoch, parts, forgotten in [(1, [], []), (2, [("edge-fetched", 2, 0)], []), (3, [], [("edge-fetched", 2)]),
                                    (4, [("edge-fetched", 0, 3)], [("edge-fetched", 9)]), (5, [("edge-fetched", 0, 2)], [("edge-fetched", 0)]),
                                    (6, [("nowhere", 0, 0)], []), (7, [], []), (8, [("edge-fetched", 0, 99)], []), (9, [], []),
                                    (9, [], []), (0, [("edge-fetched", 1, 0)], []), (10, [], [])]:
        code, parts = brief(fetched(c, parts, session=number, epoch=epoch, forgotten=forgotten))
        told.append([epoch, code, sorted(parts)])
    return told


@probe("fetch, edges: a session is about names or about ids, whatever it is asked")
def _(c):
    told = []
    for first, then in [(12, 13), (13, 12), (7, 17), (17, 7)]:
        number = fetched(c, [("edge-fetched", 0, 3)], epoch=0, version=first)["SessionId"]
        told.append([fetched(c, [], session=number, epoch=epoch, version=version)["ErrorCode"]
                     for epoch, version in [(1, then), (1, first), (2, first), (3, then)]])
    return told


@probe("fetch, edges: a session whose last partition is forgotten")
def _(c):
    told = []
    for parts in ([], [("edge-fetched", 0, 3)]):
        number = fetched(c, [("edge-fetched", 0, 0), ("edge-fetched", 1, 3)], epoch=0)["SessionId"]
        for epoch, parts, forgotten in [(1, [], [("edge-fetched", 0)]), (2, parts, [("edge-fetched", 0), ("edge-fetched", 1)]),
                                        (3, [], []), (2, [], [])]:
            answer = fetched(c, parts, session=number, epoch=epoch, forgotten=forgotten)
            told.append([brief(answer), {0: "none", number: "the same"}.get(answer["SessionId"], "another")])
    return told


@probe("fetch, edges: a session that begins with nothing")
def _(c):
    told = []
    for version in (7, 12, 13, 18):
        for then in ([], [("edge-fetched", 0, 3)]):
            number = fetched(c, [], epoch=0, version=version)["SessionId"]
            answers = [fetched(c, then, session=number, epoch=1, version=version), fetched(c, [], session=number, epoch=2, version=version)]
            told.append([version, number > 0, [[normal(answer), {0: "none", number: "the same"}.get(answer["SessionId"], "another")]
                                               for answer in answers]])
    return told


def deleted(c, name):
    """Deletes a topic, and waits until it is gone."""
    told = [normal(c_call(c, "DeleteTopics", 6, {"Topics": [{"Name": name}], "TimeoutMs": 10_000}))["Responses"][0]["ErrorCode"]]
    for _ in range(200):
        answer = c_call(c, "Metadata", 12, {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})
        if answer["Topics"][0]["ErrorCode"]:
            return [*told, answer["Topics"][0]["ErrorCode"]]
        c.pause()
    return [*told, "it stays"]


def ready(c, name, partitions):
    """Waits until partitions can be read: Kafka tells of their leaders before these know it."""
    for _ in range(200):
        if not any(code for _, _, code, _ in brief(fetched(c, [(name, index, 0) for index in range(partitions)]))[1]):
            return
        c.pause()


@probe("fetch, edges: a session about ids of topics that go and are made anew")
def _(c):
    told = []
    for version in (13, 15, 18):
        name = f"edge-gone-{version}"
        created(c, name, partitions=3)
        ready(c, name, 3)
        first = c.values[name]
        number = fetched(c, [(name, 0, 0), (name, 1, 0), ("nowhere", 0, 0)], epoch=0, version=version)["SessionId"]

        def go_on(epoch, parts=(), number=number, version=version, first=first):
            answer = fetched(c, parts, session=number, epoch=epoch, version=version)
            ids = {first: "the first", UNKNOWN_ID: "none"}
            parts = [[ids.get(topic["TopicId"], "the second"), part["PartitionIndex"], normal(part)]
                     for topic in answer["Responses"] for part in topic["Partitions"]]
            return [epoch, answer["ErrorCode"], sorted(parts, key=lambda each: each[:2])]

        told.append([version, go_on(1)])
        told.append([deleted(c, name), go_on(2)])
        # One that the session has not met: who asks for it knows the id alone.
        told.append(go_on(3, [(name, 2, 0)]))
        c.values.pop(name)
        created(c, name, partitions=1)
        ready(c, name, 1)
        told.append([c.values[name] != first, go_on(4)])
        told.append(go_on(5, [(name, 0, 0)]))
    return told


@probe("describe cluster, edges: fenced brokers included, or not")
def _(c):
    return [[normal(broker) for broker in c_call(c, "DescribeCluster", 2, {
                "IncludeClusterAuthorizedOperations": False, "EndpointType": 1, "IncludeFencedBrokers": fenced})["Brokers"]]
            for fenced in (False, True)]


@probe("fetch, edges: a diverging epoch, a topic twice, no partitions")
def _(c):
    return [normal(c_call(c, "Fetch", version, {"MaxWaitMs": 0, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": topics}))
            for version in (4, 12) for topics in [
                [{"Topic": "swept", "Partitions": []}],
                [{"Topic": "swept", "Partitions": [{"Partition": 0, "FetchOffset": 2, "PartitionMaxBytes": 1 << 20}]}] * 2,
                [{"Topic": "", "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1}]}],
                [{"Topic": "a b", "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1}]}]]]


@probe("describe producers, edges: what one has written")
def _(c):
    number = c_call(c, "InitProducerId", 4, {"TransactionalId": None, "TransactionTimeoutMs": 1000})["ProducerId"]
    created(c, "edge-producers")
    sent(c, batch(record(), record(offset=1), producer=(number, 0, 0)), "edge-producers")
    sent(c, batch(record(), producer=(number, 2, 0)), "edge-producers")
    told = [c_call(c, "DescribeProducers", 0, {"Topics": [{"Name": "edge-producers", "PartitionIndexes": indexes}]})
            for indexes in ([0], [0, 0], [])]
    for answer in told:
        for producer in (p for topic in answer["Topics"] for part in topic["Partitions"] for p in part["ActiveProducers"]):
            producer["ProducerId"] = producer["ProducerId"] == number
    return [normal(answer, "ProducerEpochs") for answer in told]


# --- groups in the middle of things --------------------------------------------------------------

def subscription(*topics):
    """What a consumer says of itself, as version 0 of its protocol has it."""
    out = struct.pack(">hi", 0, len(topics))
    for topic in topics:
        out += struct.pack(">h", len(topic)) + topic.encode()
    return out + struct.pack(">i", -1)


def lives(*versions):
    """Registers a probe of a group's life in each of some versions of JoinGroup."""
    def register(function):
        name = function.__doc__

        @probe(f"groups, edges: {name}")
        def _(c):
            answers = {}
            for version in versions:
                told = function(c, version)
                for each in told:
                    for list_name in ("Members", "members"):
                        if isinstance(each, dict) and isinstance(each.get(list_name), list):
                            each[list_name].sort(key=str)
                answers[version] = without_group(normal(told))
            return merged(answers)
    return register


def of(c, group, version=6):
    answer = c_call(c, "DescribeGroups", version, {"Groups": [group]})
    for each in answer["Groups"]:
        each["Members"].sort(key=lambda member: (str(member["MemberMetadata"]), str(member["MemberAssignment"])))
    return answer


@lives(0, 3, 5, 9)
def _(c, version):
    """described in each of its states"""
    one = Member(c, f"edge-states-{version}", version)
    told = one.joined() + [of(c, one.group), one.commit(), one.sync(), of(c, one.group)]
    told += [one.leave(), of(c, one.group)]
    return told


@lives(0, 3, 5, 9)
def _(c, version):
    """commits and heartbeats while it rebalances"""
    one, two = Member(c, f"edge-mid-{version}", version), Member(c, f"edge-mid-{version}", version)
    told = one.joined() + [one.commit(), one.heartbeat(), one.sync(), one.commit()]
    with Waiting(c, two) as waiting:
        told += [until_rebalance(c, one), one.heartbeat(), one.commit(), one.sync(), of(c, one.group), one.heartbeat(GenerationId=7),
                 one.join(), waiting.answer()]
    told += [one.heartbeat(), two.commit(), of(c, one.group), one.sync(), one.sync(), two.sync(), two.heartbeat(), two.leave(), one.leave()]
    return told


@lives(0, 4, 5, 9)
def _(c, version):
    """the leader comes back, a follower comes back, and one says something else"""
    one, two = Member(c, f"edge-again-{version}", version), Member(c, f"edge-again-{version}", version)
    told = one.joined() + [one.sync(), one.join(), one.sync()]
    with Waiting(c, two) as waiting:
        told += [until_rebalance(c, one), one.join(), waiting.answer()]
    told += [one.sync(), two.sync(), two.join(), two.heartbeat(), two.sync(), one.heartbeat(), of(c, one.group), two.leave(),
             until_rebalance(c, one), one.join(), one.sync(), one.leave()]
    return told


@lives(1, 5, 9)
def _(c, version):
    """protocols in an order, and what all know"""
    first = [{"Name": "a", "Metadata": b"1"}, {"Name": "b", "Metadata": b"2"}]
    one = Member(c, f"edge-protocols-{version}", version, Protocols=first)
    two = Member(c, one.group, version, Protocols=[{"Name": "b", "Metadata": b"3"}, {"Name": "c", "Metadata": b""}])
    told = one.joined() + [one.sync(ProtocolName="a"), of(c, one.group)]
    told += [Member(c, one.group, version).join(Protocols=[{"Name": "z", "Metadata": b""}])]
    told += [one.join(Protocols=list(reversed(first))), one.sync(ProtocolName="b")]
    told += [one.leave()]
    return told


@lives(3, 9)
def _(c, version):
    """topics that it is subscribed to keep their offsets"""
    one = Member(c, f"edge-subscribed-{version}", version, Protocols=[{"Name": "range", "Metadata": subscription("swept", "nowhere")}])
    told = one.joined() + [one.sync(), one.commit(), one.commit(topic="plain")]
    delete = {"GroupId": one.group, "Topics": [
        {"Name": name, "Partitions": [{"PartitionIndex": 0}, {"PartitionIndex": 0}, {"PartitionIndex": 9}]} for name in ("swept", "plain", "nowhere")]}
    told.append(c_call(c, "OffsetDelete", 0, delete))
    told.append(c_call(c, "OffsetFetch", 7, {"GroupId": one.group, "Topics": None}))
    told += [one.leave(), c_call(c, "OffsetDelete", 0, delete), c_call(c, "OffsetFetch", 7, {"GroupId": one.group, "Topics": None}), of(c, one.group)]
    for each in told:
        for name in ("Topics",):
            if isinstance(each.get(name), list):
                each[name].sort(key=lambda topic: topic["Name"])
    return told


@lives(3, 4, 5, 9)
def _(c, version):
    """several leave at once, some of them unknown or twice"""
    one = Member(c, f"edge-left-{version}", version)
    told = one.joined() + [one.sync()]
    leave_version = min(max(version, 3), 5)
    told.append(c_call(c, "LeaveGroup", leave_version, {"GroupId": one.group, "Members": [
        {"MemberId": "ghost"}, {"MemberId": one.member}, {"MemberId": one.member}, {"MemberId": ""}]}))
    told.append(of(c, one.group))
    return told


@lives(5, 7, 9)
def _(c, version):
    """static members: fenced, replaced, left by the wrong id"""
    one = Member(c, f"edge-static-{version}", version, GroupInstanceId="i")
    told = [one.join(), one.sync(GroupInstanceId="i")]
    two = Member(c, one.group, version, GroupInstanceId="i", Protocols=[{"Name": "range", "Metadata": b"other"}])
    told += [two.join(), two.sync(GroupInstanceId="i"), one.sync(GroupInstanceId="i"), one.heartbeat(GroupInstanceId="i"), of(c, one.group)]
    told += [one.heartbeat(), two.heartbeat(), two.heartbeat(GroupInstanceId="j"), one.leave(one.member), one.leave(one.member, "i"),
             two.leave(two.member, "j"), one.leave("ghost", "i"), Member(c, one.group, version, GroupInstanceId="i").join(MemberId="ghost"),
             two.leave(two.member), of(c, one.group)]
    return told


@lives(5, 9)
def _(c, version):
    """a static member joins with its own id, twice"""
    one = Member(c, f"edge-own-{version}", version, GroupInstanceId="i")
    told = [one.join(), one.sync(GroupInstanceId="i"), one.join(), one.sync(GroupInstanceId="i")]
    told += [one.join(Protocols=[{"Name": "range", "Metadata": b"new"}]), one.sync(GroupInstanceId="i"), one.leave("", "i"), of(c, one.group)]
    return told


@lives(4, 9)
def _(c, version):
    """who asked for a member id and never came"""
    one = Member(c, f"edge-pending-{version}", version)
    told = [one.join(), of(c, one.group), one.heartbeat(GenerationId=-1), one.heartbeat(GenerationId=0), one.sync(GenerationId=0),
            one.commit(generation=-1), one.commit(generation=0), one.commit(generation=-1, member=""),
            c_call(c, "DeleteGroups", 2, {"GroupsNames": [one.group]}), one.leave(), one.leave(), of(c, one.group), one.join(), one.leave()]
    return told


@lives(0, 2, 9)
def _(c, version):
    """times for a rebalance that are none, and a session at its bounds"""
    told = []
    for n, values in enumerate([{"RebalanceTimeoutMs": 0}, {"RebalanceTimeoutMs": -1}, {"SessionTimeoutMs": 6000}, {"SessionTimeoutMs": 5999},
                                {"SessionTimeoutMs": 1_800_000}, {"SessionTimeoutMs": 1_800_001}, {"SessionTimeoutMs": 0}, {"SessionTimeoutMs": -1}]):
        one = Member(c, f"edge-bounds-{version}-{n}", version, **(values if version or "SessionTimeoutMs" in values else {}))
        told += one.joined()
        told += [one.leave()] if one.member else []
    return told


@probe("groups, edges: names that are odd")
def _(c):
    told = []
    for n, name in enumerate([" ", "a b", "x" * 300, "żółw", "a\0b", "/", "__consumer_offsets"]):
        one = Member(c, name, 5, GroupInstanceId="i")
        told.append(without_group(normal([one.join(), one.sync(GroupInstanceId="i"), one.commit(), one.leave("", "i"),
                                          c_call(c, "OffsetFetch", 7, {"GroupId": name, "Topics": None}),
                                          c_call(c, "DescribeGroups", 6, {"Groups": [name]}), c_call(c, "DeleteGroups", 2, {"GroupsNames": [name]})])))
    return told


@probe("groups, edges: some of several are deleted")
def _(c):
    one = Member(c, "edge-kept", 5, GroupInstanceId="i")
    told = [one.join(), one.sync(GroupInstanceId="i")]
    Member(c, "edge-dropped", 9).commit(generation=-1, member="")
    for names in (["edge-dropped", "edge-dropped", "edge-kept", "nobody", ""], ["edge-dropped"]):
        answer = c_call(c, "DeleteGroups", 2, {"GroupsNames": names})
        answer["Results"].sort(key=lambda each: each["GroupId"])
        told.append(answer)
    return normal(told)


@probe("groups, edges: described twice, in each version")
def _(c):
    answers = {}
    for version in schema.range_of("DescribeGroups"):
        answer = normal(c_call(c, "DescribeGroups", version, {"Groups": ["edge-kept", "nobody", "edge-kept", ""]}))
        answer["Groups"].sort(key=lambda each: each["GroupId"])
        answers[version] = answer
    return merged(answers)


@probe("offset commit, edges: partitions twice, below zero, a topic twice, none")
def _(c):
    told = []
    def part(index, offset=5, **values):
        return {"PartitionIndex": index, "CommittedOffset": offset, "CommittedMetadata": "m", **values}
    for topics in [[("swept", [part(0), part(0, 6)])], [("swept", [part(-1)])], [("swept", [])], [("a b", [part(0)])], [("", [part(0)])], [("nowhere", [part(0)]), ("swept", [part(0, 1), part(5)])],
                   [("swept", [part(0, -1), part(1, -2)])], [("swept", [part(1, 3, CommittedLeaderEpoch=7)])],
                   [("swept", [part(0, (1 << 63) - 1)])], [("__consumer_offsets", [part(0)])],
                   [("swept", [part(0, 2, CommittedMetadata="m" * 4096)]), ("plain", [part(0, 2, CommittedMetadata="m" * 4097)])]]:
        for version in (7, 9):
            told.append(normal(c_call(c, "OffsetCommit", version, {
                "GroupId": "edge-committed", "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": [
                    {"Name": name, "Partitions": parts} for name, parts in topics]})))
        answer = c_call(c, "OffsetFetch", 7, {"GroupId": "edge-committed", "Topics": None})
        for topic in answer["Topics"]:
            topic["Partitions"].sort(key=lambda each: each["PartitionIndex"])
        told.append([[topic["Name"], [[each[key] for key in ("PartitionIndex", "CommittedOffset", "CommittedLeaderEpoch")]
                                      for each in topic["Partitions"]]] for topic in sorted(answer["Topics"], key=lambda t: t["Name"])])
    return told


@probe("offset commit, edges: how long it is kept is said by old clients")
def _(c):
    told = []
    for version in schema.range_of("OffsetCommit"):
        if 2 <= version <= 4:
            for retention in (-1, 0, 5, -9):
                told.append(normal(c_call(c, "OffsetCommit", version, {
                    "GroupId": "edge-kept-for", "GenerationIdOrMemberEpoch": -1, "MemberId": "", "RetentionTimeMs": retention, "Topics": [
                        {"Name": "swept", "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 5, "CommittedMetadata": None}]}]})))
    return told


@probe("offset fetch, edges: partitions twice, topics twice, many groups, members and epochs")
def _(c):
    told = []
    asked = [("swept", [0, 0, 1, -1]), ("nowhere", [0])]
    for version in (1, 5, 7):
        for topics in [asked, asked * 2, [("swept", [])], [("", [0])], [("a b", [0])]]:
            told.append(normal(c_call(c, "OffsetFetch", version, {"GroupId": "edge-committed", "Topics": [
                {"Name": name, "PartitionIndexes": parts} for name, parts in topics]})))
    for groups in [[{"GroupId": "edge-committed", "Topics": [{"Name": "swept", "PartitionIndexes": [1]}]}, {"GroupId": "nobody", "Topics": None},
                    {"GroupId": "", "Topics": None}], [{"GroupId": "edge-kept", "MemberId": "ghost", "MemberEpoch": 3, "Topics": []}],
                   [{"GroupId": "edge-kept", "MemberId": None, "MemberEpoch": -1, "Topics": []}],
                   [{"GroupId": "edge-kept", "MemberId": "", "MemberEpoch": -1, "Topics": []}],
                   [{"GroupId": "edge-kept", "MemberId": "ghost", "MemberEpoch": -1, "Topics": []}]]:
        for stable in (False, True):
            answer = normal(c_call(c, "OffsetFetch", 9, {"Groups": groups, "RequireStable": stable}))
            answer["Groups"].sort(key=lambda each: each["GroupId"])
            told.append(answer)
    return told


@probe("list groups, edges: filters that repeat, that are empty, that differ in case")
def _(c):
    told = []
    for values in [{"StatesFilter": ["STABLE"]}, {"StatesFilter": ["stable", "Stable"]}, {"StatesFilter": [""]}, {"TypesFilter": [""]},
                   {"TypesFilter": ["CLASSIC", "consumer"]}, {"StatesFilter": ["PreparingRebalance", "CompletingRebalance", "Dead"]},
                   {"StatesFilter": ["Stable"], "TypesFilter": ["consumer"]}, {"StatesFilter": ["Assigning"]}, {"TypesFilter": ["streams"]}]:
        answer = c_call(c, "ListGroups", 5, values)
        answer["Groups"] = [each for each in answer["Groups"] if each["GroupId"] == "edge-kept"]
        told.append(normal(answer))
    return told


@probe("find coordinator, edges: keys twice, many, odd ones")
def _(c):
    told = []
    for kind, keys in [(0, ["a", "a"]), (0, ["", " ", "x" * 300]), (-1, ["a"]), (3, ["a"]), (127, [])]:
        answer = normal(c_call(c, "FindCoordinator", 4, {"KeyType": kind, "CoordinatorKeys": keys}))
        told.append(answer)
    return told


# --- the cluster ---------------------------------------------------------------------------------

for name, values in [("all topics", {"Topics": None}), ("an unknown topic", {"Topics": [{"Topic": "nowhere", "Partitions": [0]}]}),
                     ("a topic twice", {"Topics": [{"Topic": "swept", "Partitions": [0]}] * 2}),
                     ("a partition twice", {"Topics": [{"Topic": "swept", "Partitions": [0, 0, 1]}]}),
                     ("a topic without partitions", {"Topics": [{"Topic": "swept", "Partitions": []}]})]:
    @probe(f"describe log dirs, edges: {name}")
    def _(c, values=values):
        answers = {}
        for version in schema.range_of("DescribeLogDirs"):
            answer = normal(c_call(c, "DescribeLogDirs", version, values))
            for directory in answer["Results"]:
                directory["Topics"] = sorted(({**topic, "Partitions": sorted(topic["Partitions"], key=lambda each: each["PartitionIndex"])}
                                              for topic in directory["Topics"] if topic["Name"] in ("swept", "plain")), key=lambda topic: topic["Name"])
            answers[version] = answer
        return merged(answers)


every("DescribeCluster", "with brokers that are fenced", {"IncludeFencedBrokers": True}, since=2)
for name, types in [("all", []), ("topics", [2]), ("loggers", [8]), ("groups", [32]), ("one twice", [4, 4]), ("topics and one that is none", [2, 99]),
                    ("type 0", [0]), ("a negative type", [-1])]:
    @probe(f"list config resources, edges: {name}")
    def _(c, types=types):
        answer = c_call(c, "ListConfigResources", 1, {"ResourceTypes": types})
        known = {each["ResourceName"] for each in answer["ConfigResources"]}
        return {"error": answer["ErrorCode"], "types": sorted({each["ResourceType"] for each in answer["ConfigResources"]}),
                "named": sorted(known & {"swept", "plain", "1", "configured"})}


def component(kind, match, name=None):
    return {"EntityType": kind, "MatchType": match, "Match": name}


for name, components, strict in [
        ("users", [component("user", 2)], False), ("the default user", [component("user", 1)], True),
        ("an exact match of null", [component("user", 0)], False), ("a match beside any", [component("user", 2, "x")], False),
        ("a match beside the default", [component("user", 1, "x")], False),
        ("user and address", [component("user", 2), component("ip", 2)], False), ("an address that is none", [component("ip", 0, "no.where")], False),
        ("an empty type", [component("", 2)], False), ("a negative match", [component("user", -1)], False), ("nothing, strictly", [], True),
        ("client ids", [component("client-id", 2)], True)]:
    every("DescribeClientQuotas", f"edges, {name}", {"Components": components, "Strict": strict})

# Of a value of 0 Kafka closes the connection.
for name, values in [("a type that is none", {"ResourceTypeFilter": 99}), ("a permission that is none", {"PermissionType": 99})]:
    every("DescribeAcls", f"edges, {name}", {"ResourceTypeFilter": 1, "PatternTypeFilter": 1, "Operation": 1, "PermissionType": 1, **values})
every("CreateAcls", "edges, a type that is none", {"Creations": [{
    "ResourceType": 99, "ResourceName": "t", "ResourcePatternType": 3, "Principal": "User:a", "Host": "*", "Operation": 3, "PermissionType": 3}]})
every("CreateAcls", "edges, a pattern of any", {"Creations": [{
    "ResourceType": 2, "ResourceName": "t", "ResourcePatternType": 1, "Principal": "nobody", "Host": "", "Operation": 3, "PermissionType": 3}]})
every("DeleteAcls", "edges, no filters", {"Filters": []})

for name, values in [("a leader that is preferred", {"TopicPartitions": [{"Topic": "swept", "Partitions": [0, 9]}]}),
                     ("an unknown topic", {"TopicPartitions": [{"Topic": "nowhere", "Partitions": [0]}]}), ("none", {"TopicPartitions": []})]:
    every("ElectLeaders", name, values)
every("ElectLeaders", "of a type that is none", {"ElectionType": 7, "TopicPartitions": [{"Topic": "swept", "Partitions": [0]}]}, since=1)
every("ElectLeaders", "an unclean one of who leads", {"ElectionType": 1, "TopicPartitions": [{"Topic": "swept", "Partitions": [0]}]}, since=1)


def moved(replicas, topic="swept", partition=0):
    return {"Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": partition, "Replicas": replicas}]}], "TimeoutMs": 5000}


for name, values in [("to where it is", moved([1])), ("to nobody", moved([])), ("to one twice", moved([1, 1])), ("to a stranger", moved([77])),
                     ("to a negative broker", moved([-1])), ("an unknown topic", moved([1], "nowhere")), ("an unknown partition", moved([1], partition=9)),
                     ("cancelled, though there is none", moved(None)), ("of nothing", {"Topics": [], "TimeoutMs": 5000})]:
    every("AlterPartitionReassignments", name, values)
for name, topics in [("all", None), ("none", []), ("of a topic", [{"Name": "swept", "PartitionIndexes": [0]}]),
                     ("of an unknown topic", [{"Name": "nowhere", "PartitionIndexes": [0]}])]:
    every("ListPartitionReassignments", name, {"Topics": topics, "TimeoutMs": 5000})
for name, values in [("a feature that is none", [{"Feature": "nothing", "MaxVersionLevel": 1}]), ("a level that is too high", [
        {"Feature": "metadata.version", "MaxVersionLevel": 999}]),
        ("a negative level", [{"Feature": "metadata.version", "MaxVersionLevel": -1}]), ("none", [])]:
    every("UpdateFeatures", name, lambda c, version, values=values: {
        "FeatureUpdates": values, "timeoutMs": 5000, **({"ValidateOnly": True} if version else {})}, since=1)
every("UnregisterBroker", "one that is none", {"BrokerId": 99})


# --- frames --------------------------------------------------------------------------------------

@probe("frames, edges: bytes behind a body, in the oldest and newest version of each api")
def _(c):
    told = {}
    bodies = {"Metadata": {"Topics": []}, "ListGroups": {}, "DescribeCluster": {}, "ListOffsets": {"ReplicaId": -1, "Topics": []},
              "Fetch": {"MaxWaitMs": 0, "MinBytes": 0, "Topics": []}, "DescribeGroups": {"Groups": []}, "CreateTopics": {"Topics": []},
              "Produce": {"Acks": -1, "TimeoutMs": 5, "TopicData": []}, "OffsetCommit": {"GroupId": "g", "Topics": []}, "ApiVersions": {}}
    for api, values in bodies.items():
        for version in (schema.range_of(api)[0], schema.range_of(api)[-1]):
            request = schema.MESSAGES[f"{api}Request"]
            flexible = version in request.flexible
            if api == "ApiVersions" and version:
                values = {"ClientSoftwareName": "p", "ClientSoftwareVersion": "1"}
            body = schema.encode(request.fields, values, version, flexible) + b"\0\0\0\0"
            with Connection(c.bootstrap, timeout=5.0) as connection:
                try:
                    connection.receive(connection.send(request.number, version, body, flexible))
                    told[f"{api} {version}"] = "answered"
                except WireError as error:
                    told[f"{api} {version}"] = str(error)
    return told


@probe("frames, edges: a client without a name, one of an empty name, fields of the header that nobody knows")
def _(c):
    told = []
    for header, flexible in [(struct.pack(">hhihi", 3, 1, 1, -1, 0), False), (struct.pack(">hhihi", 3, 1, 1, 0, 0), False),
                             (struct.pack(">hhih", 3, 12, 1, -1) + b"\x01\x63\x02ab" + b"\1\0\0\0", True),
                             (struct.pack(">hhih", 3, 12, 1, -1) + b"\0" + b"\1\0\0\1\x63\x02ab", True)]:
        with Connection(c.bootstrap, timeout=5.0) as connection:
            connection.socket.sendall(struct.pack(">i", len(header)) + header)
            try:
                connection.receive(1)
                told.append("answered")
            except WireError as error:
                told.append(str(error))
    return told


@probe("frames, edges: answers come in the order of the questions")
def _(c):
    with Connection(c.bootstrap, timeout=10.0) as connection:
        sent_ids = [schema.send(connection, "Fetch", 12, {"MaxWaitMs": 300, "MinBytes": 1 << 20, "MaxBytes": 1 << 20, "Topics": [
            {"Topic": "empty", "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}]}]}),
            schema.send(connection, "Metadata", 12, {"Topics": []}), schema.send(connection, "ListOffsets", 5, {"ReplicaId": -1, "Topics": []})]
        return [schema.receive(connection, api, version, number).get("ErrorCode", "answered") for (api, version), number in zip(
            [("Fetch", 12), ("Metadata", 12), ("ListOffsets", 5)], sent_ids, strict=True)]
