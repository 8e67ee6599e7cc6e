"""Three Apache Kafka 4.3 processes that are one cluster whose voters can change (KIP-853), as Ordain's can."""

import base64

from cluster import nodes
from harness import broker, install
from kafka_server import LOG4J, format_storage

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.bootstrap.servers={servers}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{between}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
"""
JVM = ["-Xmx512m", "-Xms512m", "-XX:+UseG1GC"]


def directory_id(node):
    """In base64, as the storage tool wants it; one that begins with a dash it would take for an option."""
    return base64.urlsafe_b64encode(bytes([node] * 16)).decode().rstrip("=")


class KafkaNode(nodes.Node):
    def __init__(self, node, work, between, settings):
        config, log4j = work / "server.properties", work / "log4j2.properties"
        java = ["java", *JVM, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{install.kafka_jars()}/*"]
        broker.Broker.__init__(self, [*java, "kafka.Kafka", str(config)], work)
        self.id, self.between, self.binary = node, between[node], None
        more = "".join(f"{key}={value.format(node=node)}\n" for key, value in settings.items())
        servers = ",".join(f"127.0.0.1:{port}" for port in between.values())
        config.write_text(more + PROPERTIES.format(node=node, servers=servers, port=self.port, between=self.between,
                                                   data=self.data))
        log4j.write_text(LOG4J)
        format_storage(java, config, "--initial-controllers", ",".join(
            f"{one}@127.0.0.1:{port}:{directory_id(one)}" for one, port in between.items()))


class KafkaCluster(nodes.Cluster):
    def __init__(self, work, settings):
        self.work = work
        between = {node: broker.free_port() for node in nodes.NODES}
        self.nodes = {node: KafkaNode(node, work / f"node{node}", between, settings) for node in nodes.NODES}
