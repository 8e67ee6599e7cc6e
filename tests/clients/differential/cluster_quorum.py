"""Probes of the metadata's quorum (KIP-595, KIP-853): who votes, and changing that."""

import base64

from cluster.nodes import NODES, Unlike, wait_for
from cluster_context import LIMIT, STRANGER, UNKNOWN_ID, every, normal, some
from context import NO_ID, probe
from harness.wire import record_batch

METADATA = "__cluster_metadata"


def quorum(*topics):
    return {"Topics": [{"TopicName": name, "Partitions": [{"PartitionIndex": index} for index in indexes]} for name, indexes in topics]}


WHOEVER = {"LeaderId", "HighWatermark"}
for name, request in [
        ("the metadata", quorum((METADATA, [0]))), ("a partition that is none", quorum((METADATA, [1]))), ("a negative partition", quorum((METADATA, [-1]))),
        ("no partitions", quorum((METADATA, []))), ("another topic", quorum(("seen", [0]))), ("an unknown topic", quorum(("nowhere", [0]))),
        ("nothing", quorum()), ("the metadata and another topic", quorum((METADATA, [0]), ("seen", [0]))),
        ("the metadata twice", quorum((METADATA, [0]), (METADATA, [0]))), ("two partitions", quorum((METADATA, [0, 1]))),
        ("an empty name", quorum(("", [0]))), ("two nodes' own topic", quorum(("@metadata", [0])))]:
    every("DescribeQuorum", name, request, hidden=WHOEVER)


# --- what is not for clients ---------------------------------------------------------------------

for api in ("Vote", "BeginQuorumEpoch", "EndQuorumEpoch", "FetchSnapshot", "UpdateRaftVoter", "AlterPartition", "AllocateProducerIds",
            "BrokerRegistration", "BrokerHeartbeat", "ControllerRegistration", "AssignReplicasToDirs"):
    every(api, "asked by a client", {}, ends=True)
METADATA_ID = "00" * 15 + "01"
every("Metadata", "the metadata's own topic", {"Topics": [{"Name": METADATA}], "AllowAutoTopicCreation": False}, since=4)
every("Metadata", "the metadata's own id", {"Topics": [{"TopicId": METADATA_ID, "Name": None}], "AllowAutoTopicCreation": False}, since=12)
every("CreateTopics", "the metadata's own topic", {"timeoutMs": 30_000, "validateOnly": True, "Topics": [
    {"Name": METADATA, "NumPartitions": 1, "ReplicationFactor": 3}]}, hidden={"Configs"})
every("DeleteTopics", "the metadata's own topic", lambda _c, version, _node: {
    "TimeoutMs": 30_000, **({"TopicNames": [METADATA]} if version < 6 else {"Topics": [{"Name": METADATA}]})})
every("Produce", "the metadata's own topic", {"Acks": -1, "TimeoutMs": 5_000, "TopicData": [
    {"Name": METADATA, "TopicId": METADATA_ID, "PartitionData": [{"Index": 0, "Records": record_batch([(b"k", b"v")])}]}]})
every("Fetch", "the metadata's own topic", {"MaxWaitMs": 0, "MinBytes": 0, "Topics": [
    {"Topic": METADATA, "TopicId": METADATA_ID, "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1000}]}]})
every("ListOffsets", "the metadata's own topic", {"ReplicaId": -1, "Topics": [{"Name": METADATA, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1}]}]})
every("AlterPartitionReassignments", "the metadata's own topic", {"TimeoutMs": 30_000, "Topics": [
    {"Name": METADATA, "Partitions": [{"PartitionIndex": 0, "Replicas": [1, 2]}]}]})
every("ElectLeaders", "the metadata's own topic", {"TimeoutMs": 30_000, "TopicPartitions": [{"Topic": METADATA, "Partitions": [0]}]})


# --- who votes -----------------------------------------------------------------------------------

def described(c):
    partition = c.newest(1, "DescribeQuorum", quorum((METADATA, [0])))["Topics"][0]["Partitions"][0]
    if partition["ErrorCode"] != 0:
        raise Unlike(f"DescribeQuorum: {partition}")
    return partition


def voters(c):
    """Node → directory id, of those that vote."""
    return {each["ReplicaId"]: each["ReplicaDirectoryId"] for each in described(c)["CurrentVoters"]}


def cluster_id(c):
    return c.newest(1, "DescribeCluster", {})["ClusterId"]


def listeners(c, node, name="CONTROLLER"):
    return [{"Name": name, "Host": "127.0.0.1", "Port": c.cluster.nodes[node].between}]


STRANGE = base64.urlsafe_b64encode(b"another cluster!").decode().rstrip("=")


def adding(name, values, **more):
    """Node 2 is to be added, unless `values` (a function of the context) says otherwise."""
    every("AddRaftVoter", name, lambda c, version, _node: {
        "ClusterId": cluster_id(c), "TimeoutMs": 2_000, "VoterId": 2, "VoterDirectoryId": voters(c)[2], "Listeners": listeners(c, 2), **values(c)}, **more)


def of_stranger(c, **more):
    return {"VoterId": STRANGER, "VoterDirectoryId": UNKNOWN_ID, "Listeners": [{"Name": "CONTROLLER", "Host": "127.0.0.1", "Port": 1}], **more}


for name, values in [
        ("one that votes", lambda c: {}), ("one that votes, of no cluster", lambda c: {"ClusterId": None}),
        ("one that votes, another directory", lambda c: {"VoterDirectoryId": UNKNOWN_ID}), ("another cluster", lambda c: {"ClusterId": STRANGE}),
        ("another cluster, a stranger", lambda c: of_stranger(c, ClusterId=STRANGE)), ("no cluster's name", lambda c: {"ClusterId": ""}),
        ("no directory", lambda c: {"VoterDirectoryId": NO_ID}), ("a stranger without a directory", lambda c: of_stranger(c, VoterDirectoryId=NO_ID)),
        ("a negative node", lambda c: of_stranger(c, VoterId=-1)), ("one that votes, no listeners", lambda c: {"Listeners": []}),
        ("a stranger, no listeners", lambda c: of_stranger(c, Listeners=[])),
        ("a stranger, another listener", lambda c: of_stranger(c, Listeners=listeners(c, 2, "OTHER"))),
        ("a stranger, two listeners", lambda c: of_stranger(c, Listeners=listeners(c, 2, "OTHER") + listeners(c, 2))),
        ("a stranger that does not answer", of_stranger), ("a stranger at a voter's address", lambda c: of_stranger(c, Listeners=listeners(c, 2)))]:
    adding(name, values)
adding("one that votes, when it is appended", lambda c: {"AckWhenCommitted": False}, since=1)


def removing(name, values):
    every("RemoveRaftVoter", name, lambda c, version, _node: {
        "ClusterId": cluster_id(c), "VoterId": 2, "VoterDirectoryId": voters(c)[2], **values})


for name, values in [
        ("a stranger", {"VoterId": STRANGER, "VoterDirectoryId": UNKNOWN_ID}), ("another directory", {"VoterDirectoryId": UNKNOWN_ID}),
        ("no directory", {"VoterDirectoryId": NO_ID}), ("a negative node", {"VoterId": -1}), ("another cluster", {"ClusterId": STRANGE}),
        ("another cluster, a stranger", {"ClusterId": STRANGE, "VoterId": STRANGER, "VoterDirectoryId": UNKNOWN_ID}),
        ("no cluster's name", {"ClusterId": ""}), ("a stranger, of no cluster", {"ClusterId": None, "VoterId": STRANGER, "VoterDirectoryId": UNKNOWN_ID})]:
    removing(name, values)


@probe("RemoveRaftVoter, AddRaftVoter: one goes and comes back")
def _(c):
    """One that is not the controller: it follows, and can be added again."""
    told = []
    for version in some("AddRaftVoter"):
        leader = c.controller
        node = next(node for node in NODES if node != leader)
        directory = voters(c)[node]
        removal = {"ClusterId": cluster_id(c), "VoterId": node, "VoterDirectoryId": directory}
        told.append(normal(c.newest(node, "RemoveRaftVoter", removal)))

        def follows(node=node):
            now = described(c)
            found = {each["ReplicaId"] for each in now["Observers"]}
            if found != {node}:
                raise Unlike(f"observers {found}, wanted {node}")
            return True
        wait_for(f"node {node} only follows", follows, LIMIT)
        told.append(sorted(voters(c)) == sorted(set(NODES) - {node}))
        told.append(normal(c.newest(leader, "RemoveRaftVoter", removal)))
        told.append(normal(c.call(leader, "AddRaftVoter", version, {
            "ClusterId": cluster_id(c), "TimeoutMs": 1_000, "VoterId": node, "VoterDirectoryId": UNKNOWN_ID, "Listeners": listeners(c, node)})))
        told.append(normal(c.call(leader, "AddRaftVoter", version, {
            "ClusterId": cluster_id(c), "TimeoutMs": 1_000, "VoterId": node, "VoterDirectoryId": directory, "Listeners": []})))
        told.append(sorted(voters(c)) == sorted(set(NODES) - {node}))
        told.append(normal(c.call(leader, "AddRaftVoter", version, {
            "ClusterId": cluster_id(c), "TimeoutMs": 30_000, "VoterId": node, "VoterDirectoryId": directory, "Listeners": listeners(c, node)})))
        wait_for("three vote", lambda: sorted(voters(c)) == sorted(NODES), LIMIT)
        told.append([each["ReplicaId"] for each in described(c)["Observers"]])
    return told
