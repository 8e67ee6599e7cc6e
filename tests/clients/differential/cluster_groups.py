"""Probes of coordinators: who finds them, and what others say to those who ask them."""

import schema
from cluster.nodes import NODES, wait_for
from cluster_context import LIMIT, every, normal
from context import probe
from normal import merged

GROUP = "crowd"
WHERE = {"NodeId"}


@probe("groups: coordinators are there")
def _(c):
    for group in (GROUP, "others", ""):
        c.coordinator(group)
    c.coordinator(GROUP, kind=1)
    c.coordinator("others", kind=1)
    return "there"


for kind, word in [(0, "of groups"), (1, "of transactions"), (2, "of shares"), (3, "of a type that is none"), (-1, "of type -1")]:
    every("FindCoordinator", f"{word}, several", {"KeyType": kind, "CoordinatorKeys": [GROUP, "others", ""]}, since=4, hidden=WHERE)
    every("FindCoordinator", f"{word}, one", {"KeyType": kind, "Key": GROUP}, since=1, until=3, hidden=WHERE)
every("FindCoordinator", "of nothing", {"KeyType": 0, "CoordinatorKeys": []}, since=4)
every("FindCoordinator", "of a group, version 0", {"Key": GROUP}, until=0, hidden=WHERE)


@probe("FindCoordinator: all nodes name the same one")
def _(c):
    groups = [GROUP, *(f"group-{n}" for n in range(8))]
    for group in groups:
        c.coordinator(group)
    found = [{each["Key"]: each["NodeId"] for each in c.newest(node, "FindCoordinator", {"CoordinatorKeys": groups})["Coordinators"]}
             for node in NODES]
    return {"the same": all(one == found[0] for one in found), "of the nodes": set(found[0].values()) <= set(NODES)}


def elsewhere(api, name, values, since=0):
    """A probe that asks the two nodes that do not coordinate the group."""
    @probe(f"{api}: at another node than the coordinator, {name}")
    def _(c):
        others = [node for node in NODES if node != c.coordinator(GROUP)]
        answers = {}
        for version in schema.range_of(api):
            if version >= since:
                request = values(c, version) if callable(values) else values
                told = [normal(c.call(node, api, version, request)) for node in others]
                answers[version] = told[0] if told[0] == told[1] else told
        return merged(answers)


COMMITTED = [{"Name": "seen", "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]
elsewhere("JoinGroup", "a new member", {"GroupId": GROUP, "SessionTimeoutMs": 10_000, "RebalanceTimeoutMs": 10_000, "MemberId": "",
                                        "ProtocolType": "consumer", "Protocols": [{"Name": "range", "Metadata": b""}]})
elsewhere("SyncGroup", "a member", {"GroupId": GROUP, "GenerationId": 1, "MemberId": "m", "Assignments": []})
elsewhere("Heartbeat", "a member", {"GroupId": GROUP, "GenerationId": 1, "MemberId": "m"})
elsewhere("LeaveGroup", "a member", lambda c, version: {"GroupId": GROUP, **(
    {"MemberId": "m"} if version < 3 else {"Members": [{"MemberId": "m"}]})})
elsewhere("OffsetCommit", "without members", lambda c, version: {
    "GroupId": GROUP, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": [{
        "Name": "seen", "TopicId": c.values["seen"], "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1, "CommittedMetadata": ""}]}]})
elsewhere("OffsetFetch", "a partition", lambda c, version: (
    {"GroupId": GROUP, "Topics": [{"Name": "seen", "PartitionIndexes": [0]}]} if version < 8 else
    {"Groups": [{"GroupId": GROUP, "Topics": [{"Name": "seen", "TopicId": c.values["seen"], "PartitionIndexes": [0]}]}]}))
elsewhere("OffsetFetch", "all", lambda c, version: (
    {"GroupId": GROUP, "Topics": None} if version < 8 else {"Groups": [{"GroupId": GROUP, "Topics": None}]}), since=2)
elsewhere("DescribeGroups", "a group", {"Groups": [GROUP]})
elsewhere("DeleteGroups", "a group", {"GroupsNames": [GROUP]})
elsewhere("OffsetDelete", "a partition", {"GroupId": GROUP, "Topics": [{"Name": "seen", "Partitions": [{"PartitionIndex": 0}]}]})


@probe("ListGroups: only the coordinator knows of it")
def _(c):
    there = c.coordinator(GROUP)
    committed = c.call(there, "OffsetCommit", 8, {"GroupId": GROUP, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": COMMITTED})
    told = {}
    for version in schema.range_of("ListGroups"):
        told[version] = [["ErrorCode", answer["ErrorCode"], [normal(one) for one in answer["Groups"] if one["GroupId"] == GROUP]]
                         for answer in (c.call(node, "ListGroups", version, {}) for node in [there, *(n for n in NODES if n != there)])]
    return [normal(committed), merged(told)]


# --- a coordinator that moves --------------------------------------------------------------------

OFFSETS = "__consumer_offsets"
MOVING = "moving-crowd"


def partition_of(group, count):
    """As Java's hash of the name has it."""
    number = 0
    for letter in group:
        number = (31 * number + ord(letter)) & 0xFFFFFFFF
    return (number & 0x7FFFFFFF) % count


@probe("groups: the coordinator moves, and who is asked then")
def _(c):
    """Another replica becomes the preferred one, and leads: it knows what was committed, and the former one sends clients on."""
    before = c.coordinator(MOVING)
    commit = {"GroupId": MOVING, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": [
        {"Name": "seen", "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 7, "CommittedMetadata": "m"}]}]}
    told = [normal(c.call(before, "OffsetCommit", 8, commit))]
    partitions = c.partitions(1, OFFSETS)
    index = partition_of(MOVING, len(partitions))
    replicas = partitions[index]["ReplicaNodes"]
    other = next(node for node in replicas if node != before)
    target = [other, *(node for node in replicas if node != other)]
    told.append(normal(c.newest(1, "AlterPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [
        {"Name": OFFSETS, "Partitions": [{"PartitionIndex": index, "Replicas": target}]}]})["ErrorCode"]))
    c.until_in_sync(OFFSETS, {index: target}, leaders={index: before})
    answer = c.newest(2, "ElectLeaders", {"TopicPartitions": [{"Topic": OFFSETS, "Partitions": [index]}], "TimeoutMs": 30_000})
    told.append([one["ErrorCode"] for topic in answer["ReplicaElectionResults"] for one in topic["PartitionResult"]])
    wait_for("the other one coordinates", lambda: c.coordinator(MOVING) == other, LIMIT)
    asked = {"Groups": [{"GroupId": MOVING, "Topics": [{"Name": "seen", "PartitionIndexes": [0]}]}]}

    def offset():
        """Kafka may tell of none, for as long as the new leader does not know that it was committed."""
        group = c.call(other, "OffsetFetch", 8, asked)["Groups"][0]
        return group["Topics"][0]["Partitions"][0]["CommittedOffset"] if group["Topics"] else None
    wait_for("it knows what was committed", lambda: offset() == 7, LIMIT)
    told += [normal(c.call(node, "OffsetFetch", 8, asked)) for node in (other, before)]
    told += [normal(c.call(node, "OffsetCommit", 8, commit)) for node in (before, other)]
    return told
