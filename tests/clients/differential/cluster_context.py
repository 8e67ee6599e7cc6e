"""What a probe of a cluster works with: questions to each node, what differs by nature, and waiting.

Nodes have the same ids in both clusters, and topics are placed by hand: so replicas and leaders are compared as they are. Which
node is the controller or a coordinator, and all that is drawn, becomes a placeholder.
"""

import re

import schema
from cluster.nodes import NODES, Unlike, wait_for
from context import NO_ID, probe
from harness.wire import Connection, WireError, batches, record_batch
from normal import merged

LAST = 1 << 15
UNKNOWN_ID = "0123456789abcdef0123456789abcdef"
STRANGER = 77
LIMIT = 60
COORDINATOR_NOT_AVAILABLE = 15

OPAQUE = {"ControllerId", "Host", "Port", "ClusterId", "LogDir", "TotalBytes", "UsableBytes", "PartitionSize", "ProducerId", "LastTimestamp",
          "ClientHost", "LeaderEpoch", "CommittedLeaderEpoch", "Epoch", "FinalizedFeaturesEpoch", "LogEndOffset",
          "LastFetchTimestamp", "LastCaughtUpTimestamp", "MemberId", "Leader"}
SETS = {"IsrNodes", "OfflineReplicas", "EligibleLeaderReplicas", "LastKnownElr"}
IDS = {"TopicId", "ReplicaDirectoryId"}
MESSAGES = {"ErrorMessage", "BatchIndexErrorMessage"}
DROPPED = {"ThrottleTimeMs", "Documentation"}
# Lists are put in the order of the first of these that their entries have: what order a broker answers in, `run` compares.
KEYS = ("Name", "TopicName", "Topic", "Key", "GroupId", "BrokerId", "NodeId", "ReplicaId", "PartitionIndex", "PartitionId", "Partition",
        "Index", "Feature", "ResourceName")
# Topics that each node and version makes anew: `slug-v7-n2` is told as `slug`.
OWN_NAME = re.compile(r"-v\d+-n\d\b")


def own(slug, version, node):
    return f"{slug}-v{version}-n{node}"


def normal(value, words=False, name=None):
    """`words`: whether error messages are kept as they are."""
    if isinstance(value, dict):
        return {key: normal(inner, words, key) for key, inner in value.items() if key not in DROPPED}
    if isinstance(value, list):
        inner = [normal(one, words, name) for one in value]
        return sorted(inner, key=order) if name in SETS or has_keys(value) else inner
    if isinstance(value, str) and value.startswith("<"):
        return value
    if name in MESSAGES and not (words and value):
        return "<text>" if value else None
    if name in IDS:
        return "<none>" if value == NO_ID else "<uuid>"
    if name in OPAQUE:
        if isinstance(value, int):
            return value if value < 0 else "<value>"
        return "<value>" if value else value
    if isinstance(value, bytes):
        return [list(batch) for batch in batches(value)] if name == "Records" else value.hex()
    if isinstance(value, str):
        return OWN_NAME.sub("", value)
    return value


def has_keys(entries):
    return all(isinstance(entry, dict) and any(key in entry for key in KEYS) for entry in entries)


def order(entry):
    if not isinstance(entry, dict):
        return str(entry)
    return next(str(entry[key]) for key in KEYS if key in entry)


class ClusterContext:
    def __init__(self, cluster):
        self.cluster = cluster
        self.values = {}

    def call(self, node, api, version, values, timeout=30.0):
        """One request to a node, on a connection of its own; a closed connection is an answer, too."""
        with Connection(self.cluster.nodes[node].bootstrap, timeout) as connection:
            try:
                return schema.receive(connection, api, version, schema.send(connection, api, version, values))
            except WireError as error:
                return {"connection": str(error)}

    def newest(self, node, api, values):
        return self.call(node, api, schema.range_of(api)[-1], values)

    def each(self, ask, nodes=NODES):
        """What each node says: one answer where all say the same, or one for each."""
        answers = {f"node {node}": ask(node) for node in nodes}
        first = next(iter(answers.values()))
        return first if all(answer == first for answer in answers.values()) else answers

    @property
    def controller(self):
        found = self.cluster.controller()
        if found is None:
            raise Unlike("there is no controller")
        return found

    # --- topics ----------------------------------------------------------------------------------

    def place(self, name, *replicas, **configs):
        """A topic of which each partition stands where it is told, everywhere known and in sync, led by its first replica."""
        answer = self.newest(1, "CreateTopics", {"timeoutMs": 30_000, "Topics": [placed(name, *replicas, **configs)]})
        if answer["Topics"][0]["ErrorCode"] != 0:
            raise RuntimeError(f"creating {name} failed: {answer}")
        self.values[name] = answer["Topics"][0]["TopicId"]
        self.until_in_sync(name, {index: list(of_one) for index, of_one in enumerate(replicas)})

    def partitions(self, node, name):
        """Index → what a node's metadata say of the partition."""
        topic = self.newest(node, "Metadata", {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})["Topics"][0]
        return {each["PartitionIndex"]: each for each in topic["Partitions"]}

    def until_in_sync(self, name, replicas, nodes=NODES, leaders=None):
        """Waits until each node tells these replicas, all of them in sync, and that the first leads, or who of `leaders` shall."""
        def reached():
            for node in nodes:
                known = self.partitions(node, name)
                for index, wanted in replicas.items():
                    one = known.get(index, {"LeaderId": -1, "ReplicaNodes": [], "IsrNodes": []})
                    leader = wanted[0] if leaders is None else leaders[index]
                    if one["ReplicaNodes"] != wanted or sorted(one["IsrNodes"]) != sorted(wanted) or one["LeaderId"] != leader:
                        raise Unlike(f"node {node} says of {name}-{index}: {one}, wanted: {wanted}, led by {leader}")
            return True
        wait_for(f"{name} on its replicas", reached, LIMIT)

    def named(self, name):
        """A topic by name and id, as versions want it."""
        return {"Name": name, "Topic": name, "TopicId": self.values.get(name, UNKNOWN_ID)}

    def produce(self, node, name, partition, count=1):
        answer = self.newest(node, "Produce", {"Acks": -1, "TimeoutMs": 30_000, "TopicData": [
            {"TopicId": self.values[name], "PartitionData": [
                {"Index": partition, "Records": record_batch([(b"k", b"v")] * count)}]}]})
        code = answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"]
        if code != 0:
            raise RuntimeError(f"producing to {name}-{partition} at node {node}: {answer}")

    # --- groups ----------------------------------------------------------------------------------

    def coordinator(self, group, kind=0):
        """Waits until all nodes name the same coordinator, or say that there are none of the kind; which node it is."""
        found = {}

        def is_there():
            for node in NODES:
                found[node] = self.newest(node, "FindCoordinator", {"KeyType": kind, "CoordinatorKeys": [group]})["Coordinators"][0]
                if found[node]["ErrorCode"] == COORDINATOR_NOT_AVAILABLE:
                    raise Unlike(f"node {node} says {found[node]}")
            return len({one["NodeId"] for one in found.values()}) == 1
        wait_for(f"a coordinator of {group}", is_there, LIMIT)
        return found[1]["NodeId"]


def placed(name, *replicas, **configs):
    """A topic to create, by hand."""
    return {"Name": name, "NumPartitions": -1, "ReplicationFactor": -1,
            "Assignments": [{"PartitionIndex": index, "BrokerIds": list(of_one)} for index, of_one in enumerate(replicas)],
            "Configs": [{"Name": key.replace("_", "."), "Value": value} for key, value in configs.items()]}


def some(api, since=0, until=LAST, ends=False):
    """The versions to ask in: all, or the oldest and the newest."""
    versions = [version for version in schema.range_of(api) if since <= version <= until]
    return versions if not ends or len(versions) < 2 else [versions[0], versions[-1]]


def every(api, name, values, *, nodes=NODES, words=False, hidden=(), dropped=(), **versions):
    """A probe that asks each node in each version. `values` is a request, or a function of context, version and node. `hidden`: fields
    that differ by nature here, if they say something; `dropped`: those that need not even say something."""
    @probe(f"{api}: {name}", words=words)
    def _(c):
        answers = {}
        for version in some(api, **versions):
            def ask(node, version=version):
                request = values(c, version, node) if callable(values) else values
                return hide(normal(c.call(node, api, version, request), words), hidden, dropped)
            answers[version] = c.each(ask, nodes)
        return merged(answers)


def hide(value, hidden, dropped=()):
    """`value` with a placeholder for the fields that are hidden, and without those that are dropped."""
    if isinstance(value, list):
        return [hide(one, hidden, dropped) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: "<hidden>" if key in hidden and not (isinstance(inner, int) and inner <= 0) else hide(inner, hidden, dropped)
            for key, inner in value.items() if key not in dropped}
