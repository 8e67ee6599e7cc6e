#!/usr/bin/env python3
"""Apache Kafka as a reference broker: one KRaft node, plaintext, loopback only.

Owns Kafka's jars (installed from Maven into the cache), its configuration and its command line.
As a library: `kafka_broker(work)` gives a `Broker` that the harness starts, kills and restarts.
As a program: `kafka_server.py [--port PORT] [--data DIR] [--heap 512m]` runs it in the foreground
until interrupted, for a comparison by hand or a benchmark.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import broker, install, processes  # noqa: E402

CLUSTER_ID = "T3JkYWluLXJlZmVyZW5jZQ"

# Who and where a node is, that is broker and controller.
WHERE = """\
process.roles=broker,controller
node.id={node}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{between}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
"""

ALONE = """\
controller.quorum.voters=1@127.0.0.1:{between}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
"""

LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
"""


def java(log4j, *flags):
    """A command that Kafka's classes are the arguments of."""
    return ["java", *flags, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{install.kafka_jars()}/*"]


def kafka_broker(work, port=None, heap="512m", extra=""):
    """A formatted, not yet started Kafka whose files live under `work`."""
    config, log4j = work / "server.properties", work / "log4j2.properties"
    command = java(log4j, f"-Xmx{heap}", f"-Xms{heap}", "-XX:+UseG1GC")
    server = broker.Broker([*command, "kafka.Kafka", str(config)], work, port)
    log4j.write_text(LOG4J)
    config.write_text((WHERE + ALONE).format(
        node=1, port=server.port, between=server.admin_port, data=server.data) + extra)
    format_storage(command, config)
    return server


def format_storage(command, config, *more):
    done = subprocess.run(
        [*command, "kafka.tools.StorageTool", "format", "--ignore-formatted",
         "--cluster-id", CLUSTER_ID, "--config", str(config), *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"formatting Kafka's storage failed:\n{done.stdout}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--data", type=pathlib.Path,
                        help="default: a new folder, removed when Kafka ends by itself")
    parser.add_argument("--heap", default="512m")
    arguments = parser.parse_args()
    processes.install_handlers()
    work = arguments.data or pathlib.Path(tempfile.mkdtemp(prefix="kafka-"))
    work.mkdir(parents=True, exist_ok=True)
    server = kafka_broker(work, arguments.port, arguments.heap)
    server.start()
    processes.say(f"Apache Kafka answers on {server.bootstrap}; log: {server.log}")
    try:
        server.process.wait()
    finally:
        server.stop()
        if arguments.data is None:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
