"""Probes of what is named twice, with an empty name, or not at all, answer for answer as it comes: which entries there are, in
what order, and which of several errors is told.
"""

import gzip
import struct
import time

import schema
from context import probe
from harness.wire import crc32c
from probes_edges import batch, brief, component, created, fetched, record, sent
from probes_versions import STAMP, UNKNOWN_ID, Member, c_call, every, merged, named, normal, without_group


# Answers that Kafka gives in the order of a hash map: which entries there are counts, and how often, but not where.
UNORDERED = {"Produce": "Responses", "ListOffsets": "Topics", "DeleteRecords": "Topics", "Metadata": "Topics"}


def in_order(api, answer):
    topics = answer.get(UNORDERED.get(api))
    for topic in topics or []:
        for name in ("Partitions", "PartitionResponses"):
            if name in topic:
                topic[name].sort(key=str)
    if topics:
        topics.sort(key=str)
    return answer


def asked_in(c, api, versions, values):
    """The answers of some versions, as they are; a connection that is closed is an answer, too."""
    answers = {}
    for version in versions:
        request = values(c, version) if callable(values) else values
        answers[version] = in_order(api, normal(c_call(c, api, version, request)))
    return merged(answers)


def raw(api, name, values, versions=None):
    @probe(f"{api}, repeats: {name}")
    def _(c):
        return asked_in(c, api, versions or schema.range_of(api), values)


@probe("repeats: the topics they are asked about")
def _(c):
    created(c, "again", partitions=4)
    # Where answers differ on purpose, so do offsets behind them.
    created(c, "again-wrong", partitions=4)
    created(c, "again-sent", partitions=4)
    taken, deadline = 0, time.monotonic() + 10
    while taken < 3 and time.monotonic() < deadline:
        # The one who leads may not know it yet.
        answer = sent(c, batch(record(), record(offset=1)), "again")
        taken += answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"] == 0
    return taken


# --- batches -------------------------------------------------------------------------------------

for name, data in [
        ("offsets from one on", batch(record(offset=1), last=0)), ("offsets that repeat", batch(record(), record())),
        ("offsets that go back", batch(record(offset=1), record(offset=0))), ("an offset below zero", batch(record(offset=-1), record(offset=0), last=1)),
        ("offsets beyond the last", batch(record(), record(offset=5))), ("offsets that skip one", batch(record(), record(offset=2), record(offset=3), last=3)),
        ("offsets of another size", batch(record(offset=1 << 31)))]:
    @probe(f"produce, repeats: {name}")
    def _(c, data=data):
        return [sent(c, data, "again-wrong", version=version, partition=2) for version in (3, 9, 12, 13)]

@probe("produce, repeats: compressed, offsets that repeat, begin at one, and are right")
def _(c):
    told = []
    for offsets in ((0, 0), (1, 2), (0, 1)):
        body = gzip.compress(b"".join(record(offset=offset) for offset in offsets))
        covered = struct.pack(">hiqqqhii", 1, 1, STAMP, STAMP, -1, -1, -1, 2) + body
        tail = struct.pack(">ibI", -1, 2, crc32c(covered)) + covered
        told.append(sent(c, struct.pack(">qi", 0, len(tail)) + tail, "again-wrong", partition=3))
    return told


raw("Produce", "acknowledgements that are none, of what exists and what does not", {"TransactionalId": None, "Acks": 5, "TimeoutMs": 1000, "TopicData": [
    {"Name": name, "PartitionData": [{"Index": index, "Records": data} for index, data in ((0, batch(record())), (1, b""), (99, batch(record())))]}
    for name in ("again", "nowhere", "__consumer_offsets")]}, (3, 9, 12))


# --- names that are empty, null or wrong ---------------------------------------------------------

for text in ("", "a b", ".", "x" * 250):
    shown = text if len(text) < 9 else "one of 250 letters"
    raw("DescribeTopicPartitions", f"the name {shown!r}", {"Topics": [{"Name": text}], "ResponsePartitionLimit": 10})
    raw("Metadata", f"the name {shown!r}", {"Topics": [{"Name": text}], "AllowAutoTopicCreation": False}, range(4, 14))
    raw("Metadata", f"the name {shown!r}, to be made", {"Topics": [{"Name": text}], "AllowAutoTopicCreation": True}, range(4, 14))
    raw("ListOffsets", f"the name {shown!r}", {"ReplicaId": -1, "Topics": [{"Name": text, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1}]}]})
    raw("OffsetForLeaderEpoch", f"the name {shown!r}", {"ReplicaId": -1, "Topics": [{"Topic": text, "Partitions": [
        {"Partition": 0, "CurrentLeaderEpoch": -1, "LeaderEpoch": 0}]}]}, range(2, 5))
    raw("DeleteRecords", f"the name {shown!r}", {"TimeoutMs": 1000, "Topics": [{"Name": text, "Partitions": [{"PartitionIndex": 0, "Offset": 0}]}]})
    raw("CreatePartitions", f"the name {shown!r}", {"Topics": [{"Name": text, "Count": 3}], "TimeoutMs": 1000, "ValidateOnly": True})
    raw("DeleteTopics", f"the name {shown!r}", {"TopicNames": [text], "TimeoutMs": 1000}, range(1, 6))
    raw("DescribeProducers", f"the name {shown!r}", {"Topics": [{"Name": text, "PartitionIndexes": [0]}]})
    raw("Fetch", f"the name {shown!r}", {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [
        {"Topic": text, "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}]}]}, range(4, 13))
    raw("Produce", f"the name {shown!r}", {"TransactionalId": None, "Acks": -1, "TimeoutMs": 1000, "TopicData": [
        {"Name": text, "PartitionData": [{"Index": 0, "Records": batch(record())}]}]}, range(3, 13))
    raw("OffsetCommit", f"the name {shown!r}", {"GroupId": "again-named", "Topics": [{"Name": text, "Partitions": [
        {"PartitionIndex": 0, "CommittedOffset": 1, "CommittedMetadata": ""}]}]}, range(2, 10))
    raw("OffsetDelete", f"the name {shown!r}", {"GroupId": "again-named", "Topics": [{"Name": text, "Partitions": [{"PartitionIndex": 0}]}]})
    raw("ElectLeaders", f"the name {shown!r}", {"ElectionType": 0, "TopicPartitions": [{"Topic": text, "Partitions": [0]}], "TimeoutMs": 1000})
    raw("AlterPartitionReassignments", f"the name {shown!r}", {"TimeoutMs": 1000, "Topics": [
        {"Name": text, "Partitions": [{"PartitionIndex": 0, "Replicas": [1]}]}]})
    raw("DescribeConfigs", f"the topic {shown!r}", {"Resources": [{"ResourceType": 2, "ResourceName": text, "ConfigurationKeys": ["retention.ms"]}]})
    raw("IncrementalAlterConfigs", f"the topic {shown!r}", {"ValidateOnly": True, "Resources": [{"ResourceType": 2, "ResourceName": text, "Configs": [
        {"Name": "retention.ms", "ConfigOperation": 0, "Value": "1"}]}]})

raw("DescribeTopicPartitions", "a topic twice", {"Topics": [{"Name": "again"}] * 2, "ResponsePartitionLimit": 10})
raw("DescribeTopicPartitions", "names that are wrong among others", {"Topics": [
    {"Name": "again"}, {"Name": ""}, {"Name": "nowhere"}, {"Name": "a b"}, {"Name": "empty"}], "ResponsePartitionLimit": 10})
raw("Metadata", "names that are wrong among others", {"Topics": [
    {"Name": "again"}, {"Name": "nowhere"}, {"Name": "a b"}, {"Name": "again"}, {"Name": "empty"}], "AllowAutoTopicCreation": False}, range(4, 14))


# --- topics and partitions twice -----------------------------------------------------------------

def offsets_of(*parts):
    return [{"Name": topic, "Partitions": [{"PartitionIndex": index, "Timestamp": time} for index, time in each]} for topic, each in parts]


for name, parts in [
        ("a topic twice", [("again", [(0, -1)]), ("again", [(0, -1)])]), ("a topic twice, other partitions", [("again", [(0, -1)]), ("again", [(1, -1)])]),
        ("a topic twice, others between", [("again", [(0, -1)]), ("plain", [(1, -1)]), ("again", [(1, -2)])]),
        ("a partition twice", [("again", [(0, -1), (0, -1)])]), ("a partition twice, other times", [("again", [(0, -1), (0, -2)])]),
        ("a partition twice beside others", [("again", [(0, -1), (1, -1), (0, -2), (2, -1)])]),
        ("a partition in a topic twice", [("again", [(0, -1)]), ("again", [(0, -2)])]),
        ("unknown ones among others", [("nowhere", [(0, -1)]), ("again", [(9, -1), (0, -1)]), ("a b", [(0, -1)]), ("plain", [(0, -2)])]),
        ("times that are none", [("again", [(0, -9), (1, -6), (2, -100)])]), ("none", []), ("no partitions", [("again", [])])]:
    raw("ListOffsets", name, {"ReplicaId": -1, "Topics": offsets_of(*parts)})


def commits(*parts):
    return {"GroupId": "again-commits", "Topics": [{"Name": topic, "Partitions": [
        {"PartitionIndex": index, "CommittedOffset": offset, "CommittedMetadata": "m"} for index, offset in each]} for topic, each in parts]}


def committed(name, values):
    @probe(f"OffsetCommit, repeats: {name}")
    def _(c):
        answers = {}
        for version in range(2, 11):
            request = values
            if version == 10:
                request = {**values, "Topics": [{**topic, "TopicId": c.values.get(topic["Name"], UNKNOWN_ID)} for topic in values["Topics"]]}
            told = [normal(c_call(c, "OffsetCommit", version, request))]
            left = normal(c_call(c, "OffsetFetch", 5, {"GroupId": "again-commits", "Topics": None}))
            left["Topics"] = sorted(({**topic, "Partitions": sorted(topic["Partitions"], key=lambda each: each["PartitionIndex"])}
                                     for topic in left["Topics"]), key=lambda topic: topic["Name"])
            answers[version] = [*told, left]
        return merged(answers)


committed("a topic twice", commits(("again", [(0, 1)]), ("again", [(1, 2)])))
committed("a partition twice", commits(("again", [(0, 1), (0, 2)])))
committed("a partition in a topic twice", commits(("again", [(0, 3)]), ("plain", [(0, 4)]), ("again", [(0, 5)])))
committed("unknown ones among others", commits(("nowhere", [(0, 3)]), ("again", [(9, 1), (0, 4), (-1, 5)]), ("plain", [(0, 5)])))
committed("no partitions", commits(("again", []), ("nowhere", [])))
committed("none", commits())

for name, topics in [
        ("a topic twice", [("again", [0]), ("again", [1])]), ("a partition twice", [("again", [0, 0])]),
        ("a partition in a topic twice", [("again", [0]), ("plain", [0]), ("again", [0])]),
        ("unknown ones among others", [("nowhere", [0]), ("again", [9, 0, -1]), ("plain", [0])]), ("no partitions", [("again", [])])]:
    raw("OffsetFetch", name, {"GroupId": "again-commits", "Topics": [{"Name": topic, "PartitionIndexes": indexes} for topic, indexes in topics]}, range(1, 8))
    raw("OffsetFetch", f"in groups, {name}", lambda c, version, topics=topics: {"Groups": [{"GroupId": "again-commits", "Topics": [
        {"Name": topic, "TopicId": c.values.get(topic, UNKNOWN_ID), "PartitionIndexes": indexes} for topic, indexes in topics]}]}, range(8, 11))
    raw("OffsetDelete", name, {"GroupId": "again-commits", "Topics": [
        {"Name": topic, "Partitions": [{"PartitionIndex": index} for index in indexes]} for topic, indexes in topics]})
    raw("OffsetForLeaderEpoch", name, {"ReplicaId": -1, "Topics": [{"Topic": topic, "Partitions": [
        {"Partition": index, "CurrentLeaderEpoch": -1, "LeaderEpoch": 0} for index in indexes]} for topic, indexes in topics]}, range(2, 5))
    raw("DescribeProducers", name, {"Topics": [{"Name": topic, "PartitionIndexes": indexes} for topic, indexes in topics]})
    raw("DeleteRecords", name, {"TimeoutMs": 1000, "Topics": [{"Name": topic, "Partitions": [
        {"PartitionIndex": index, "Offset": 0} for index in indexes]} for topic, indexes in topics]})
    raw("ElectLeaders", name, {"ElectionType": 0, "TimeoutMs": 1000, "TopicPartitions": [{"Topic": topic, "Partitions": indexes} for topic, indexes in topics]})
    raw("AlterPartitionReassignments", name, {"TimeoutMs": 1000, "Topics": [{"Name": topic, "Partitions": [
        {"PartitionIndex": index, "Replicas": [1]} for index in indexes]} for topic, indexes in topics]})
    raw("Produce", name, {"TransactionalId": None, "Acks": 1, "TimeoutMs": 1000, "TopicData": [
        {"Name": {"again": "again-wrong" if "nowhere" in dict(topics) else "again-sent"}.get(topic, topic), "PartitionData": [{"Index": index, "Records": batch(record())} for index in indexes]}
        for topic, indexes in topics]}, (3, 9, 12))

raw("DeleteRecords", "a partition twice, other offsets", {"TimeoutMs": 1000, "Topics": [{"Name": "again", "Partitions": [
    {"PartitionIndex": 0, "Offset": 1}, {"PartitionIndex": 0, "Offset": 2}]}]})
raw("DeleteRecords", "a topic twice, other offsets", {"TimeoutMs": 1000, "Topics": [
    {"Name": "again", "Partitions": [{"PartitionIndex": 0, "Offset": 3}]}, {"Name": "again", "Partitions": [{"PartitionIndex": 0, "Offset": 2}]}]})


# --- which error, and in what order --------------------------------------------------------------

MIXED = [("nowhere", 0, 0), ("again", 0, 99), ("a b", 0, 0), ("again", 9, 0), ("again", 1, 0), ("empty", 0, 0), ("again", 0, 4)]

for versions in ((4, 7, 11, 12), (13, 16, 17, 18)):
    @probe(f"fetch, repeats: errors among what is there, versions {versions}")
    def _(c, versions=versions):
        told = {}
        for version in versions:
            answer = fetched(c, MIXED, version=version)
            told[version] = [answer.get("ErrorCode", 0), [[topic.get("Topic") or "id", [[part["PartitionIndex"], part["ErrorCode"], part["HighWatermark"], part.get(
                "LogStartOffset")] for part in topic["Partitions"]]] for topic in answer["Responses"]]]
        return merged(told)


@probe("fetch, repeats: which of several errors a partition is told")
def _(c):
    told = []
    for values in [{"CurrentLeaderEpoch": 99}, {"CurrentLeaderEpoch": 99, "FetchOffset": 99}, {"FetchOffset": -1}, {"FetchOffset": 1 << 62},
                   {"PartitionMaxBytes": 0}, {"PartitionMaxBytes": -1}, {"FetchOffset": 99, "PartitionMaxBytes": -1}, {"LastFetchedEpoch": 99},
                   {"LastFetchedEpoch": 0, "FetchOffset": 99}, {"LogStartOffset": 5}, {"CurrentLeaderEpoch": -2}]:
        answer = c_call(c, "Fetch", 12, {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [{"Topic": "again", "Partitions": [
            {"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20, **values}]}]})
        told.append([values, brief(answer)])
    for values in [{"MaxBytes": 0}, {"MaxBytes": -1}, {"MaxWaitMs": -1}, {"ReplicaId": -2}]:
        answer = c_call(c, "Fetch", 11, {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [{"Topic": "again", "Partitions": [
            {"Partition": 0, "FetchOffset": 4, "PartitionMaxBytes": 1 << 20}]}], **values})
        told.append([values, brief(answer)])
    return told


@probe("epochs, repeats: below zero, before the first, and of the future")
def _(c):
    told = []
    for current, epoch in [(-1, -1), (-1, -2), (-1, -9), (-2, 0), (-1, 0), (-1, 99), (99, 0), (0, -2)]:
        told.append(c_call(c, "OffsetForLeaderEpoch", 4, {"ReplicaId": -1, "Topics": [{"Topic": "again", "Partitions": [
            {"Partition": 0, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]}]})["Topics"])
        told.append(c_call(c, "ListOffsets", 5, {"ReplicaId": -1, "Topics": [{"Name": "again", "Partitions": [
            {"PartitionIndex": 0, "CurrentLeaderEpoch": current, "Timestamp": -1}]}]})["Topics"])
        told.append(c_call(c, "ListOffsets", 9, {"ReplicaId": -1, "Topics": [{"Name": "again", "Partitions": [
            {"PartitionIndex": 0, "CurrentLeaderEpoch": current, "Timestamp": -5}]}]})["Topics"])
        told.append(brief(c_call(c, "Fetch", 12, {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [{"Topic": "again", "Partitions": [
            {"Partition": 0, "CurrentLeaderEpoch": current, "FetchOffset": 4, "PartitionMaxBytes": 1 << 20}]}]})))
    return told


@probe("OffsetCommit, repeats: refused, a topic twice")
def _(c):
    values = {**commits(("again", [(0, 1)]), ("again", [(1, 2)])), "GroupId": "", "GenerationIdOrMemberEpoch": 3, "MemberId": "ghost"}
    return asked_in(c, "OffsetCommit", range(2, 10), values)


# --- groups --------------------------------------------------------------------------------------

@probe("groups, repeats: a protocol listed twice")
def _(c):
    answers = {}
    for version in (0, 4, 5, 9):
        told = []
        for n, protocols in enumerate([["range", "range"], ["range", "sticky", "range"], ["", "range"]]):
            one = Member(c, f"again-protocols-{n}-{version}", version, Protocols=[
                {"Name": name, "Metadata": b"%d" % at} for at, name in enumerate(protocols)])
            told.append(one.join())
            if told[-1].get("ErrorCode") == 79:
                told.append(one.join())
            told += [one.sync(), c_call(c, "DescribeGroups", min(version, 5), {"Groups": [one.group]}), one.leave()]
        answers[version] = without_group(normal(told))
    return merged(answers)


raw("DescribeGroups", "a group twice", {"Groups": ["again-commits", "again-commits", "nobody"]})
raw("DeleteGroups", "a group twice", {"GroupsNames": ["nobody", "nobody"]})
raw("DeleteGroups", "an empty name", {"GroupsNames": [""]})
raw("DescribeGroups", "an empty name", {"Groups": [""]})
raw("FindCoordinator", "an empty key", {"Key": "", "KeyType": 0}, range(0, 4))


# --- the cluster ---------------------------------------------------------------------------------

for kind in (0, 1):
    @probe(f"ElectLeaders, repeats: of all partitions, type {kind}")
    def _(c, kind=kind):
        told = {}
        for version in schema.range_of("ElectLeaders"):
            answer = c_call(c, "ElectLeaders", version, {"ElectionType": kind, "TopicPartitions": None, "TimeoutMs": 5000})
            results = {(topic["Topic"], part["PartitionId"]): part for topic in answer["ReplicaElectionResults"] for part in topic["PartitionResult"]}
            named_topics = {topic["Topic"] for topic in answer["ReplicaElectionResults"]}
            told[version] = [answer.get("ErrorCode"), normal([results.get((topic, 0)) for topic in ("again", "plain", "empty")]), len(results) > 0,
                             sorted(named_topics & {"again", "plain", "empty", "nowhere"})]
        return merged(told)

for name, updates in [
        ("the level that it has", lambda now: [("metadata.version", now, 1)]), ("a level twice", lambda now: [("metadata.version", now, 1)] * 2),
        ("the level that it has, of a type that is none", lambda now: [("metadata.version", now, 9)]),
        ("a downgrade that is none", lambda now: [("metadata.version", now, 2)]), ("an unsafe downgrade that is none", lambda now: [("metadata.version", now, 3)]),
        ("an upgrade that goes down", lambda now: [("metadata.version", now - 1, 1)]), ("a level of none", lambda now: [("metadata.version", 0, 3)]),
        ("the group level that it has", lambda now: [("group.version", 1, 1)]), ("an empty name", lambda now: [("", 1, 1)]),
        ("two, of which one is none", lambda now: [("metadata.version", now, 1), ("nothing", 1, 1)])]:
    @probe(f"UpdateFeatures, repeats: {name}")
    def _(c, updates=updates):
        versions = c_call(c, "ApiVersions", 4, {"ClientSoftwareName": "p", "ClientSoftwareVersion": "1"})
        now = next(each["MaxVersionLevel"] for each in versions["FinalizedFeatures"] if each["Name"] == "metadata.version")
        told = {}
        for version in (1, 2):
            answer = c_call(c, "UpdateFeatures", version, {"FeatureUpdates": [{"Feature": feature, "MaxVersionLevel": level, "UpgradeType": kind}
                                                           for feature, level, kind in updates(now)], "timeoutMs": 5000, "ValidateOnly": True})
            def shown(text):
                return text if text in (None, "", "NONE") else "<text>"

            told[version] = [answer["ErrorCode"], shown(answer["ErrorMessage"]), [[each["Feature"], each["ErrorCode"], shown(each["ErrorMessage"])]
                             for each in answer.get("Results", [])]]
        return merged(told)

every_acl = {"ResourceTypeFilter": 1, "PatternTypeFilter": 1, "Operation": 1, "PermissionType": 1}
creation = {"ResourceType": 2, "ResourceName": "t", "ResourcePatternType": 3, "Principal": "User:a", "Host": "*", "Operation": 3, "PermissionType": 3}
for field in ("ResourceTypeFilter", "PatternTypeFilter", "Operation", "PermissionType"):
    raw("DescribeAcls", f"{field} of 0", {**every_acl, field: 0})
    raw("DeleteAcls", f"{field} of 0", {"Filters": [{**every_acl, field: 0}]})
for field in ("ResourceType", "ResourcePatternType", "Operation", "PermissionType"):
    raw("CreateAcls", f"{field} of 0", {"Creations": [{**creation, field: 0}]})
raw("DescribeClientQuotas", "a type twice", {"Components": [component("user", 2), component("user", 2)], "Strict": False})
raw("DescribeConfigs", "a resource twice", {"Resources": [{"ResourceType": 2, "ResourceName": "again", "ConfigurationKeys": ["retention.ms"]}] * 2})
raw("AlterPartitionReassignments", "to where it is and cancelled", {"TimeoutMs": 1000, "Topics": [{"Name": "again", "Partitions": [
    {"PartitionIndex": 0, "Replicas": [1]}, {"PartitionIndex": 0, "Replicas": None}]}]})
raw("CreatePartitions", "a topic twice", {"Topics": [{"Name": "again", "Count": 4}] * 2, "TimeoutMs": 1000, "ValidateOnly": True})
raw("DeleteTopics", "a name twice", {"TopicNames": ["nowhere", "nowhere"], "TimeoutMs": 1000}, range(1, 6))
