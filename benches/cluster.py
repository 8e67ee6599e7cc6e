#!/usr/bin/env python3
"""Measures what a cluster of three processes on one machine takes: see docs/performance.md, "A cluster".

    python3 benches/cluster.py --binary target/release/ordain                 # everything, Ordain alone
    python3 benches/cluster.py --binary PATH --servers ordain,kafka --rounds 5  # beside three nodes of Apache Kafka, in turn
    python3 benches/cluster.py --binary PATH --only kill --kills 20           # one measurement
    python3 benches/cluster.py --binary PATH --only many --partitions 10000

It prints a line for each figure as it is known and leaves them all in target/cluster/results.json: of each server all rounds
and their median, and the median of the ratios within a round. At the end each target is told with what it was held against; a
missed one makes the exit code 3, a measurement that failed 1.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests" / "clients"))

from cluster import nodes  # noqa: E402
from faults import world  # noqa: E402
from harness import apis, install  # noqa: E402
from harness.wire import Connection, WireError  # noqa: E402
from kafka_cluster import CONFIGURED, KafkaCluster  # noqa: E402

MEASUREMENTS = ["produce", "latency", "paused", "stuttering", "slow-disk", "kill", "restart", "drain", "many"]
ORDAIN, KAFKA, KAFKA_SYNC = "ordain", "kafka", "kafka-sync"
ALONE = {"many": "30,000 replicas are more than three of the others' nodes hold here", "drain": "it is a command of its own"}
SERVERS = [ORDAIN, KAFKA, KAFKA_SYNC]
# What three nodes of Kafka need that is not its default, and what one that syncs each append has beside that.
KAFKA_SETTINGS = {"default.replication.factor": "3", "min.insync.replicas": "2"}
SYNC = {"log.flush.interval.messages": "1"}
# The flags of Kafka's own start script, and half of its heap: three of them share the machine.
KAFKA_FLAGS = ["-Xmx1g", "-Xms1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
               "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]
PARTITIONS = 8          # of the topic that is written meanwhile
RECORD_BYTES = 100
EVERY = 0.002           # seconds between records
SETTLE = 4.0            # seconds for a restarted node to be in sync again
TOPIC_PARTITIONS = 1000  # of each topic of `many`
IDLE_SECONDS = 30
# What a client waits for by itself is not the cluster's: these are low. `--client-defaults` leaves librdkafka's own.
PROMPT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20,
          "topic.metadata.refresh.fast.interval.ms": 50}
# What is to be reached: the figure, whose it is held against (None: a number of its unit), how, and how much.
AT_LEAST, AT_MOST = "at least", "at most"
TARGETS = [
    ("produce, 1 KiB records, *", KAFKA, AT_LEAST, 1.5),
    ("produce: CPU of all nodes", KAFKA, AT_MOST, 1 / 3),
    ("acknowledgement at 1,000 records/s: p99", KAFKA, AT_MOST, 1),
    ("p99 beside a follower that is *, of that before", None, AT_MOST, 1.5),
    ("kill -9, median gap", None, AT_MOST, 500),
    ("kill -9, worst gap", None, AT_MOST, 1500),
    ("kill -9, * gap", KAFKA, AT_MOST, 0.2),
    ("SIGTERM, worst gap*", None, AT_MOST, 50),
    ("drain, worst gap*", None, AT_MOST, 50),
    ("* idle: CPU of node *", None, AT_MOST, 2),
    ("* idle: node * sends", None, AT_MOST, 50),
    ("* memory of node *", None, AT_MOST, 16),
    ("* killed: all served after", None, AT_MOST, 3),
]
ELECTION_NOT_NEEDED = 84
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, required=True, help="Ordain's binary")
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="comma-separated: " + ", ".join(MEASUREMENTS))
    parser.add_argument("--servers", default=ORDAIN, help="comma-separated: " + ", ".join(SERVERS))
    parser.add_argument("--rounds", type=int, default=1, help="how often, the servers in turn (default 1)")
    parser.add_argument("--seconds", type=float, default=10, help="of a measurement under load (default 10)")
    parser.add_argument("--kills", type=int, default=20, help="leaders to kill, and nodes to restart (default 20)")
    parser.add_argument("--partitions", type=int, default=10_000, help="of `many` (default 10,000)")
    parser.add_argument("--client-defaults", action="store_true", help="librdkafka's own back-off and refresh intervals")
    parser.add_argument("--work", type=pathlib.Path, default=REPOSITORY / "target" / "cluster")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.only.split(",") if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"unknown measurements {unknown}")
    if unknown := [name for name in arguments.servers.split(",") if name not in SERVERS]:
        parser.error(f"unknown servers {unknown}")
    if not arguments.binary.is_file():
        parser.error(f"{arguments.binary} is not a file: build it first")
    return arguments


class Results:
    """Figures by name, server and round."""

    def __init__(self, path):
        self.path, self.figures, self.server, self.round = path, {}, ORDAIN, 1

    def add(self, name, value, unit):
        figure = self.figures.setdefault(name, {"unit": unit, "rounds": {}})
        figure["rounds"].setdefault(self.server, {})[self.round] = value
        print(f"{self.server:10} {name:54} {value:>12.3f} {unit}", flush=True)
        self.path.write_text(json.dumps({"figures": self.as_json()}, indent=1) + "\n")

    def as_json(self):
        for figure in self.figures.values():
            rounds = figure["rounds"]
            figure["median"] = {server: statistics.median(found.values()) for server, found in rounds.items()}
            figure["ratio"] = {}
            for other in (KAFKA, KAFKA_SYNC):
                pairs = [value / rounds[other][at] for at, value in rounds.get(ORDAIN, {}).items()
                         if rounds.get(other, {}).get(at)]
                if pairs:
                    figure["ratio"][other] = statistics.median(pairs)
        return self.figures

    def table(self):
        """All medians, and what of the others' Ordain's are."""
        for name, figure in self.as_json().items():
            medians = "  ".join(f"{server} {value:.3f}" for server, value in figure["median"].items())
            ratios = "".join(f"   {ratio:.3f} x {other}" for other, ratio in figure["ratio"].items())
            print(f"{name:54} {medians} {figure['unit']}{ratios}")

    @staticmethod
    def verdicts(figures):
        """Each target for which there is a figure: the figure's name, the target in words, what was reached, and if that will do."""
        for pattern, against, how, bound in TARGETS:
            for name, figure in figures.items():
                reached = figure["ratio"].get(against) if against else figure["median"].get(ORDAIN)
                if not fnmatch.fnmatchcase(name, pattern) or reached is None:
                    continue
                unit = f"x {against}" if against else figure["unit"]
                met = reached >= bound if how == AT_LEAST else reached <= bound
                yield name, f"{how} {bound:.3g} {unit}", reached, met

    def judge(self):
        """Prints the verdicts, and leaves them beside the figures; whether all targets were met."""
        figures = self.as_json()
        verdicts = list(self.verdicts(figures))
        for name, target, reached, met in verdicts:
            print(f"{name:54} {target:24} {reached:>10.3f} {'met' if met else 'MISSED'}")
        told = [{"figure": name, "target": target, "reached": reached, "met": met}
                for name, target, reached, met in verdicts]
        self.path.write_text(json.dumps({"figures": figures, "targets": told}, indent=1) + "\n")
        return all(met for *_, met in verdicts)

    def gaps(self, name, gaps, back, before):
        self.add(f"in the 2 s before {name}: the worst", max(before) * 1000, "ms")
        print(f"{name}: " + " ".join(f"{gap * 1000:.0f}" for gap in gaps), flush=True)
        print(f"{name}, at the return: " + " ".join(f"{gap * 1000:.0f}" for gap in back), flush=True)
        self.add(f"{name}, median gap", statistics.median(gaps) * 1000, "ms")
        self.add(f"{name}, worst gap", max(gaps) * 1000, "ms")
        self.add(f"{name}, worst gap at the return", max(back) * 1000, "ms")


class Traffic:
    """An idempotent producer that writes to every partition, and when each of them acknowledged."""

    def __init__(self, cluster, topic, own_settings):
        from confluent_kafka import Producer
        self.topic, self.times = topic, [[] for _ in range(PARTITIONS)]
        self.errors, self.stopping = [], False
        self.producer = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True,
                                  "acks": "all", "linger.ms": 1, "log_level": 0, **own_settings})
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _acknowledged(self, partition):
        def note(error, _message):
            if error is None:
                self.times[partition].append(time.monotonic())
            else:
                self.errors.append(str(error))
        return note

    def _run(self):
        count = 0
        while not self.stopping:
            partition = count % PARTITIONS
            try:
                self.producer.produce(self.topic, b"x" * RECORD_BYTES, partition=partition,
                                      on_delivery=self._acknowledged(partition))
                count += 1
            except BufferError:
                pass
            self.producer.poll(0)
            time.sleep(EVERY)

    def goes_on(self, since):
        """Whether every partition has acknowledged something for a second from `since` on."""
        return all(times and times[-1] > since + 1 for times in self.times)

    def longest_gap(self, since, until):
        """The longest time in which a partition acknowledged nothing."""
        longest = 0
        for times in self.times:
            some = [at for at in times if since <= at <= until]
            if len(some) < 2:
                raise nodes.Unlike(f"a partition of {self.topic} acknowledges nothing any more")
            longest = max(longest, *(after - before for before, after in zip(some, some[1:])))
        return longest

    def stop(self):
        self.stopping = True
        self.thread.join()
        if self.producer.flush(20) > 0 or self.errors:
            raise nodes.Unlike(f"records were not delivered: {self.errors[:3]}")


def create(cluster, name, partitions, replicas=None):
    """`replicas`: those of each partition, the leader first; else three wherever the cluster places them."""
    topic = {"name": name, "partitions": partitions, "replication": 3, "assignments": [], "configs": []}
    if replicas is not None:
        rows = [{"index": index, "brokers": brokers} for index, brokers in enumerate(replicas)]
        topic |= {"partitions": -1, "replication": -1, "assignments": rows}
    request = {"topics": [topic], "timeout": 60_000, "validate_only": False}
    answer = cluster.nodes[1].ask(apis.CREATE_TOPICS, request, timeout=90)
    error = answer["topics"][0]["error"]
    if error != 0:
        raise nodes.Unlike(f"topic {name} was not created: error {error}, {answer['topics'][0]['message']}")


def perf(arguments, cluster, action, *more):
    """Runs the generator, which is the same for all servers."""
    command = [str(arguments.binary), "perf", "--bootstrap", cluster.bootstrap, "--json", action, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise nodes.Unlike(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def produce(cluster, arguments, results):
    """Batches of 1 KiB records as fast as they are acknowledged by all."""
    load = ["--topic", "produce", "--partitions", str(PARTITIONS), "--replication-factor", "3", "--record-size", "1k",
            "--batch-size", "1M", "--acks", "all", "--connections", "4", "--in-flight", "5", "--timeout", "120s"]
    perf(arguments, cluster, "produce", *load, "--duration", f"{arguments.seconds * 0.6:g}s")
    before = sum(cpu_seconds(node) for node in cluster.running())
    found = perf(arguments, cluster, "produce", *load, "--duration", f"{arguments.seconds:g}s")
    cpu = sum(cpu_seconds(node) for node in cluster.running()) - before
    results.add("produce, 1 KiB records, 8 partitions x 3", found["mb_per_second"], "MB/s")
    results.add("produce: CPU of all nodes", cpu / (found["bytes"] / 2**30), "s per GiB")
    results.add("produce: p99", found["latency_ms"]["p99"], "ms")


def paced(cluster, arguments, topic, rate=1000):
    """p50 and p99 of single records of 1 KiB at a fixed rate, each timed from when it was due."""
    load = ["--topic", topic, "--partitions", str(PARTITIONS), "--replication-factor", "3", "--record-size", "1k",
            "--rate", str(rate), "--acks", "all", "--connections", "4", "--timeout", "120s"]
    found = perf(arguments, cluster, "latency", *load, "--warm-up", "2s", "--duration", f"{2 * arguments.seconds:g}s")
    return found["latency_ms"]["p50"], found["latency_ms"]["p99"]


def latency(cluster, arguments, results):
    paced(cluster, arguments, "latency")  # compilers and caches have seen it
    p50, p99 = paced(cluster, arguments, "latency")
    results.add("acknowledgement at 1,000 records/s: p50", p50, "ms")
    results.add("acknowledgement at 1,000 records/s: p99", p99, "ms")


class Stuttering:
    """A node that stands still for half of the time, 100 ms at once, as one on a slow disk does."""

    def __init__(self, node):
        self.node, self.halt = node, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.halt.wait(0.1):
            self.node.pause()
            self.halt.wait(0.1)
            self.node.resume()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_error):
        self.halt.set()
        self.thread.join()
        self.node.resume()


class Paused:
    def __init__(self, node):
        self.node = node

    def __enter__(self):
        self.node.pause()
        time.sleep(1)

    def __exit__(self, *_error):
        self.node.resume()


class SlowDisk:
    """Each sync of a node takes 200 ms longer (tests/clients/faults/failing_disk.c)."""

    @staticmethod
    def prepare(node):
        """Before its start."""
        library = world.build_failing_disk(node.work)
        if library is None:
            raise RuntimeError("a disk is slowed by a library that is compiled for it, and there is no C compiler")
        node.disk = world.FailingDisk(library, node.data, node.work / "disk-control")
        node.environment = node.disk.environment()

    def __init__(self, node):
        self.disk = node.disk

    def __enter__(self):
        self.disk.set(4, 20)
        time.sleep(1)

    def __exit__(self, *_error):
        self.disk.set(4, 0)


def disturbed(name, disturbance, cluster, arguments, results):
    """What producers notice of a node that follows everywhere and leads nowhere."""
    replicas = [[1, 2, 3], [2, 1, 3]] * (PARTITIONS // 2)
    create(cluster, name, PARTITIONS, replicas)
    cluster.settle()
    paced(cluster, arguments, name)
    _, without = paced(cluster, arguments, name)
    with disturbance(cluster.nodes[3]):
        _, beside = paced(cluster, arguments, name)
    results.add(f"p99 at 1,000 records/s before a follower is {name}", without, "ms")
    results.add(f"p99 beside a follower that is {name}", beside, "ms")
    results.add(f"p99 beside a follower that is {name}, of that before", beside / without, "times")


def lead_as_preferred(cluster, topic):
    """Lets each partition's preferred replica lead it."""
    asked = {"type": 0, "topics": [{"name": topic, "partitions": list(range(PARTITIONS))}], "timeout": 10_000}
    answer = cluster.nodes[1].ask(apis.ELECT_LEADERS, asked, timeout=30)
    wrong = [(one["index"], one["error"]) for told in answer["topics"] for one in told["partitions"]
             if one["error"] not in (0, ELECTION_NOT_NEEDED)]
    if answer["error"] != 0 or wrong:
        raise nodes.Unlike(f"preferred leaders were not elected: {answer['error']}, {wrong}")


def gaps(cluster, arguments, end, returned=lambda node: None):
    """Ends the node that leads most, again and again, starts it again and lets it lead what it is preferred for. The longest gap of a
    partition each time: from its end on, from its start on until it leads again, and before both."""
    topic = f"gaps-{time.time_ns()}"
    create(cluster, topic, PARTITIONS)
    cluster.settle()
    traffic = Traffic(cluster, topic, {} if arguments.client_defaults else PROMPT)
    time.sleep(2)
    found, back, before = [], [], []
    for _ in range(arguments.kills):
        # Some servers' partitions take longer than a restart until they acknowledge again.
        calm = time.monotonic() + 1
        nodes.wait_for("two seconds of acknowledgements", lambda at=calm: traffic.goes_on(at), 120)
        node = cluster.nodes[cluster.most_leading(topic)]
        began = time.monotonic()
        before.append(traffic.longest_gap(began - 2, began))
        end(node)
        nodes.wait_for("acknowledgements of every partition", lambda at=began: traffic.goes_on(at + 2), 120)
        found.append(traffic.longest_gap(began - 0.3, max(began + 3, time.monotonic())))
        began = time.monotonic()
        node.launch()
        node.wait_ready()
        cluster.settle()
        returned(node)
        lead_as_preferred(cluster, topic)
        time.sleep(SETTLE)
        back.append(traffic.longest_gap(began - 0.3, time.monotonic()))
    traffic.stop()
    return found, back, before


def drain(cluster, arguments, node, *more):
    """Lets a node lead nothing, by the command."""
    command = [str(arguments.binary), "cluster", "drain", str(node.id), *more, "-b", cluster.bootstrap]
    subprocess.run(command, capture_output=True, timeout=60, check=True)


def resident_bytes(node):
    return int(pathlib.Path(f"/proc/{node.process.pid}/statm").read_text().split()[1]) * PAGE


def cpu_seconds(node):
    stat = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text()
    return sum(int(part) for part in stat.rsplit(")", 1)[1].split()[11:13]) / TICKS


def sent_bytes(node):
    """What the node's sockets have sent, by the kernel's count; those that are open now."""
    told = subprocess.run(["ss", "-tinpHO"], capture_output=True, text=True, check=True).stdout
    own = [line for line in told.splitlines() if f"pid={node.process.pid}," in line]
    return sum(int(found[1]) for line in own if (found := re.search(r"bytes_sent:(\d+)", line)))


def answering(node, topics, timeout=10.0):
    """The partitions whose end this node tells as their leader."""
    found = set()
    with Connection(node.bootstrap, timeout) as connection:
        for topic, partitions in topics.items():
            asked = [{"index": index, "epoch": -1, "timestamp": -1} for index in range(partitions)]
            request = {"replica": -1, "isolation": 0, "topics": [{"name": topic, "partitions": asked}]}
            for told in connection.call(apis.LIST_OFFSETS, request)["topics"][0]["partitions"]:
                if told["error"] == 0:
                    found.add((topic, told["index"]))
    return found


def many(cluster, arguments, results):
    before = {node.id: resident_bytes(node) for node in cluster.running()}
    topics, left = {}, arguments.partitions
    while left > 0:
        count = min(left, TOPIC_PARTITIONS)
        topics[f"many-{len(topics)}"] = count
        create(cluster, f"many-{len(topics) - 1}", count)
        left -= count
    total = sum(topics.values())

    def served(living):
        return len(set().union(*(answering(node, topics) for node in living))) == total

    took = nodes.wait_for("a leader for every partition", lambda: served(cluster.running()), 120)
    results.add(f"{total} partitions, led after their creation", took, "s")
    time.sleep(20)
    cpu = {node.id: cpu_seconds(node) for node in cluster.running()}
    sent = {node.id: sent_bytes(node) for node in cluster.running()}
    time.sleep(IDLE_SECONDS)
    for node in cluster.running():
        used = (cpu_seconds(node) - cpu[node.id]) / IDLE_SECONDS
        results.add(f"{total} partitions, idle: CPU of node {node.id}", used * 100, "% of a core")
        rate = (sent_bytes(node) - sent[node.id]) / IDLE_SECONDS
        results.add(f"{total} partitions, idle: node {node.id} sends", rate / 1024, "KiB/s")
        each = (resident_bytes(node) - before[node.id]) / total
        results.add(f"{total} partitions: memory of node {node.id}", each / 1024, "KiB per replica")
    counts = [len(answering(node, topics)) for node in cluster.running()]
    victim = cluster.running()[counts.index(max(counts))]
    living = cluster.others(victim.id)
    began = time.monotonic()
    victim.kill()
    while not served(living):
        if time.monotonic() - began > 60:
            raise nodes.Unlike("some partitions are not served a minute after the node's death")
    results.add(f"{total} partitions, a node that led {max(counts)} killed: all served after",
                time.monotonic() - began, "s")
    return victim


def measure(name, cluster, arguments, results):
    if name == "produce":
        produce(cluster, arguments, results)
    elif name == "latency":
        latency(cluster, arguments, results)
    elif name == "paused":
        disturbed(name, Paused, cluster, arguments, results)
    elif name == "stuttering":
        disturbed(name, Stuttering, cluster, arguments, results)
    elif name == "slow-disk":
        disturbed(name, SlowDisk, cluster, arguments, results)
    elif name == "kill":
        results.gaps("kill -9", *gaps(cluster, arguments, lambda node: node.kill()))
    elif name == "restart":
        results.gaps("SIGTERM", *gaps(cluster, arguments, nodes.stop_orderly))
    elif name == "drain":
        def end(node):
            drain(cluster, arguments, node)
            nodes.stop_orderly(node)
        results.gaps("drain", *gaps(cluster, arguments, end, lambda node: drain(cluster, arguments, node, "--undo")))
    else:
        many(cluster, arguments, results)


def with_client():
    """Goes on in the Python that has librdkafka, unless this is it."""
    python = install.confluent_python()
    if pathlib.Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])


def main():
    arguments = parse()
    with_client()
    arguments.work.mkdir(parents=True, exist_ok=True)
    results = Results(arguments.work / "results.json")
    failed = False
    servers = arguments.servers.split(",")
    for results.round in range(1, arguments.rounds + 1):
        # Even rounds the other way round: what comes second finds another disk.
        for name in arguments.only.split(","):
            for results.server in servers if results.round % 2 else reversed(servers):
                failed |= not one(name, results.server, arguments, results)
    results.table()
    met = results.judge()
    return 1 if failed else 0 if met else 3


def made(server, work, binary):
    if server == ORDAIN:
        return nodes.Cluster(work, binary)
    return KafkaCluster(work, {**KAFKA_SETTINGS, **(SYNC if server == KAFKA_SYNC else {})}, flags=KAFKA_FLAGS, voters=CONFIGURED)


def one(name, server, arguments, results):
    """One measurement of one server; whether it succeeded."""
    if server != ORDAIN and name in ALONE:
        print(f"{server:10} {name} is Ordain's alone: {ALONE[name]}")
        return True
    work = arguments.work / f"{name}-{server}-{results.round}-{os.getpid()}"
    # What the server before has left to be written is not this one's.
    os.sync()
    cluster = made(server, work, arguments.binary.resolve())
    try:
        if name == "slow-disk":
            SlowDisk.prepare(cluster.nodes[3])
        cluster.start()
        cluster.settle(60)
        measure(name, cluster, arguments, results)
        cluster.stop()
        shutil.rmtree(work)
        return True
    except (nodes.Unlike, OSError, WireError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"{name} of {server} failed: {error}; the nodes' logs are in {work}", file=sys.stderr, flush=True)
        return False
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
