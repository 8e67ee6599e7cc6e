"""Probes of records at nodes that lead a partition, that follow it, and that do not have it."""

from cluster.nodes import wait_for
from cluster_context import LIMIT, UNKNOWN_ID, every, normal, some
from context import probe
from harness.wire import record_batch

TOPIC = "led"
# Partition → its replicas, the leader first.
PLACES = {0: [1, 2], 1: [2, 3], 2: [3, 1]}
STAMP = 1_700_000_000_000
ONE = [(b"k", b"v")]


@probe("partitions: the topic that they are of")
def _(c):
    c.place(TOPIC, *PLACES.values(), retention_ms="-1")
    for partition, (leader, _) in PLACES.items():
        c.produce(leader, TOPIC, partition, count=3)
    return "made"


def named(c, name=TOPIC):
    return {"Name": name, "TopicId": c.values.get(name, UNKNOWN_ID)}


# --- Produce -------------------------------------------------------------------------------------

def produce(c, partition, acks=-1):
    return {"Acks": acks, "TimeoutMs": 10_000, "TopicData": [{**named(c), "PartitionData": [
        {"Index": partition, "Records": record_batch(ONE, timestamp=STAMP)}]}]}


every("Produce", "at a follower", lambda c, _version, _node: produce(c, 0), nodes=[2])
every("Produce", "at a follower, acks 1", lambda c, _version, _node: produce(c, 1, 1), nodes=[3])
every("Produce", "where no replica is", lambda c, _version, _node: produce(c, 0), nodes=[3])
every("Produce", "an unknown partition", lambda c, _version, _node: produce(c, 9))


@probe("Produce: partitions that are led here and elsewhere")
def _(c):
    """One request for all three, at each node."""
    told = []
    for node, version in zip((1, 2, 3), (9, 12, 13), strict=True):
        request = {"Acks": -1, "TimeoutMs": 10_000, "TopicData": [{**named(c), "PartitionData": [
            {"Index": index, "Records": record_batch(ONE, timestamp=STAMP)} for index in PLACES]}]}
        told.append(normal(c.call(node, "Produce", version, request)))
    for partition, (_, follower) in PLACES.items():
        until_followed(c, follower, TOPIC, partition, 4)
    return told


def until_followed(c, node, topic, partition, end):
    """Waits until a follower knows that all up to `end` is committed: what it tells to clients of its rack follows by and by."""
    def follows():
        answer = c.call(node, "Fetch", 12, fetch(partition, 0, rack=f"r{node}", topic=topic)(c, 12, node))
        return answer["Responses"][0]["Partitions"][0]["HighWatermark"] == end
    wait_for(f"node {node} has {topic}-{partition} up to {end}", follows, LIMIT)


# --- Fetch ---------------------------------------------------------------------------------------

def fetch(partition, offset, *, epoch=None, last=None, rack=None, wait=0, topic=TOPIC):
    def question(c, version, _node):
        entry = {"Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": 1 << 20}
        entry |= {"CurrentLeaderEpoch": epoch} if epoch is not None else {}
        entry |= {"LastFetchedEpoch": last} if last is not None else {}
        request = {"MaxWaitMs": wait, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [
            {"Topic": topic, "TopicId": c.values.get(topic, UNKNOWN_ID), "Partitions": [entry]}]}
        return request | ({"RackId": rack} if rack is not None else {})
    return question


every("Fetch", "from the start", fetch(0, 0))
every("Fetch", "at the end", fetch(1, 4))
every("Fetch", "beyond the end", fetch(2, 700))
every("Fetch", "an epoch to come", fetch(0, 0, epoch=99), since=9)
every("Fetch", "the epoch that is", fetch(1, 0, epoch=0), since=9, hidden={"LeaderEpoch"})
every("Fetch", "an unknown partition", fetch(9, 0))
every("Fetch", "an unknown topic", fetch(0, 0, topic="nowhere"))
for rack, name in [("r1", "the leader's"), ("r2", "a follower's"), ("r3", "one without a replica"), ("r9", "one that is none"), ("", "an empty one")]:
    every("Fetch", f"with a rack, {name}", fetch(0, 0, rack=rack), since=11)
every("Fetch", "with a follower's rack, at the end", fetch(0, 4, rack="r2"), since=11)
every("Fetch", "with a follower's rack, beyond the end", fetch(0, 700, rack="r2"), since=11)
every("Fetch", "with a follower's rack, an epoch to come", fetch(0, 0, epoch=99, rack="r2"), since=11)
every("Fetch", "with a follower's rack, a negative offset", fetch(0, -3, rack="r2"), since=11)


# --- ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeProducers -------------------------

def list_offsets(timestamp, partition=0, epoch=None, replica=-1):
    def question(_c, _version, _node):
        entry = {"PartitionIndex": partition, "Timestamp": timestamp, **({} if epoch is None else {"CurrentLeaderEpoch": epoch})}
        return {"ReplicaId": replica, "Topics": [{"Name": TOPIC, "Partitions": [entry]}]}
    return question


every("ListOffsets", "latest", list_offsets(-1))
every("ListOffsets", "earliest", list_offsets(-2, 1))
every("ListOffsets", "max timestamp", list_offsets(-3, 2), since=7)
every("ListOffsets", "a time", list_offsets(STAMP, 1))
every("ListOffsets", "an epoch to come", list_offsets(-1, epoch=99), since=4)
every("ListOffsets", "an unknown partition", list_offsets(-1, 9))
every("ListOffsets", "as a debugging replica", list_offsets(-1, replica=-2))


def epoch_end(epoch, partition=0, current=-1):
    def question(_c, version, _node):
        request = {"Topics": [{"Topic": TOPIC, "Partitions": [{"Partition": partition, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]}]}
        return request | ({"ReplicaId": -1} if version >= 3 else {})
    return question


every("OffsetForLeaderEpoch", "one to come", epoch_end(99))
every("OffsetForLeaderEpoch", "none", epoch_end(-1))
every("OffsetForLeaderEpoch", "a current one to come", epoch_end(0, current=99))
every("OffsetForLeaderEpoch", "an unknown partition", epoch_end(0, 9))


def delete_records(offset, partition=0):
    return {"TimeoutMs": 10_000, "Topics": [{"Name": TOPIC, "Partitions": [{"PartitionIndex": partition, "Offset": offset}]}]}


every("DeleteRecords", "beyond the end", delete_records(700))
every("DeleteRecords", "below the start", delete_records(0))
every("DeleteRecords", "an unknown partition", delete_records(0, 9))


def until_followed_from(c, node, topic, start):
    """Waits until a follower begins with `start`, and knows of three records."""
    def follows():
        answer = c.call(node, "Fetch", 12, fetch(0, start, rack=f"r{node}", topic=topic)(c, 12, node))
        return (answer["Responses"][0]["Partitions"][0]["LogStartOffset"], answer["Responses"][0]["Partitions"][0]["HighWatermark"]) == (start, 3)
    wait_for(f"node {node} has {topic} from {start} on", follows, LIMIT)


@probe("DeleteRecords: some, and what the followers begin with")
def _(c):
    c.place("shortened", [1, 2, 3])
    c.produce(1, "shortened", 0, count=1)
    c.produce(1, "shortened", 0, count=1)
    c.produce(1, "shortened", 0, count=1)
    told = [normal(c.newest(1, "DeleteRecords", {"TimeoutMs": 30_000, "Topics": [
        {"Name": "shortened", "Partitions": [{"PartitionIndex": 0, "Offset": 2}]}]}))]
    until_followed_from(c, 2, "shortened", 2)
    for offset in (0, 2):
        told += [normal(c.call(node, "Fetch", 12, fetch(0, offset, rack="r2", topic="shortened")(c, 12, node))) for node in (1, 2)]
    return told


every("DescribeProducers", "who writes", {"Topics": [{"Name": TOPIC, "PartitionIndexes": [0, 1, 2, 9]}]})


# --- a leader that has moved ---------------------------------------------------------------------

MOVED = "led-by-another"


@probe("partitions: one whose leader has moved from node 1 to node 2")
def _(c):
    c.place(MOVED, [1, 2], retention_ms="-1")
    c.produce(1, MOVED, 0, count=3)
    c.newest(1, "AlterPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [
        {"Name": MOVED, "Partitions": [{"PartitionIndex": 0, "Replicas": [2, 1]}]}]})
    c.until_in_sync(MOVED, {0: [2, 1]}, leaders={0: 1})
    c.newest(1, "ElectLeaders", {"TopicPartitions": [{"Topic": MOVED, "Partitions": [0]}], "TimeoutMs": 30_000})
    c.until_in_sync(MOVED, {0: [2, 1]})
    c.produce(2, MOVED, 0, count=2)
    until_followed(c, 1, MOVED, 0, 5)
    return "moved"


every("Produce", "the leader has moved", lambda c, _version, _node: {"Acks": -1, "TimeoutMs": 10_000, "TopicData": [
    {**named(c, MOVED), "PartitionData": [{"Index": 0, "Records": record_batch(ONE, timestamp=STAMP)}]}]}, nodes=[1, 3])
every("Fetch", "the leader has moved, from the start", fetch(0, 0, rack="r1", topic=MOVED), since=11, nodes=[1, 3])
every("Fetch", "the leader has moved, of the former epoch", fetch(0, 3, epoch=0, topic=MOVED), since=9)
every("Fetch", "the leader has moved, last of the former epoch", fetch(0, 3, last=0, topic=MOVED), since=12, nodes=[2])
every("ListOffsets", "the leader has moved, of the former epoch", {"ReplicaId": -1, "Topics": [
    {"Name": MOVED, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1, "CurrentLeaderEpoch": 0}]}]}, since=4)
every("ListOffsets", "the leader has moved", {"ReplicaId": -1, "Topics": [{"Name": MOVED, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1}]}]})
every("OffsetForLeaderEpoch", "the leader has moved, the former epoch", {"ReplicaId": -1, "Topics": [
    {"Topic": MOVED, "Partitions": [{"Partition": 0, "LeaderEpoch": 0}]}]}, since=3)
every("OffsetForLeaderEpoch", "the leader has moved, asked as of the former epoch", {"ReplicaId": -1, "Topics": [
    {"Topic": MOVED, "Partitions": [{"Partition": 0, "LeaderEpoch": 0, "CurrentLeaderEpoch": 0}]}]}, since=3)


# --- log directories -----------------------------------------------------------------------------

for name, path in [("a folder that is none", "/no/such/folder"), ("a path that is no full one", "data"), ("no path", "")]:
    every("AlterReplicaLogDirs", name, {"Dirs": [{"Path": path, "Topics": [{"Name": TOPIC, "Partitions": [0, 1, 2, 9]}]}]})
    every("AlterReplicaLogDirs", f"{name}, an unknown topic", {"Dirs": [{"Path": path, "Topics": [{"Name": "nowhere", "Partitions": [0]}]}]})
every("AlterReplicaLogDirs", "the node's own folder", lambda c, _version, node: {"Dirs": [
    {"Path": str(c.cluster.nodes[node].data), "Topics": [{"Name": TOPIC, "Partitions": [0, 1, 2]}]}]})
every("AlterReplicaLogDirs", "the node's own folder, what is unknown", lambda c, _version, node: {"Dirs": [
    {"Path": str(c.cluster.nodes[node].data), "Topics": [{"Name": TOPIC, "Partitions": [9]}, {"Name": "nowhere", "Partitions": [0]}]}]})
every("DescribeLogDirs", "a topic", {"Topics": [{"Topic": TOPIC, "Partitions": [0, 1, 2]}]})
every("DescribeLogDirs", "an unknown partition", {"Topics": [{"Topic": TOPIC, "Partitions": [9]}]})
every("DescribeLogDirs", "an unknown topic", {"Topics": [{"Topic": "nowhere", "Partitions": [0]}]})


@probe("DescribeLogDirs: all")
def _(c):
    def placed_here(node, version):
        answer = c.call(node, "DescribeLogDirs", version, {"Topics": None})
        return [sorted(each["PartitionIndex"] for topic in result["Topics"] if topic["Name"] == TOPIC for each in topic["Partitions"])
                for result in answer["Results"]]
    return {str(version): c.each(lambda node, version=version: placed_here(node, version)) for version in some("DescribeLogDirs")}


# --- producer ids --------------------------------------------------------------------------------

@probe("InitProducerId: each node gives ids of its own")
def _(c):
    def asked(node, version=4):
        return c.call(node, "InitProducerId", version, {"TransactionalId": None, "TransactionTimeoutMs": 60_000})
    for node in (1, 2, 3):
        wait_for(f"node {node} has ids", lambda node=node: asked(node)["ErrorCode"] == 0, LIMIT)
    told = [asked(node, version) for _ in range(3) for node in (1, 2, 3) for version in some("InitProducerId", until=5)]
    numbers = [each["ProducerId"] for each in told]
    return {"codes": sorted({each["ErrorCode"] for each in told}), "epochs": sorted({each["ProducerEpoch"] for each in told}),
            "all different": len(set(numbers)) == len(numbers), "none negative": min(numbers) >= 0}


@probe("InitProducerId: a producer goes on at another leader")
def _(c):
    """Its number comes from node 1, and it writes to what 2 leads."""
    number = c.call(1, "InitProducerId", 4, {"TransactionalId": None, "TransactionTimeoutMs": 60_000})["ProducerId"]

    def sent(node, sequence):
        answer = c.newest(node, "Produce", {"Acks": -1, "TimeoutMs": 10_000, "TopicData": [{**named(c), "PartitionData": [
            {"Index": 1, "Records": record_batch(ONE, timestamp=STAMP, producer=(number, 0, sequence))}]}]})
        return answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"]
    return [sent(2, 0), sent(2, 0), sent(3, 1), sent(1, 1), sent(2, 5), sent(2, 1)]
