"""Probes of moving replicas (KIP-455, KIP-860) and leaders (KIP-460)."""

from cluster.nodes import wait_for
from cluster_context import LIMIT, STRANGER, every, normal, some
from context import probe

STAYS = "stays"


def moved(replicas, topic=STAYS, partition=0, **more):
    return {"TimeoutMs": 30_000, "Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": partition, "Replicas": replicas}]}], **more}


def until_moved(c, name, replicas, leader, partition=0):
    """Waits until nothing is under way, everybody is in sync and the leader is the one who leads; gives what each node tells."""
    wait_for(f"{name} on {replicas}", lambda: not c.newest(1, "ListPartitionReassignments", {"Topics": None})["Topics"], LIMIT)
    c.until_in_sync(name, {partition: replicas}, leaders={partition: leader})
    return c.each(lambda node: normal(c.partitions(node, name)[partition]))


# --- what is refused, or changes nothing ---------------------------------------------------------

@probe("AlterPartitionReassignments: the topic that is asked about")
def _(c):
    c.place(STAYS, [1, 2], [2, 3])
    return "made"


for name, request in [
        ("to where it is", moved([1, 2])), ("to a broker that is none", moved([1, STRANGER])), ("to a negative broker", moved([-1])),
        ("to nobody", moved([])), ("to one twice", moved([1, 1])), ("an unknown topic", moved([1, 2], "nowhere")),
        ("an unknown partition", moved([1, 2], partition=9)), ("a negative partition", moved([1, 2], partition=-1)),
        ("cancelled, though there is none", moved(None)), ("cancelled, of an unknown topic", moved(None, "nowhere")),
        ("cancelled, of an unknown partition", moved(None, partition=9)), ("no topics", {"TimeoutMs": 30_000, "Topics": []}),
        ("no partitions", {"TimeoutMs": 30_000, "Topics": [{"Name": STAYS, "Partitions": []}]}),
        ("no partitions of an unknown topic", {"TimeoutMs": 30_000, "Topics": [{"Name": "nowhere", "Partitions": []}]}),
        ("good and bad ones", {"TimeoutMs": 30_000, "Topics": [
            {"Name": STAYS, "Partitions": [{"PartitionIndex": 0, "Replicas": [1, 2]}, {"PartitionIndex": 1, "Replicas": [STRANGER]}]},
            {"Name": "nowhere", "Partitions": [{"PartitionIndex": 0, "Replicas": [1, 2]}]}]})]:
    every("AlterPartitionReassignments", name, request, words="cancelled" not in name)
for name, replicas in [("more replicas", [1, 2, 3]), ("fewer replicas", [1]), ("as many", [1, 2]), ("as many, one of them a stranger", [1, STRANGER]),
                       ("more, one of them a stranger", [1, 2, STRANGER])]:
    every("AlterPartitionReassignments", f"{name}, where the factor may not change", moved(replicas, AllowReplicationFactorChange=False),
          since=1, words=True)
for name, topics in [("all", None), ("none", []), ("of a topic", [{"Name": STAYS, "PartitionIndexes": [0, 1]}]),
                     ("of an unknown topic", [{"Name": "nowhere", "PartitionIndexes": [0]}]),
                     ("of an unknown partition", [{"Name": STAYS, "PartitionIndexes": [9]}]),
                     ("of no partitions", [{"Name": STAYS, "PartitionIndexes": []}])]:
    every("ListPartitionReassignments", f"{name}, nothing under way", {"Topics": topics})


for timeout in (0, -1):
    every("AlterPartitionReassignments", f"a timeout of {timeout}, to where it is", moved([1, 2], TimeoutMs=timeout))
    every("ListPartitionReassignments", f"a timeout of {timeout}", {"Topics": None, "TimeoutMs": timeout})
    every("ElectLeaders", f"a timeout of {timeout}, not needed", {"TopicPartitions": [{"Topic": STAYS, "Partitions": [0]}], "TimeoutMs": timeout})


# --- what is done --------------------------------------------------------------------------------

def moving(name, slug, before, steps):
    """`steps`: the replicas that are asked for, and who leads then."""
    @probe(f"AlterPartitionReassignments: {name}")
    def _(c):
        told = []
        for node, version in zip((1, 2), some("AlterPartitionReassignments", ends=True), strict=True):
            topic = f"{slug}-{node}"
            c.place(topic, before)
            c.produce(before[0], topic, 0, count=3)
            for asked, leader in steps:
                told.append(normal(c.call(node, "AlterPartitionReassignments", version, moved(asked, topic))))
                told.append(until_moved(c, topic, asked, leader))
        return told


moving("to another node", "replaced", [1, 2], [([1, 3], 1)])
moving("away from the leader", "left", [1, 2], [([2, 3], 2)])
moving("another order", "turned", [1, 2], [([2, 1], 1), ([1, 2], 1)])
moving("one replica more, and one less", "resized", [1, 2], [([1, 2, 3], 1), ([1, 3], 1), ([3], 3)])
moving("from one to another", "carried", [1], [([2], 2), ([3], 3)])


@probe("AlterPartitionReassignments: where the factor may not change, to another node")
def _(c):
    c.place("same-factor", [1, 2])
    answer = normal(c.call(3, "AlterPartitionReassignments", 1, moved([1, 3], "same-factor", AllowReplicationFactorChange=False)))
    return [answer, until_moved(c, "same-factor", [1, 3], 1)]


@probe("AlterPartitionReassignments: a partition twice in one request", words=True)
def _(c):
    c.place("again", [1, 2])
    entries = [{"PartitionIndex": 0, "Replicas": [1, 3]}, {"PartitionIndex": 0, "Replicas": [1, 2]}]
    return normal(c.call(1, "AlterPartitionReassignments", 0, {
        "TimeoutMs": 30_000, "Topics": [{"Name": "again", "Partitions": entries}]}), words=True)


# --- leaders -------------------------------------------------------------------------------------

def elect(kind, topics):
    def request(_c, version, _node):
        return {"TopicPartitions": topics, "TimeoutMs": 30_000, **({"ElectionType": kind} if version else {})}
    return request


for kind, word in [(0, "preferred"), (1, "unclean")]:
    for name, topics in [("not needed", [{"Topic": STAYS, "Partitions": [0, 1]}]), ("an unknown topic", [{"Topic": "nowhere", "Partitions": [0]}]),
                         ("an unknown partition", [{"Topic": STAYS, "Partitions": [0, 9]}]), ("a negative partition", [{"Topic": STAYS, "Partitions": [-1]}]),
                         ("no partitions", [{"Topic": STAYS, "Partitions": []}]), ("none", []),
                         ("a topic twice", [{"Topic": STAYS, "Partitions": [0]}, {"Topic": STAYS, "Partitions": [1]}]),
                         ("a partition twice", [{"Topic": STAYS, "Partitions": [0, 0]}])]:
        every("ElectLeaders", f"{word}, {name}", elect(kind, topics), since=kind)
for kind in (2, -1):
    every("ElectLeaders", f"of type {kind}", elect(kind, [{"Topic": STAYS, "Partitions": [0]}]), since=1)
    every("ElectLeaders", f"of type {kind}, an unknown topic", elect(kind, [{"Topic": "nowhere", "Partitions": [0]}]), since=1)
    every("ElectLeaders", f"of type {kind}, none", elect(kind, []), since=1)


def electing(name, topics_of, since=0):
    """Leads what another one is preferred for, and hands over."""
    @probe(f"ElectLeaders: {name}")
    def _(c):
        told = []
        for node, version in enumerate(some("ElectLeaders", since=since), 1):
            topic = f"{name.replace(' ', '-').replace(',', '')}-{version}"
            c.place(topic, [1, 2, 3])
            c.newest(1, "AlterPartitionReassignments", moved([2, 1, 3], topic))
            c.until_in_sync(topic, {0: [2, 1, 3]}, leaders={0: 1})
            asked = {"TopicPartitions": topics_of(topic), "TimeoutMs": 30_000}
            told.append(normal(c.call(node, "ElectLeaders", version, asked)))
            for each in told[-1]["ReplicaElectionResults"]:
                each["Topic"] = each["Topic"].rpartition("-")[0]
            c.until_in_sync(topic, {0: [2, 1, 3]}, leaders={0: 2})
            told.append(c.each(lambda node, topic=topic: normal(c.partitions(node, topic)[0])))
        return told


electing("it is needed", lambda topic: [{"Topic": topic, "Partitions": [0]}])
electing("it is needed, and an unknown partition", lambda topic: [{"Topic": topic, "Partitions": [0, 5]}])


@probe("ElectLeaders: of all partitions")
def _(c):
    """Topics of earlier probes may be led by others than the preferred ones: first these are put right."""
    c.newest(1, "ElectLeaders", {"ElectionType": 0, "TopicPartitions": None, "TimeoutMs": 30_000})
    told = []
    for node, version in enumerate(some("ElectLeaders"), 1):
        topic = f"among-all-{version}"
        c.place(topic, [3, 1, 2])
        c.newest(1, "AlterPartitionReassignments", moved([2, 1, 3], topic))
        c.until_in_sync(topic, {0: [2, 1, 3]}, leaders={0: 3})
        answer = normal(c.call(node, "ElectLeaders", version, {"TopicPartitions": None, "TimeoutMs": 30_000}))
        of_interest = [each for each in answer["ReplicaElectionResults"] if each["PartitionResult"]]
        told.append({"ErrorCode": answer.get("ErrorCode"), "with results": of_interest,
                     "topics without": len(answer["ReplicaElectionResults"]) > len(of_interest)})
        c.until_in_sync(topic, {0: [2, 1, 3]}, leaders={0: 2})
    return told


@probe("ElectLeaders: unclean ones of all partitions")
def _(c):
    answer = c.newest(2, "ElectLeaders", {"ElectionType": 1, "TopicPartitions": None, "TimeoutMs": 30_000})
    return {"ErrorCode": answer["ErrorCode"], "with results": [each for each in answer["ReplicaElectionResults"] if each["PartitionResult"]]}
