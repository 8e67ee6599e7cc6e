"""Command-line tools and a second client library against the cluster."""

import concurrent.futures
import json
import re
import subprocess
import time

from harness import cli, install

from .nodes import wait_for
from .scenarios import same

TOOLS = "org.apache.kafka.tools."


def run(run, drill):
    """Each tool is a check of its own; two Java processes at a time."""
    jars, kcat = install.kafka_jars(), install.kcat()
    bootstrap = drill.cluster.bootstrap

    def tool(name, *arguments, text=None):
        return cli.run(["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                        "-Xshare:auto", "-cp", f"{jars}/*", TOOLS + name, "--bootstrap-server",
                        bootstrap, *arguments], text)[0]

    def topics():
        out = tool("TopicCommand", "--describe", "--topic", drill.topic)
        rows = re.findall(r"Partition: (\d+)\s+Leader: (\d+)\s+Replicas: (\S+)\s+Isr: (\S+)", out)
        same("partitions described", sorted(int(row[0]) for row in rows), list(range(8)))
        for partition, leader, replicas, isr in rows:
            same(f"replicas of partition {partition}", sorted(replicas.split(",")), ["1", "2", "3"])
            same(f"in sync of partition {partition}", set(isr.split(",")) <= {"1", "2", "3"}, True)
            same(f"leader of partition {partition}", leader in ("1", "2", "3"), True)

    def under_replicated():
        # A leader that has just begun has not heard of all followers yet.
        wait_for("a moment in which no partition is under-replicated", lambda: not tool(
            "TopicCommand", "--describe", "--under-replicated-partitions").strip(), 20)

    def quorum():
        out = tool("MetadataQuorumCommand", "describe", "--status")
        leader = re.search(r"LeaderId:\s+(\d+)", out)
        same(f"leader in {out}", leader and int(leader[1]), drill.cluster.controller())
        voters = re.search(r"CurrentVoters:\s+(.*)", out)
        found = re.findall(r'"id": ?(\d+)', voters[1]) or re.findall(r"\d+", voters[1])
        same(f"voters in {out}", sorted(found)[:3], ["1", "2", "3"])

    def replication():
        out = tool("MetadataQuorumCommand", "describe", "--replication")
        rows = [line.split() for line in out.splitlines() if re.match(r"\d", line)]
        same(f"nodes in {out}", sorted(row[0] for row in rows), ["1", "2", "3"])

    def election():
        out = tool("LeaderElectionCommand", "--election-type", "preferred",
                   "--all-topic-partitions")
        if "Error" in out or "failed" in out:
            raise AssertionError(out)

    def reassignment():
        """Two replicas instead of three, the same order backwards, and back: each is waited for."""
        def file(replicas):
            path = drill.cluster.work / "reassignment.json"
            path.write_text(json.dumps({"version": 1, "partitions": [
                {"topic": drill.topic, "partition": 0, "replicas": replicas}]}))
            return str(path)

        def reassign(*arguments):
            return tool("reassign.ReassignPartitionsCommand", *arguments)

        for replicas in [3, 1], [1, 3], [3, 2, 1]:
            planned = file(replicas)
            out = reassign("--execute", "--reassignment-json-file", planned)
            cli.holds("kafka-reassign-partitions --execute", out, "Successfully started")
            wait_for(f"partition 0 on {replicas}", lambda planned=planned: "is completed" in reassign(
                "--verify", "--reassignment-json-file", planned), 30)
            out = tool("TopicCommand", "--describe", "--topic", drill.topic)
            shown = re.findall(r"Partition: 0\s+Leader: \d+\s+Replicas: (\S+)", out)
            same("replicas of partition 0", shown, [",".join(map(str, replicas))])
        cli.holds("kafka-reassign-partitions --list", reassign("--list"),
                  "No partition reassignments found.")

    def listed():
        out, _ = cli.run([kcat, "-L", "-b", bootstrap])
        for node in drill.cluster.nodes.values():
            cli.holds("kcat -L", out, f"broker {node.id} at {node.bootstrap}")
        cli.holds("kcat -L", out, f'topic "{drill.topic}" with 8 partitions')

    def verifiable():
        """Kafka's own verifiable producer and consumer, the Java client, through a leader's death."""
        topic, count = f"verifiable-{drill.round}", 3000
        retries = drill.cluster.work / "retries.properties"
        retries.write_text("retries=2147483647\nretry.backoff.ms=50\nreconnect.backoff.max.ms=500\n")
        drill.create(drill.cluster.nodes[1], topic, 3)
        command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                   f"{jars}/*"]
        producer = subprocess.Popen(
            [*command, TOOLS + "VerifiableProducer", "--bootstrap-server", bootstrap, "--topic",
             topic, "--max-messages", str(count), "--throughput", "600", "--acks", "-1", "--command-config", str(retries)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(3.5)
        node = drill.cluster.nodes[drill.cluster.most_leading(topic)]
        node.kill()
        out, _ = producer.communicate(timeout=60)
        node.launch()
        node.wait_ready()
        acked = len(re.findall(r"producer_send_success", out))
        failed = re.findall(r".*producer_send_error.*", out)
        same("records that the Java producer could not send", failed[:2], [])
        same("records acknowledged to the Java producer", acked, count)
        got = cli.run([*command, TOOLS + "consumer.ConsoleConsumer", "--bootstrap-server", bootstrap,
                       "--topic", topic, "--from-beginning", "--max-messages", str(count),
                       "--timeout-ms", "15000"])[0].splitlines()
        # Its warnings of a node that has just come back stand among them.
        records, words = {line for line in got if line.isdigit()}, [line for line in got if not line.isdigit()]
        same(f"different records that the Java consumer has read; it says {words[:2]}", len(records), count)

    steps = [("kafka-topics --describe", topics),
             ("kafka-topics --under-replicated-partitions", under_replicated),
             ("kafka-metadata-quorum --status", quorum),
             ("kafka-metadata-quorum --replication", replication),
             ("kafka-leader-election", election), ("kcat -L", listed)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda step: run.step(*step), steps))
    ended.append(run.step("kafka-reassign-partitions", reassignment))
    ended.append(run.step("Java producer and consumer through a leader's death", verifiable))
    drill.cluster.settle()
    same("tools that failed", ended.count(False), 0)
