"""Probes of topics in a cluster: replicas placed by hand, more partitions, and what each node tells of them."""

from cluster.nodes import wait_for
from cluster_context import LIMIT, STRANGER, UNKNOWN_ID, every, normal, own, placed, some
from context import probe


# --- CreateTopics --------------------------------------------------------------------------------

def creating(name, slug, assignments=(), *, count=-1, factor=-1, configs=(), validate=False, **more):
    """Each node makes a topic of its own in each version."""
    every("CreateTopics", name, lambda c, version, node: {"timeoutMs": 30_000, "validateOnly": validate, "Topics": [{
        "Name": own(slug, version, node), "NumPartitions": count, "ReplicationFactor": factor,
        "Assignments": [{"PartitionIndex": index, "BrokerIds": brokers} for index, brokers in assignments],
        "Configs": [{"Name": key, "Value": value} for key, value in configs]}]}, hidden={"Configs"}, **more)


THREE = [1, 2, 3]
creating("placed by hand", "by-hand", [(0, [1, 2, 3]), (1, [2, 3, 1])], ends=True)
creating("placed by hand, in another order", "backwards", [(1, [2, 3]), (0, [3, 1])], ends=True)
creating("placed by hand on one", "single", [(0, [3])], ends=True)
creating("by counts", "counted", count=2, factor=2, ends=True)
creating("by defaults", "defaults", ends=True)
creating("a factor by default", "factor-default", count=2, ends=True)
creating("a count by default", "count-default", factor=1, ends=True)
creating("by hand, only validated", "validated", [(0, [1, 2]), (1, [2, 3])], validate=True)
creating("by counts, only validated", "validated-counts", count=4, factor=3, validate=True)
for name, assignments in [
        ("a broker twice", [(0, [1, 1, 2])]), ("a broker that is none", [(0, [1, 2, STRANGER])]), ("a negative broker", [(0, [1, -1])]),
        ("a broker twice, and one that is none", [(0, [STRANGER, 1, 1])]),
        ("partitions with a gap", [(0, THREE), (2, THREE)]), ("partitions from one on", [(1, THREE), (2, THREE)]),
        ("a negative partition", [(-1, THREE)]), ("a partition twice", [(0, THREE), (0, THREE)]),
        ("different numbers of replicas", [(0, [1, 2]), (1, THREE)]), ("no replicas", [(0, [])]),
        ("no replicas of the second partition", [(0, THREE), (1, [])]), ("a good partition and a bad one", [(0, THREE), (1, [1, 2, STRANGER])])]:
    creating(f"by hand, {name}", "refused", assignments)
    creating(f"by hand, {name}, only validated", "refused", assignments, validate=True, ends=True)
for name, values in [
        ("by hand, and a count", {"assignments": [(0, THREE)], "count": 1}), ("by hand, and a factor", {"assignments": [(0, THREE)], "factor": 3}),
        ("by hand, and both", {"assignments": [(0, THREE)], "count": 1, "factor": 3}), ("by hand, and a count of 0", {"assignments": [(0, THREE)], "count": 0}),
        ("a factor above the brokers", {"count": 1, "factor": 4}), ("the greatest factor", {"count": 1, "factor": 32767}),
        ("a factor of 0", {"count": 1, "factor": 0}), ("a factor of -2", {"count": 1, "factor": -2}), ("a count of 0", {"count": 0, "factor": 3}),
        ("a count of -2", {"count": -2, "factor": 3}), ("both of 0", {"count": 0, "factor": 0})]:
    creating(name, "refused", **values)
creating("more in sync than there are replicas", "above", [(0, [1, 2])], configs=[("min.insync.replicas", "3")], ends=True)
creating("none in sync", "refused", [(0, [1, 2])], configs=[("min.insync.replicas", "0")])


@probe("CreateTopics: good and bad ones, and one that is there")
def _(c):
    c.place("there", [1, 2, 3], [2, 3, 1])
    topics = [placed("there", [1]), placed("mixed-v0-n1", [2, 1]), placed("bad", [STRANGER]), placed("twice", [1]), placed("twice", [2])]
    answer = normal(c.newest(1, "CreateTopics", {"timeoutMs": 30_000, "Topics": topics}))
    for topic in answer["Topics"]:
        topic["Configs"] = bool(topic["Configs"])
    return answer


@probe("CreateTopics: how the controller spreads what is not placed by hand")
def _(c):
    """Partitions that each node leads first, and replicas that each has; of fewer replicas than nodes Kafka gives some more than others."""
    told = []
    for count, factor in [(6, 3), (3, 3)]:
        name = f"spread-{count}-{factor}"
        c.newest(2, "CreateTopics", {"timeoutMs": 30_000, "Topics": [{"Name": name, "NumPartitions": count, "ReplicationFactor": factor}]})
        for node in (1, 2, 3):
            wait_for(f"node {node} knows {name}", lambda node=node, name=name, count=count: len(c.partitions(node, name)) == count, LIMIT)
        replicas = [one["ReplicaNodes"] for one in c.partitions(1, name).values()]
        told.append([[sum(each[0] == node for each in replicas) for node in (1, 2, 3)],
                     [sum(node in each for each in replicas) for node in (1, 2, 3)]])
    return told


# --- what each node tells of it ------------------------------------------------------------------

@probe("Metadata: topics placed by hand, at each node")
def _(c):
    c.place("seen", [1, 2, 3], [2, 3, 1], [3, 1, 2])
    c.place("seen-too", [3, 1])
    answers = {}
    for version in some("Metadata"):
        request = {"Topics": [{"Name": "seen"}, {"Name": "seen-too"}, {"Name": "nowhere"}]}
        request |= {"AllowAutoTopicCreation": False} if version >= 4 else {"Topics": request["Topics"][:2]}
        answers[str(version)] = c.each(lambda node, version=version, request=request: normal(c.call(node, "Metadata", version, request)))
    return answers


@probe("Metadata: a topic that each node makes when it is asked for")
def _(c):
    told = []
    for node, version in zip((1, 2, 3), (4, 9, 13), strict=True):
        name = f"first-use-{node}"
        c.call(node, "Metadata", version, {"Topics": [{"Name": name}], "AllowAutoTopicCreation": True})
        wait_for(f"{name} is made", lambda node=node, name=name: c.partitions(node, name), LIMIT)
        told.append([len(one["ReplicaNodes"]) for one in c.partitions(node, name).values()])
    return told


every("Metadata", "by id", lambda c, _version, _node: {"Topics": [
    {"TopicId": c.values["seen"], "Name": None}, {"TopicId": UNKNOWN_ID, "Name": None}]}, since=10)
every("DescribeTopicPartitions", "placed by hand", {"Topics": [{"Name": "seen"}, {"Name": "seen-too"}, {"Name": "nowhere"}]})
every("DescribeTopicPartitions", "page by page", {"Topics": [{"Name": "seen"}], "ResponsePartitionLimit": 2})


# --- CreatePartitions ----------------------------------------------------------------------------

@probe("CreatePartitions: the topics that they are made of")
def _(c):
    c.place("grown", [1, 2], [2, 3])
    for version in some("CreatePartitions", ends=True):
        for node in (1, 2, 3):
            c.place(own("grows", version, node), [1, 2], [2, 3])
            c.place(own("grows-counted", version, node), [1, 2], [2, 3])
            c.place(own("validated", version, node), [1, 2], [2, 3])
    return "made"


def growing(name, topic, count, assignments=None, *, validate=False, **more):
    every("CreatePartitions", name, lambda c, version, node: {"TimeoutMs": 30_000, "ValidateOnly": validate, "Topics": [{
        "Name": own(topic, version, node) if topic.startswith(("grows", "validated")) else topic, "Count": count,
        "Assignments": assignments and [{"BrokerIds": brokers} for brokers in assignments]}]}, words=assignments is None, **more)


growing("by hand, only validated", "validated", 4, [[3, 1], [1, 2]], validate=True, ends=True)
for name, topic, count, assignments in [
        ("too few placed", "grown", 5, [[1, 2]]), ("too many placed", "grown", 3, [[1, 2], [2, 3]]), ("none placed", "grown", 3, []),
        ("a broker that is none", "grown", 3, [[1, STRANGER]]), ("a negative broker", "grown", 3, [[1, -1]]),
        ("a broker twice", "grown", 3, [[1, 1]]), ("fewer replicas", "grown", 3, [[1]]), ("more replicas", "grown", 3, [[1, 2, 3]]),
        ("no replicas", "grown", 3, [[]]), ("replicas that differ", "grown", 4, [[1, 2], [1, 2, 3]]),
        ("as many as there are", "grown", 2, None), ("as many as there are, placed", "grown", 2, [[1, 2]]),
        ("fewer", "grown", 1, None), ("none at all", "grown", 0, None), ("less than none", "grown", -1, None), ("an unknown topic", "nowhere", 3, [[1, 2]])]:
    growing(name, topic, count, assignments)
    growing(f"{name}, only validated", topic, count, assignments, validate=True, ends=True)
growing("by hand", "grows", 4, [[3, 1], [1, 3]], ends=True)
growing("by counts", "grows-counted", 4, ends=True)


@probe("CreatePartitions: where they stand")
def _(c):
    told = {}
    for version in some("CreatePartitions", ends=True):
        for node in (1, 2, 3):
            name = own("grows", version, node)
            c.until_in_sync(name, {0: [1, 2], 1: [2, 3], 2: [3, 1], 3: [1, 3]})
            counted = c.partitions(node, own("grows-counted", version, node))
            told[f"version {version}"] = [sorted(counted), {len(one["ReplicaNodes"]) for one in counted.values()} == {2},
                                          len(c.partitions(node, own("validated", version, node)))]
    return told


@probe("CreatePartitions: of a topic twice, and of several")
def _(c):
    def topic(name, count):
        return {"Name": name, "Count": count, "Assignments": None}
    return [c.newest(2, "CreatePartitions", {"TimeoutMs": 30_000, "ValidateOnly": True, "Topics": topics}) for topics in (
        [topic("grown", 3), topic("grown", 4)], [topic("grown", 3), topic("nowhere", 4)], [])]


# --- DeleteTopics --------------------------------------------------------------------------------

@probe("DeleteTopics: at each node, and then everywhere gone")
def _(c):
    told = []
    for node in (1, 2, 3):
        name = own("goes", 6, node)
        c.place(name, [1, 2, 3])
        request = {"TimeoutMs": 30_000, "Topics": [{"Name": name}, {"Name": "nowhere"}, {"Name": None, "TopicId": UNKNOWN_ID}]}
        told.append(normal(c.newest(node, "DeleteTopics", request)))
        for each in (1, 2, 3):
            wait_for(f"node {each} forgets {name}", lambda each=each, name=name: not c.partitions(each, name), LIMIT)
    return told


# --- no time -------------------------------------------------------------------------------------

for timeout in (0, -1):
    every("CreateTopics", f"a timeout of {timeout}, only validated", {"timeoutMs": timeout, "validateOnly": True, "Topics": [
        {"Name": "no-time", "NumPartitions": 1, "ReplicationFactor": 1}]}, ends=True, hidden={"Configs"})
    every("CreatePartitions", f"a timeout of {timeout}, only validated", {"TimeoutMs": timeout, "ValidateOnly": True, "Topics": [
        {"Name": "grown", "Count": 3, "Assignments": None}]}, ends=True)
    every("DeleteTopics", f"a timeout of {timeout}, of what is not there", lambda _c, version, _node, timeout=timeout: {
        "TimeoutMs": timeout, **({"TopicNames": ["nowhere"]} if version < 6 else {"Topics": [{"Name": "nowhere"}]})}, ends=True)
