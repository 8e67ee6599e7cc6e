"""A node loses its disk, and with it the only replicas of some partitions: every node, the health and the node's log say so, until
the topic is deleted."""

import subprocess

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import apis

from .nodes import Unlike, wait_for
from .scenarios import same

VICTIM, PARTITIONS = 3, 6


class Unreachable:
    def __init__(self, drill):
        self.cluster, self.topic = drill.cluster, f"solo-{drill.round}"
        self.victim = self.cluster.nodes[VICTIM]
        self.lost = []

    def ordain(self, *arguments):
        """The exit code and what the command said, asked through a node that has lost nothing."""
        done = subprocess.run([str(self.victim.binary), *arguments, "-b", self.cluster.nodes[1].bootstrap],
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def begin(self):
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap})
        admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])[self.topic].result(30)
        producer, failures = Producer({"bootstrap.servers": self.cluster.bootstrap, "acks": "all"}), []
        for partition in range(PARTITIONS):
            producer.produce(self.topic, b"only here", partition=partition,
                             on_delivery=lambda error, _: error and failures.append(error))
        same("records left after flush", producer.flush(30), 0)
        same("records refused", failures, [])
        seen = self.victim.metadata()[self.topic]
        self.lost = [index for index, one in seen.items() if one["replicas"] == [VICTIM]]
        if not self.lost:
            raise Unlike(f"node {VICTIM} holds none of {seen}")

    def _all_say_so(self):
        for node in self.cluster.nodes.values():
            seen = node.metadata()[self.topic]
            for index, one in seen.items():
                told = (one["leader"], one["isr"], one["offline"])
                lost = (-1, [], [VICTIM])
                if index not in self.lost:
                    lost = (one["replicas"][0], one["replicas"], [])
                if told != lost:
                    raise Unlike(f"node {node.id} says of {self.topic}-{index} {told}, expected {lost}")
            cursor = {"topics": [{"name": self.topic}], "limit": 100, "cursor": None}
            described = node.ask(apis.DESCRIBE_TOPIC_PARTITIONS, cursor)["topics"][0]["partitions"]
            same(f"leaderless by node {node.id}", [one["index"] for one in described if one["leader"] < 0], self.lost)
        return True

    def _health(self):
        code, said = self.ordain("cluster", "health")
        for part in "no replica holds", f"{self.topic}-{self.lost[0]}", "delete the topic and create it anew":
            if code != 1 or part not in said:
                raise Unlike(f"ordain cluster health ended with {code} and says {said!r}, without {part!r}")
        if "look again in some seconds" in said:
            raise Unlike(f"ordain cluster health waits for what is lost: {said!r}")
        return True

    def _log(self):
        said = self.victim.said()
        told = [line for line in said.splitlines() if "lost what this node held" in line]
        if not told or "ordain cluster recover" not in told[-1] or f"{self.topic}-{self.lost[0]}" not in told[-1]:
            raise Unlike(f"the log of node {VICTIM} does not tell of {self.topic}-{self.lost[0]}: {told}")
        return True

    def gone(self):
        code, said = self.ordain("topic", "delete", self.topic)
        if code != 0:
            raise Unlike(f"ordain topic delete ended with {code}: {said}")

        def healthy():
            code, said = self.ordain("cluster", "health")
            if code != 0:
                raise Unlike(said)
            return True

        return wait_for("a healthy cluster", healthy, 60)


def run(drill):
    case = Unreachable(drill)
    case.begin()
    case.victim.kill()
    case.victim.wipe()
    case.victim.start()
    seconds = wait_for("every node says what is lost", case._all_say_so, 60)
    wait_for("the health says so", case._health, 30)
    wait_for("the log says so", case._log, 30)
    case.gone()
    return f"{len(case.lost)} partitions without a replica left were told of by every node {seconds:.1f} s after the start"
