"""Three Ordain processes that are one cluster: start, kill, stop, pause and wipe each, and ask each.

What the cluster looks like is asked of the nodes over the wire, one by one: a client would hide
which of them has answered.
"""

import os
import shutil
import signal
import time

from harness import apis, broker, processes, settings
from harness.wire import Connection, WireError

NODES = (1, 2, 3)
COMMAND = [
    "{binary}", "serve",
    "--set", "node.id={node}",
    "--set", "log.dirs={data}",
    "--set", "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{between}",
    "--set", "controller.listener.names=CONTROLLER",
    "--set", "controller.quorum.bootstrap.servers={servers}",
    "--set", "ordain.admin.listener=",
]
# Less than the defaults, so that a short run sees what a day would bring.
QUICK = {
    "default.replication.factor": "3",
    "offsets.topic.num.partitions": "4",
    "leader.imbalance.check.interval.seconds": "5",
    "broker.rack": "r{node}",
    "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
}


class Unlike(Exception):
    """The cluster is not in the state that it has to be in."""


def wait_for(what, condition, limit):
    """Waits until `condition()` is true, and gives the seconds that took. A condition may raise
    `Unlike` to say what is still missing."""
    began, missing = time.monotonic(), ""
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except (OSError, WireError, Unlike) as error:
            missing = f": {error}"
        if time.monotonic() - began > limit:
            raise Unlike(f"{what} did not come about in {limit} s{missing}")
        time.sleep(0.1)


class Node(broker.Broker):
    """One process of a cluster. `servers` is the list that it is configured with."""

    def __init__(self, node, work, binary, servers, between, command=None, more=None, port=None):
        command = [*(command or COMMAND)]
        for key, value in {**QUICK, **(more or {})}.items():
            command += ["--set", f"{key}={value}"]
        super().__init__(command, work, port=port, binary=binary, node=node, servers=servers,
                         between=between)
        self.id, self.between, self.binary = node, between, binary

    def configure_by_file(self, *more):
        """From now on it is started with a properties file (`--config`), as Kafka's nodes are, which has what `--set` gave it,
        and these lines."""
        file = self.work / "server.properties"
        file.write_text("".join(f"{line}\n" for line in [*self.command[3::2], *more]))
        self.command = [*self.command[:2], "--config", str(file)]

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def pause(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def wipe(self):
        shutil.rmtree(self.data)
        self.data.mkdir()

    def said(self):
        return self.log.read_text(errors="replace")

    def ask(self, api, values, timeout=10.0):
        with Connection(self.bootstrap, timeout) as connection:
            return connection.call(api, values)

    def metadata(self):
        """Topic → partition → what this node says of it."""
        request = {"topics": None, "auto_create": False, "authorized": False}
        topics = self.ask(apis.METADATA, request)["topics"]
        return {t["name"]: {p["index"]: p for p in t["partitions"]} for t in topics}

    def quorum(self):
        """What the active controller says of the metadata log's replicas, asked through this node."""
        request = {"topics": [{"name": "__cluster_metadata", "partitions": [{"index": 0}]}]}
        answer = self.ask(apis.DESCRIBE_QUORUM, request)
        if answer["error"] != 0:
            raise Unlike(f"DescribeQuorum at node {self.id}: error {answer['error']}")
        partition = answer["topics"][0]["partitions"][0]
        if partition["error"] != 0:
            raise Unlike(f"DescribeQuorum at node {self.id}: error {partition['error']}")
        return partition


class Cluster:
    def __init__(self, work, binary):
        self.work = work
        between = {node: broker.free_port() for node in NODES}
        self.servers = ",".join(f"127.0.0.1:{port}" for port in between.values())
        self.nodes = {
            node: Node(node, work / f"node{node}", binary, self.servers, between[node])
            for node in NODES}

    @property
    def bootstrap(self):
        return ",".join(node.bootstrap for node in self.nodes.values())

    def others(self, than):
        return [node for node in self.nodes.values() if node.id != than]

    def start(self):
        for node in self.nodes.values():
            node.launch()
        for node in self.nodes.values():
            node.wait_ready()

    def stop(self):
        for node in self.nodes.values():
            if node.process is not None:
                node.kill()

    def running(self):
        return [node for node in self.nodes.values() if node.runs]

    def controller(self):
        for node in self.running():
            try:
                return node.quorum()["leader"]
            except (OSError, WireError, Unlike):
                continue
        return None

    def leaders(self, topic, but=None):
        """Partition → leader, by a node other than `but`."""
        node = next(node for node in self.running() if node.id != but)
        return {index: one["leader"] for index, one in node.metadata()[topic].items()}

    def most_leading(self, topic):
        leaders = list(self.leaders(topic).values())
        return max(NODES, key=leaders.count)

    def _settled(self):
        """Every node says of every partition that it has a leader and that all replicas are in
        sync, and all nodes are voters of the metadata log that have caught up."""
        for node in self.nodes.values():
            for topic, partitions in node.metadata().items():
                for index, one in partitions.items():
                    place = f"node {node.id} says of {topic}-{index}"
                    if one["leader"] not in one["replicas"]:
                        raise Unlike(f"{place}: leader {one['leader']}, error {one['error']}")
                    if sorted(one["isr"]) != sorted(one["replicas"]):
                        raise Unlike(f"{place}: in sync {one['isr']} of {one['replicas']}")
        quorum = self.running()[0].quorum()
        voters = sorted(voter["id"] for voter in quorum["voters"])
        if voters != list(NODES):
            observers = [observer["id"] for observer in quorum["observers"]]
            raise Unlike(f"voters of the metadata log {voters}, observers {observers}")
        behind = [voter for voter in quorum["voters"] if voter["end"] < quorum["high_watermark"]]
        if behind:
            raise Unlike(f"voters of the metadata log that lag behind: {behind}")
        return True

    def settle(self, limit=30):
        """Waits until everything is in sync everywhere; gives the seconds."""
        return wait_for("all replicas in sync on all nodes", self._settled, limit)


def stop_orderly(node):
    """SIGTERM; gives the seconds that the end took, and raises if it was none."""
    began = time.monotonic()
    code = processes.stop(node.process, signal.SIGTERM, wait=settings.STOP_LIMIT)
    node.process = None
    if code not in settings.ORDERLY_EXIT:
        raise Unlike(f"node {node.id} ended with {code} after SIGTERM")
    return time.monotonic() - began
