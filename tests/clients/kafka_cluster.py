"""Three Apache Kafka processes that are one cluster, under the same hand as Ordain's (cluster/nodes.py)."""

import base64

from cluster import nodes
from harness import broker
from kafka_server import LOG4J, WHERE, format_storage, java

# Who votes on the metadata: those that every node is configured with, or those that the log is formatted with, which can change (KIP-853).
CONFIGURED, CHANGEABLE = "controller.quorum.voters", "controller.quorum.bootstrap.servers"


def directory_id(node):
    """In base64, as the storage tool wants it; one that begins with a dash it would take for an option."""
    return base64.urlsafe_b64encode(bytes([node] * 16)).decode().rstrip("=")


def address(port):
    return f"127.0.0.1:{port}"


def listed(between, one):
    """What `one` makes of each node and its port between nodes, as Kafka's lists are written."""
    return ",".join(one(node, port) for node, port in between.items())


class KafkaNode(nodes.Node):
    def __init__(self, node, work, between, settings, flags, voters):
        config, log4j = work / "server.properties", work / "log4j2.properties"
        command = java(log4j, *flags)
        broker.Broker.__init__(self, [*command, "kafka.Kafka", str(config)], work)
        self.id, self.between, self.binary = node, between[node], None
        quorum = listed(between, lambda one, port: f"{one}@{address(port)}" if voters == CONFIGURED else address(port))
        lines = [f"{voters}={quorum}", *(f"{key}={value.format(node=node)}" for key, value in settings.items())]
        where = WHERE.format(node=node, port=self.port, between=self.between, data=self.data)
        config.write_text("".join(f"{line}\n" for line in lines) + where)
        log4j.write_text(LOG4J)
        initial = ["--initial-controllers", listed(between, lambda one, port: f"{one}@{address(port)}:{directory_id(one)}")]
        format_storage(command, config, *(initial if voters == CHANGEABLE else []))


class KafkaCluster(nodes.Cluster):
    """`settings`: what a node is configured with beside who and where it is; {node} in a value is its id. `flags`: the JVM's."""

    def __init__(self, work, settings, *, flags, voters):
        self.work = work
        between = {node: broker.free_port() for node in nodes.NODES}
        self.nodes = {node: KafkaNode(node, work / f"node{node}", between, settings, flags, voters) for node in nodes.NODES}
