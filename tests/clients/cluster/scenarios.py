"""What is done to the cluster while records are written: one method each. A method returns a
sentence about what it measured, or raises."""

import concurrent.futures
import random
import signal
import socket
import statistics
import subprocess
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import apis, processes
from harness.wire import WireError, record_batch

from . import traffic
from .nodes import Unlike, stop_orderly, wait_for

# Seconds that every partition has to go on within after a fault.
GO_ON = 20
# Seconds without an acknowledgement while a node without its disk comes back: others lead then. It
# is far above an election, and below the time after which the node is registered.
WIPED_GAP = 5
# Seconds without an acknowledgement while a node hands over what it leads, stops, and comes back: no election waits for a silence.
ORDERLY_GAP = 2


def same(what, got, expected):
    if got != expected:
        raise Unlike(f"{what}: {got}, expected {expected}")


def longest(gaps):
    partition = max(gaps, key=gaps.get)
    return f"longest gap {gaps[partition]:.2f} s (partition {partition})"


def bounded(gaps, limit):
    if max(gaps.values()) > limit:
        raise Unlike(f"{longest(gaps)}, {limit} s at most")
    return longest(gaps)


class Drill:
    def __init__(self, cluster, topic, seed):
        self.cluster, self.topic = cluster, topic
        self.random = random.Random(seed)
        # How often everything was done before: decides which node is meant where one is enough.
        self.round = 0
        self.writer = None
        self.kill_gaps = []
        # Topic → [(offset, value)] that were acknowledged to others than the writer.
        self.promised = {}

    def begin(self):
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap})
        topic = NewTopic(self.topic, traffic.PARTITIONS, 3)
        admin.create_topics([topic])[self.topic].result(30)
        self.writer = traffic.Writer(self.cluster.bootstrap, self.topic)
        self.writer.start()
        self.go_on()

    # --- helpers ---------------------------------------------------------------------------------

    def go_on(self, limit=GO_ON):
        """Waits until every partition has acknowledged records that were sent from now on."""
        sent = list(self.writer.sent)

        def going():
            if self.writer.errors:
                raise AssertionError(self.writer.errors[:3])
            behind = [p for p in range(traffic.PARTITIONS)
                      if not self.writer.acks[p] or self.writer.acks[p][-1].number <= sent[p]]
            if behind:
                raise Unlike(f"partitions {behind} acknowledge nothing")
            return True

        return wait_for("records acknowledged everywhere", going, limit)

    def _kill(self, node):
        """kill -9 and start again when the others have taken over; gives the longest gap of what
        it led, in seconds, or None if it led nothing."""
        led = [p for p, leader in self.cluster.leaders(self.topic).items() if leader == node.id]
        began = time.monotonic()
        node.kill()
        self.go_on()
        gap = max(self.writer.gaps(began, led).values()) if led else None
        node.launch()
        node.wait_ready()
        if gap is not None:
            self.kill_gaps.append(gap)
        return gap

    def _send(self, node, topic, values, timeout_ms):
        """Produces at one node, without a client that would ask others; gives (error, offset)."""
        request = {"transactional_id": None, "acks": -1, "timeout": timeout_ms, "topics": [
            {"name": topic, "partitions": [{"index": 0, "records": record_batch(
                [(None, value) for value in values])}]}]}
        answer = node.ask(apis.PRODUCE, request, timeout=timeout_ms / 1000 + 10)
        partition = answer["topics"][0]["partitions"][0]
        return partition["error"], partition["base_offset"]

    def ordain(self, *arguments, code=0, has=()):
        """What `ordain cluster …` says, on both outputs, asked through any node; it has to end with this code."""
        node = self.cluster.running()[0]
        done = subprocess.run([str(node.binary), "cluster", *map(str, arguments), "-b", self.cluster.bootstrap],
                              capture_output=True, text=True, timeout=90)
        said = done.stdout + done.stderr
        missing = [part for part in has if part not in said]
        if done.returncode != code or missing:
            raise Unlike(f"ordain cluster {arguments} ended with {done.returncode}, expected {code}, without {missing}: {said}")
        return said

    def create(self, node, topic, partitions=1):
        request = {"topics": [{"name": topic, "partitions": partitions, "replication": 3,
                               "assignments": [], "configs": []}],
                   "timeout": 15_000, "validate_only": False}
        answer = node.ask(apis.CREATE_TOPICS, request, 20)["topics"][0]
        same(f"creating {topic} through node {node.id}", (answer["error"], answer["message"]),
             (0, None))

    # --- scenarios -------------------------------------------------------------------------------

    def kill_each(self):
        """kill -9 each node in turn, the active controller among them, and start it again."""
        told = []
        for node in self.cluster.nodes.values():
            was_controller = self.cluster.controller() == node.id
            gap = self._kill(node)
            settled = self.cluster.settle()
            gap = "led nothing" if gap is None else f"gap {gap:.2f} s"
            told.append(f"node {node.id}{' (controller)' if was_controller else ''}: {gap}, in sync "
                        f"{settled:.1f} s after it answers")
        return "; ".join(told)

    def rolling_restart(self):
        """SIGTERM each node in turn and start it again: nobody waits long, nothing fails."""
        told = []
        for node in self.cluster.nodes.values():
            # What was in sync by the metadata a moment ago may not have caught up yet with all.
            wait_for(f"node {node.id} can be restarted", lambda node=node: self.ordain(
                "safe-to-restart", node.id, has=["yes: "]), 30)
            began = time.monotonic()
            took = stop_orderly(node)
            self.go_on()
            self.ordain("health", code=1, has=[f"- broker {node.id} "])
            other = self.cluster.running()[0]
            self.ordain("safe-to-restart", other.id, code=1, has=["no: "])
            node.launch()
            node.wait_ready()
            settled = self.cluster.settle()
            wait_for("the health says so", lambda: self.ordain("health", has=["  healthy"]), 15)
            gap = bounded(self.writer.gaps(began), ORDERLY_GAP)
            told.append(f"node {node.id}: stopped in {took:.1f} s, {gap}, in sync after {settled:.1f} s")
        same("errors at the producer", self.writer.errors, [])
        return "; ".join(told)

    def zombie(self):
        """SIGSTOP a leader for 3 s, give it records meanwhile, and let it go on."""
        topic = f"zombie-{self.round}"
        self.create(self.cluster.nodes[1], topic)
        self.cluster.settle()
        # A leader of before may just be handing over to the preferred one: that says so.
        wait_for("a leader that takes a record", lambda: self._leads(topic, b"before"), 15)
        node = self.cluster.nodes[self.cluster.leaders(topic)[0]]
        began = time.monotonic()
        node.pause()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            # The kernel takes them; the process reads them when it goes on.
            late = {b"late-%d" % i: pool.submit(self._try_send, node, topic, b"late-%d" % i)
                    for i in range(4)}
            try:
                # The others lead on: these are acknowledged while the zombie sleeps.
                wait_for("another leader",
                         lambda: self.cluster.leaders(topic, node.id)[0] not in (node.id, -1), 3)
                leader = self.cluster.nodes[self.cluster.leaders(topic, node.id)[0]]
                for i in range(3):
                    value = b"new-%d" % i
                    error, offset = self._send(leader, topic, [value], 2000)
                    same(f"error of {value} at the new leader", error, 0)
                    self.promised[topic].append((offset, value))
                time.sleep(max(0.0, began + 3 - time.monotonic()))
            finally:
                node.resume()
            answers = {value: future.result() for value, future in late.items()}
        self.go_on()
        for value, (error, offset) in answers.items():
            if error == 0:
                self.promised[topic].append((offset, value))
        self.cluster.settle()
        self.check_promised(topic)
        errors = sorted(str(error) for error, _ in answers.values())
        return f"the zombie answered {errors}; {longest(self.writer.gaps(began))}"

    def _leads(self, topic, value):
        """Whether the leader that is told of takes this record."""
        error, offset = self._send(self.cluster.nodes[self.cluster.leaders(topic)[0]], topic,
                                   [value], 5000)
        if error == 0:
            self.promised.setdefault(topic, []).append((offset, value))
        return error == 0

    def _try_send(self, node, topic, value):
        try:
            return self._send(node, topic, [value], 5000)
        except (OSError, WireError) as error:
            return str(error), None

    def check_promised(self, topic):
        records = dict(traffic.read_all(self.cluster.bootstrap, topic, 1)[0])
        lost = [one for one in self.promised[topic] if records.get(one[0]) != one[1]]
        same(f"acknowledged records of {topic} that are not there (of {records})", lost, [])

    def _fetch(self, node, topic, offset, rack, wait_ms=0):
        """What a node answers a consumer in a rack."""
        partition = {"index": 0, "epoch": -1, "offset": offset, "log_start": -1, "max_bytes": 1 << 20}
        request = {"replica": -1, "max_wait": wait_ms, "min_bytes": 1, "max_bytes": 1 << 20,
                   "isolation": 0, "session": 0, "session_epoch": -1, "forgotten": [], "rack": rack,
                   "topics": [{"name": topic, "partitions": [partition]}]}
        return node.ask(apis.FETCH, request, timeout=wait_ms / 1000 + 10)["topics"][0]["partitions"][0]

    def nearby(self):
        """Consumers are sent to replicas in their racks, and are woken there."""
        topic = f"nearby-{self.round}"
        self.create(self.cluster.nodes[1], topic)
        self.cluster.settle()
        wait_for("a leader that takes a record", lambda: self._leads(topic, b"one"), 15)
        leader = self.cluster.nodes[self.cluster.leaders(topic)[0]]
        slowest = 0
        for node in self.cluster.others(leader.id):
            rack = f"r{node.id}"
            same(f"who is to be asked in rack {rack}",
                 self._fetch(leader, topic, 0, rack)["preferred_replica"], node.id)
            wait_for("the follower's records", lambda node=node, rack=rack:
                     self._fetch(node, topic, 0, rack)["records"], 5)
            same("error of a follower that is asked without a rack",
                 self._fetch(node, topic, 0, "")["error"], 6)
            end = self._fetch(node, topic, 0, rack)["high_watermark"]
            same("error beyond the end", self._fetch(node, topic, end + 1000, rack)["error"], 1)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(self._fetch, node, topic, end, rack, 5000)
                time.sleep(0.3)
                began = time.monotonic()
                same("the leader takes a record", self._leads(topic, b"more"), True)
                came = waiting.result()
            slowest = max(slowest, time.monotonic() - began)
            same("error of the fetch that waited", (came["error"], bool(came["records"])), (0, True))
        if slowest > 2:
            raise Unlike(f"a fetch at a follower was woken after {slowest:.1f} s")
        return f"a fetch at a follower was woken within {slowest * 1000:.0f} ms of the record"

    def drain(self):
        """A node that is drained leads nothing until it may again, through a restart of its own."""
        node = self.cluster.nodes[self.cluster.most_leading(self.topic)]
        led = self._led_by(node)
        began = time.monotonic()
        self.ordain("drain", node.id, "--dry-run", has=[f"Node {node.id} leads ", "Nothing was changed"])
        same(f"partitions that node {node.id} leads after a dry run", self._led_by(node), led)
        self.ordain("drain", node.id, has=[
            f"ordain: node {node.id} leads ", " still, of ", f"Node {node.id} leads nothing, and goes on draining until --undo."])
        took = time.monotonic() - began

        def leads_nothing():
            return not self._led_by(node) and self.cluster.controller() != node.id

        # Another node's metadata may be a moment behind those that the command was told.
        wait_for("the drained node leads nothing", leads_nothing, 2)
        self.go_on()
        stop_orderly(node)
        node.launch()
        node.wait_ready()
        self.cluster.settle()
        # Longer than the balance takes to look.
        time.sleep(7)
        if not leads_nothing():
            raise Unlike("the drained node leads again after its restart")
        self.ordain("drain", node.id, "--undo", has=[f"Node {node.id} may lead again"])
        # A follower that is just behind is no leader yet, and the command says so: then it is asked again.
        wait_for("ordain cluster balance", lambda: self.ordain("balance"), 15)
        wait_for("all preferred replicas lead", lambda: self.ordain(
            "balance", has=["Every partition is led by its preferred replica."]), 15)
        same("the node leads again", bool(self._led_by(node)), True)
        self.go_on()
        gap = bounded(self.writer.gaps(began), ORDERLY_GAP)
        return f"node {node.id} led {len(led)} partitions, and nothing after {took:.1f} s; {gap}"

    def _led_by(self, node):
        return [p for p, leader in self.cluster.leaders(self.topic).items() if leader == node.id]

    def wiped(self):
        """A node that lost its disk becomes a replica of everything again, and counts as one."""
        node = self.cluster.nodes[(self.round + 1) % 3 + 1]
        node.kill()
        node.wipe()
        began = time.monotonic()
        node.launch()
        # It waits until the one that it replaces counts as silent, for seconds.
        wait_for("clients turned away", lambda: self._turns_away(node), 5)
        node.wait_ready(30)
        self._holds_everything(node, began)
        self.cluster.settle(max(1, 30 - (time.monotonic() - began)))
        took = time.monotonic() - began
        gaps = self.writer.gaps(began)
        if max(gaps.values()) > WIPED_GAP:
            raise Unlike(f"{longest(gaps)}, {WIPED_GAP} s at most: others led meanwhile")
        # With one of the others down, a majority needs it.
        other = self.cluster.others(node.id)[self.round % 2]
        gap = self._kill(other)
        self.cluster.settle()
        gap = "it led nothing" if gap is None else f"gap {gap:.2f} s"
        return f"node {node.id} in sync after {took:.1f} s, {longest(gaps)}; then node {other.id} killed: {gap}"

    def _turns_away(self, node):
        """A node that is not ready closes connections: a client that it kept waiting would lose
        seconds. Refused ones say that the process is not that far yet."""
        with socket.create_connection(("127.0.0.1", node.port), 2) as connection:
            try:
                return connection.recv(1) == b""
            except ConnectionResetError:
                return True
            except TimeoutError as error:
                raise AssertionError(f"node {node.id} takes a connection and is silent") from error

    def _holds_everything(self, node, began):
        """The node itself has a replica of every partition that names it."""
        def holds():
            answer = node.ask(apis.DESCRIBE_LOG_DIRS, {"topics": None})
            there = {(topic["name"], partition["index"]) for directory in answer["dirs"]
                     for topic in directory["topics"] for partition in topic["partitions"]}
            wanted = {(topic, index) for topic, partitions in node.metadata().items()
                      for index, one in partitions.items() if node.id in one["replicas"]}
            if not wanted or wanted - there:
                raise Unlike(f"without a replica on node {node.id}: {sorted(wanted - there)}")
            return True
        wait_for("a replica of everything", holds, max(1, 30 - (time.monotonic() - began)))

    def two_down(self):
        """With two nodes down nothing is acknowledged; when they are back everything goes on."""
        topic = f"minority-{self.round}"
        self.create(self.cluster.nodes[3], topic)
        self.cluster.settle()
        left = self.cluster.nodes[(self.cluster.controller() - 1 + self.round) % 3 + 1]
        down = self.cluster.others(left.id)
        for node in down:
            node.kill()
        time.sleep(0.5)  # what was on its way has arrived
        acknowledged, began = self.writer.acknowledged(), time.monotonic()
        refused = Producer({"bootstrap.servers": left.bootstrap, "acks": "all",
                            "message.timeout.ms": 3000, **traffic.AGAIN})
        outcome = []
        refused.produce(topic, b"refused", partition=0,
                        on_delivery=lambda error, _: outcome.append(error))
        error, offset = self._try_send(left, topic, b"direct")
        same("the lone node acknowledged a record at", error == 0 and offset, False)
        same("records left after flush", refused.flush(10), 0)
        if outcome[0] is None:
            raise Unlike("a record was acknowledged by one node of three")
        same("records acknowledged meanwhile", self.writer.acknowledged() - acknowledged, 0)
        alone = time.monotonic() - began
        for node in down:
            node.launch()
        for node in down:
            node.wait_ready()
        back = self.go_on()
        settled = self.cluster.settle()
        return (f"one node alone for {alone:.1f} s: {outcome[0].name()}, error {error}; acknowledged "
                f"{back:.1f} s after the others answer, in sync after {settled:.1f} s more")

    def all_killed(self):
        """All three killed at once and started again."""
        began = time.monotonic()
        for node in self.cluster.nodes.values():
            node.kill()
        for node in self.cluster.nodes.values():
            node.launch()
        for node in self.cluster.nodes.values():
            node.wait_ready()
        self.go_on()
        gaps = longest(self.writer.gaps(began))
        return f"{gaps}; in sync after {self.cluster.settle():.1f} s more"

    def administration(self):
        """Topics are made, changed and removed through each node while another one is down."""
        producers = []
        for node in self.cluster.nodes.values():
            down = self.cluster.others(node.id)[self.round % 2]
            kept, gone = f"kept-{node.id}-{self.round}", f"gone-{node.id}"
            self.create(node, gone, 2)
            down.kill()
            self.create(node, kept, 2)
            self._alter(node, kept)
            self._delete(node, gone)
            producers += [self._producer_id(one) for one in self.cluster.running()]
            down.launch()
            down.wait_ready()
            producers.append(self._producer_id(down))
            self.cluster.settle()
            for other in self.cluster.nodes.values():
                wait_for(f"node {other.id} knows it", lambda o=other, k=kept, g=gone:
                         self._agrees(o, k, g), 10)
        same("producer ids that were given twice", len(producers) - len(set(producers)), 0)
        return f"{len(producers)} producer ids, all different"

    def _alter(self, node, topic):
        request = {"resources": [{"type": 2, "name": topic, "configs": [
            {"name": "retention.ms", "operation": 0, "value": "123456"}]}], "validate_only": False}
        answer = node.ask(apis.INCREMENTAL_ALTER_CONFIGS, request, 20)["results"][0]
        same(f"altering {topic} through node {node.id}", (answer["error"], answer["message"]),
             (0, None))
        request = {"topics": [{"name": topic, "count": 3, "assignments": None}], "timeout": 15_000,
                   "validate_only": False}
        answer = node.ask(apis.CREATE_PARTITIONS, request, 20)["topics"][0]
        same(f"partitions of {topic} through node {node.id}", (answer["error"], answer["message"]),
             (0, None))
        same(f"node {node.id} shows what it did", self._agrees(node, topic, None), True)

    def _delete(self, node, topic):
        request = {"topics": [topic], "timeout": 15_000}
        answer = node.ask(apis.DELETE_TOPICS, request, 20)["topics"][0]
        same(f"deleting {topic} through node {node.id}", (answer["error"], answer["message"]),
             (0, None))
        same(f"node {node.id} still shows {topic}", topic in node.metadata(), False)

    def _agrees(self, node, kept, gone):
        topics = node.metadata()
        if gone in topics:
            raise Unlike(f"node {node.id} still shows {gone}")
        same(f"partitions of {kept} at node {node.id}", len(topics.get(kept, ())), 3)
        request = {"resources": [{"type": 2, "name": kept, "keys": ["retention.ms"]}],
                   "synonyms": False, "documentation": False}
        answer = node.ask(apis.DESCRIBE_CONFIGS, request)["results"][0]
        same(f"retention.ms of {kept} at node {node.id}",
             [config["value"] for config in answer["configs"]], ["123456"])
        return True

    def _producer_id(self, node):
        request = {"transactional_id": None, "timeout": 10_000, "producer": -1, "epoch": -1}
        answer = node.ask(apis.INIT_PRODUCER_ID, request, 20)
        same(f"InitProducerId at node {node.id}", answer["error"], 0)
        return answer["producer"]

    def leader_kills(self, count):
        """Kills whoever leads the most, until there are `count` gaps to tell of."""
        while len(self.kill_gaps) < count:
            self._kill(self.cluster.nodes[self.cluster.most_leading(self.topic)])
            self.cluster.settle()
        gaps = sorted(self.kill_gaps)
        return (f"{len(gaps)} leaders killed: median gap {statistics.median(gaps):.2f} s, worst "
                f"{gaps[-1]:.2f} s")

    def chaos(self, seconds=60):
        """Nodes are killed, stopped, paused and started as it comes, two or three at a time too."""
        end, paused, done = time.monotonic() + seconds, set(), []
        while time.monotonic() < end:
            node = self.cluster.nodes[self.random.randint(1, 3)]
            if node.id in paused:
                action = "resume"
                node.resume()
                paused.discard(node.id)
            elif not node.runs:
                action = "start"
                node.launch()
            else:
                action = self.random.choice(["kill", "kill", "term", "pause", "leave"])
                if action == "kill":
                    node.kill()
                elif action == "term":
                    # It may be one of two that are left: its end is not waited for any longer.
                    processes.stop(node.process, signal.SIGTERM, wait=2)
                    node.process = None
                elif action == "pause":
                    node.pause()
                    paused.add(node.id)
            done.append(f"{action} {node.id}")
            time.sleep(self.random.choice([0.0, 0.1, 0.5, 1.0, 3.0]))
        for node in self.cluster.nodes.values():
            if node.id in paused:
                node.resume()
            elif not node.runs:
                node.launch()
        for node in self.cluster.nodes.values():
            node.wait_ready()
        back = self.go_on(30)
        settled = self.cluster.settle()
        return (f"{', '.join(done)}; then acknowledged everywhere after {back:.1f} s, in sync after "
                f"{settled:.1f} s more")
