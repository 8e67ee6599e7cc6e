"""Three Apache Kafka 4.3 processes that are one cluster, under the same hand as Ordain's (tests/clients/cluster/nodes.py)."""

import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests" / "clients"))

from cluster import nodes  # noqa: E402
from harness import broker, install  # noqa: E402
from kafka_server import LOG4J, format_storage  # noqa: E402

# What three nodes need that is not Kafka's default: who and where they are, and three replicas unless a topic says otherwise.
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{between}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
default.replication.factor=3
min.insync.replicas=2
"""
SYNC = "log.flush.interval.messages=1\n"
# The flags of Kafka's own start script, and half of its heap: three of them share the machine.
JVM = ["-Xmx1g", "-Xms1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]


class KafkaNode(nodes.Node):
    def __init__(self, node, work, between, extra):
        config, log4j = work / "server.properties", work / "log4j2.properties"
        java = ["java", *JVM, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{install.kafka_jars()}/*"]
        broker.Broker.__init__(self, [*java, "kafka.Kafka", str(config)], work)
        self.id, self.between, self.binary = node, between[node], None
        voters = ",".join(f"{one}@127.0.0.1:{port}" for one, port in between.items())
        config.write_text(extra + PROPERTIES.format(node=node, voters=voters, port=self.port, between=self.between,
                                                    data=self.data))
        log4j.write_text(LOG4J)
        format_storage(java, config)


class KafkaCluster(nodes.Cluster):
    def __init__(self, work, extra=""):
        self.work = work
        between = {node: broker.free_port() for node in nodes.NODES}
        self.nodes = {node: KafkaNode(node, work / f"node{node}", between, extra) for node in nodes.NODES}
