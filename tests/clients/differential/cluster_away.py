"""Probes of a cluster whose third node is away, and of its return. They come last."""

from cluster.nodes import Unlike, wait_for
from cluster_context import LIMIT, every, hide, normal, own, placed
from cluster_reassignments import elect, moved, until_moved
from context import probe
from harness.wire import record_batch

HERE = (1, 2)
FIRST, SECOND, PAIR, ALONE = "preferred-away", "follower-away", "of-two-away", "alone-away"


@probe("a node away: it is gone")
def _(c):
    c.place(FIRST, [3, 1, 2])
    c.place(SECOND, [1, 2, 3])
    c.place(PAIR, [1, 3])
    c.place(ALONE, [3])
    c.place("strict-away", [1, 2, 3], min_insync_replicas="3")
    c.place("pinned", [1, 2])
    c.cluster.nodes[3].kill()

    def fenced():
        for node in HERE:
            there = [each["BrokerId"] for each in c.newest(node, "DescribeCluster", {})["Brokers"]]
            if sorted(there) != [1, 2]:
                raise Unlike(f"node {node} still names {there}")
            known = c.partitions(node, FIRST)[0]
            if known["LeaderId"] not in HERE or known["ErrorCode"] or 3 in known["IsrNodes"] or 3 in c.partitions(node, SECOND)[0]["IsrNodes"]:
                raise Unlike(f"node {node} says {known}")
            if c.partitions(node, ALONE)[0]["LeaderId"] != -1:
                raise Unlike(f"node {node} names a leader of what is on node 3 alone")
        return c.controller in HERE
    wait_for("node 3 is fenced, and others lead", fenced, LIMIT)
    return "gone"


def away(api, name, values, **more):
    every(api, f"a node away, {name}", values, nodes=HERE, **more)


away("Metadata", "topics", {"Topics": [{"Name": SECOND}, {"Name": ALONE}]})
away("Metadata", "a topic that others lead now", {"Topics": [{"Name": FIRST}]}, hidden={"LeaderId"})
away("DescribeTopicPartitions", "topics", {"Topics": [{"Name": SECOND}, {"Name": ALONE}]})
away("Metadata", "a topic of two replicas", {"Topics": [{"Name": PAIR}]})
away("DescribeCluster", "brokers", {})
away("DescribeCluster", "fenced ones, too", {"IncludeFencedBrokers": True}, since=2)
away("DescribeQuorum", "the metadata", {"Topics": [{"TopicName": "__cluster_metadata", "Partitions": [{"PartitionIndex": 0}]}]},
     hidden={"LeaderId", "HighWatermark"}, dropped={"LogEndOffset", "LastFetchTimestamp", "LastCaughtUpTimestamp"})
for kind, word in [(0, "preferred"), (1, "unclean")]:
    away("ElectLeaders", f"{word}, who is away", elect(kind, [{"Topic": FIRST, "Partitions": [0]}]), since=kind)
    away("ElectLeaders", f"{word}, nobody is there", elect(kind, [{"Topic": ALONE, "Partitions": [0]}]), since=kind)
    away("ElectLeaders", f"{word}, of two replicas", elect(kind, [{"Topic": PAIR, "Partitions": [0]}]), since=kind)
    away("ElectLeaders", f"{word}, who leads", elect(kind, [{"Topic": SECOND, "Partitions": [0]}]), since=kind)


def creating(name, slug, **values):
    away("CreateTopics", name, lambda c, version, node: {"timeoutMs": 30_000, "Topics": [{
        "Name": own(slug, version, node), "NumPartitions": 1, "ReplicationFactor": 3, **values}]}, ends=True, hidden={"Configs"})


creating("as many replicas as there were nodes", "fenced-counted")
creating("more replicas than there were nodes", "refused", ReplicationFactor=4)
creating("two replicas", "two", ReplicationFactor=2)
creating("by hand on the one that is away", "fenced-alone", NumPartitions=-1, ReplicationFactor=-1, Assignments=[
    {"PartitionIndex": 0, "BrokerIds": [3]}])
creating("by hand, the one that is away among others", "fenced-among", NumPartitions=-1, ReplicationFactor=-1, Assignments=[
    {"PartitionIndex": 0, "BrokerIds": [3, 1]}])


def produced(topic, acks=-1):
    return lambda c, _version, _node: {"Acks": acks, "TimeoutMs": 2_000, "TopicData": [{"Name": topic, "TopicId": c.values[topic], "PartitionData": [
        {"Index": 0, "Records": record_batch([(b"k", b"v")])}]}]}


every("Produce", "a node away, too few in sync", produced("strict-away"), nodes=[1], ends=True)
every("Produce", "a node away, nobody leads", produced(ALONE), nodes=HERE)
every("Fetch", "a node away, nobody leads", lambda c, _version, _node: {"MaxWaitMs": 0, "MinBytes": 0, "Topics": [
    {"Topic": ALONE, "TopicId": c.values[ALONE], "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1000}]}]}, nodes=HERE)
every("ListOffsets", "a node away, nobody leads", {"ReplicaId": -1, "Topics": [
    {"Name": ALONE, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1}]}]}, nodes=HERE)


# --- a reassignment that cannot end --------------------------------------------------------------

@probe("AlterPartitionReassignments: a node away, to it")
def _(c):
    told = [normal(c.newest(2, "AlterPartitionReassignments", moved([1, 3], "pinned")))]
    for node in HERE:
        wait_for("the reassignment is known", lambda node=node: 3 in c.partitions(node, "pinned")[0]["ReplicaNodes"], LIMIT)
    told.append(c.each(lambda node: normal(c.partitions(node, "pinned")), HERE))
    return told


for name, topics in [("all", None), ("of the topic", [{"Name": "pinned", "PartitionIndexes": [0]}]), ("of another", [{"Name": SECOND, "PartitionIndexes": [0]}]),
                     ("of an unknown partition beside it", [{"Name": "pinned", "PartitionIndexes": [0, 9]}]), ("none", [])]:
    away("ListPartitionReassignments", name, {"Topics": topics})


def redirected(name, replicas):
    """Another target for what is under way, how that stands then, and back."""
    @probe(f"AlterPartitionReassignments: a node away, {name}")
    def _(c):
        told = []
        for target in (replicas, [1, 3]):
            told.append(normal(c.newest(1, "AlterPartitionReassignments", moved(target, "pinned"))))
            told.append(normal(c.newest(2, "ListPartitionReassignments", {"Topics": None})))
        return told


redirected("the same again", [1, 3])
redirected("another order", [3, 1])
redirected("to all", [1, 2, 3])
redirected("away from the leader", [2, 3])


@probe("CreatePartitions: a node away, beside a reassignment")
def _(c):
    return [normal(c.newest(1, "CreatePartitions", {"TimeoutMs": 30_000, "ValidateOnly": True, "Topics": [
        {"Name": "pinned", "Count": 2, "Assignments": [{"BrokerIds": brokers}]}]})) for brokers in ([1, 2], [1, 3], [1, 2, 3])]


@probe("AlterPartitionReassignments: a node away, cancelled")
def _(c):
    told = [normal(c.call(node, "AlterPartitionReassignments", version, moved(None, "pinned"))) for node, version in zip(HERE, (0, 1), strict=True)]
    told.append(normal(c.newest(2, "ListPartitionReassignments", {"Topics": None})))
    told.append(until_moved_here(c, [1, 2], 1))
    return told


def until_moved_here(c, replicas, leader):
    c.until_in_sync("pinned", {0: replicas}, nodes=HERE, leaders={0: leader})
    return c.each(lambda node: normal(c.partitions(node, "pinned")[0]), HERE)


# --- it comes back -------------------------------------------------------------------------------

@probe("a node back: all is in sync again")
def _(c):
    c.cluster.nodes[3].launch()
    c.cluster.nodes[3].wait_ready()
    c.cluster.settle(LIMIT)
    return normal({name: c.each(lambda node, name=name: c.partitions(node, name)[0]["ReplicaNodes"]) for name in (FIRST, SECOND, PAIR, ALONE)})


@probe("ElectLeaders: a node back, the preferred one leads again")
def _(c):
    told = [normal(c.newest(2, "ElectLeaders", {"TopicPartitions": [{"Topic": FIRST, "Partitions": [0]}], "TimeoutMs": 30_000}))]
    c.until_in_sync(FIRST, {0: [3, 1, 2]})
    told.append(c.each(lambda node: normal(c.partitions(node, FIRST)[0])))
    return told


@probe("AlterPartitionReassignments: a node back, to it")
def _(c):
    return [normal(c.newest(2, "AlterPartitionReassignments", moved([1, 3], "pinned"))), until_moved(c, "pinned", [1, 3], 1)]


@probe("UnregisterBroker: one that is away")
def _(c):
    """What it holds is still its own."""
    c.cluster.nodes[3].kill()
    wait_for("node 3 is fenced", lambda: sorted(each["BrokerId"] for each in c.newest(1, "DescribeCluster", {})["Brokers"]) == [1, 2], LIMIT)
    told = [normal(c.newest(1, "UnregisterBroker", {"BrokerId": 3}))]
    for node in HERE:
        wait_for(f"node {node} forgets node 3", lambda node=node: len(c.newest(node, "DescribeCluster", {
            "IncludeFencedBrokers": True})["Brokers"]) == 2, LIMIT)
    told.append(c.each(lambda node: normal(c.newest(node, "DescribeCluster", {"IncludeFencedBrokers": True})), HERE))
    told.append(normal(c.newest(2, "UnregisterBroker", {"BrokerId": 3})))
    told.append(normal(c.newest(2, "AlterPartitionReassignments", moved([3, 1], "pinned"))))
    told.append(hide(normal(c.newest(2, "CreateTopics", {"timeoutMs": 30_000, "Topics": [placed("to-nobody", [3])]})), {"Configs"}))
    return told


@probe("UnregisterBroker: one that is away comes back, and is unregistered while it lives")
def _(c):
    def there():
        return [each["BrokerId"] for each in c.newest(1, "DescribeCluster", {})["Brokers"]]
    c.cluster.nodes[3].launch()
    c.cluster.nodes[3].wait_ready()
    wait_for("node 3 is registered anew", lambda: sorted(there()) == [1, 2, 3], LIMIT)
    c.until_in_sync(SECOND, {0: [1, 2, 3]}, nodes=HERE)
    told = [normal(c.newest(1, "UnregisterBroker", {"BrokerId": 3}))]
    try:
        wait_for("node 3 is there again", lambda: sorted(there()) == [1, 2, 3] and c.partitions(1, ALONE)[0]["LeaderId"] == 3, 12)
        return [*told, "it registers again"]
    except Unlike:
        return [*told, f"it does not come back: {there()}"]
