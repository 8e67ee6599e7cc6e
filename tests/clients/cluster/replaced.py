"""A node dies for good and another one takes its place, by the steps of docs/cluster.md (Recipes) and with the very
commands; each that comes too early is refused, and says what to do first."""

import json
import subprocess
import time

from harness import apis

from . import nodes
from .nodes import Unlike, wait_for
from .scenarios import same

DEAD, NEW, UNKNOWN = 3, 4, 9


class Replaced:
    def __init__(self, drill):
        self.drill, self.cluster = drill, drill.cluster
        first = self.cluster.nodes[1]
        self.binary = str(first.binary)
        self.bootstrap = f"{first.bootstrap},{self.cluster.nodes[2].bootstrap}"
        self.new = nodes.Node(NEW, self.cluster.work / f"replaced-{drill.round}", first.binary, self.cluster.servers,
                              nodes.broker.free_port())

    def ordain(self, *arguments, code=0, area="cluster"):
        """What the command said, on both outputs; it has to end with this code."""
        done = subprocess.run([self.binary, area, *map(str, arguments), "-b", self.bootstrap], capture_output=True,
                              text=True, timeout=90)
        said = done.stdout + done.stderr
        if done.returncode != code:
            raise Unlike(f"ordain {area} {arguments} ended with {done.returncode}, expected {code}: {said}")
        return said

    def says(self, *arguments, has, code=0, area="cluster"):
        said = self.ordain(*arguments, code=code, area=area)
        for part in has:
            if part not in said:
                raise Unlike(f"ordain {area} {arguments} says {said!r}, without {part!r}")

    def accepted(self, *arguments):
        """A heard node passes for one that is there for some seconds."""
        wait_for(f"ordain cluster {arguments}", lambda: bool(self.ordain(*arguments)), 30)

    def unknown(self):
        known = f"there is no node {UNKNOWN}; the cluster knows 1, 2, 3"
        for command in "evacuate", "drain", "remove-voter", "unregister", "safe-to-restart":
            self.says(command, UNKNOWN, has=[known], code=2)

    def alive(self):
        self.says("unregister", NEW, has=["it is there, and would register again"], code=1)
        node = str(NEW)
        self.says("drain", node, "--undo", "--dry-run", has=["is not draining"])
        self.says("drain", node, has=["leads nothing"])
        self.says("drain", node, "--undo", "--dry-run", has=["would be let lead again"])
        self.says("drain", node, "--undo", has=["may lead again"])

    def stuck(self):
        """A partition whose only replica is on the dead node is named, and not waited for in vain."""
        topic = f"alone-{self.drill.round}"
        dead = self.cluster.nodes[DEAD]
        self.ordain("create", topic, "-p", 12, "-r", 1, area="topic")
        # Whichever node was asked knows it already.
        wait_for("node 1 knows the topic", lambda: topic in self.cluster.nodes[1].metadata(), 10)
        partitions = [index for index, one in self.cluster.nodes[1].metadata()[topic].items()
                      if one["replicas"] == [DEAD]]
        dead.kill()
        self.says("safe-to-restart", DEAD, has=[f"yes: node {DEAD} is not there"])
        if partitions:
            back = f"cannot move until node {DEAD} is back, or by `ordain cluster recover`"
            self.says("reassign", topic, "--to", "1", "--partitions", partitions[0], "--dry-run", has=[back], area="topic")
            self.says("reassign", topic, "--to", "1", "--partitions", partitions[0], "--wait", 1,
                      has=[back, "Moved: 0 of 1 partition within 1 s"], code=1, area="topic")
            # Once it is fenced nobody takes it for the leader that it was.
            wait_for("an election without the dead leader", lambda: self._elected(topic, partitions[0]) == [80, 83], 30)
        self.ordain("delete", topic, area="topic")

    def _elected(self, topic, partition):
        """What a preferred and an unclean election of a partition come to (PREFERRED_LEADER_NOT_AVAILABLE is 80,
        ELIGIBLE_LEADERS_NOT_AVAILABLE 83, ELECTION_NOT_NEEDED 84)."""
        errors = []
        for kind in 0, 1:
            asked = {"type": kind, "topics": [{"name": topic, "partitions": [partition]}], "timeout": 1000}
            answer = self.cluster.nodes[1].ask(apis.ELECT_LEADERS, asked)
            errors.append(answer["topics"][0]["partitions"][0]["error"])
        return errors

    def replace(self):
        wait_for("node 3 is fenced", lambda: f"broker {DEAD} is not there (fenced or gone)" in self.health(), 30)
        self.says("health", has=[f"`ordain cluster remove-voter {DEAD}`, and at last `ordain cluster unregister {DEAD}`"], code=1)
        wait_for("it is heard no more", lambda: f"voter {DEAD} of the metadata quorum is not there" in self.health(), 30)
        self.says("unregister", DEAD, has=[f"`ordain cluster evacuate {DEAD}` moves them to others"], code=1)
        self.says("evacuate", DEAD, "--dry-run", has=["would move"])
        self.says("evacuate", DEAD, has=["have moved."])
        self.says("evacuate", DEAD, has=["Every partition is where it shall be."])
        self.says("unregister", DEAD, has=["it votes on the metadata", f"remove-voter {DEAD}"], code=1)
        self.says("add-voter", NEW, "--dry-run", has=["would vote: 4 voters then, of whom 3 are needed"])
        self.says("add-voter", NEW, has=["votes: 4 voters then"])
        self.says("remove-voter", DEAD, "--dry-run", has=["would vote no longer"])
        self.says("remove-voter", DEAD, has=["votes no longer: 3 voters then"])
        self.says("remove-voter", DEAD, has=[f"Node {DEAD} is no voter."])
        would = json.loads(self.ordain("unregister", DEAD, "--dry-run", "--json"))
        same("a dry run", (would["node"], would["dry_run"], would["changed"]), (DEAD, True, False))
        self.says("unregister", DEAD, has=[f"Broker {DEAD} is registered no longer"])
        self.says("unregister", DEAD, has=[f"there is no node {DEAD}; the cluster knows 1, 2, 4"], code=2)
        wait_for("a healthy cluster without node 3", lambda: "  healthy" in self.health(), 30)

    def health(self):
        done = subprocess.run([self.binary, "cluster", "health", "-b", self.bootstrap], capture_output=True, text=True,
                              timeout=60)
        return done.stdout + done.stderr

    def take_back(self):
        """The same with nodes that live: node 3 comes back, node 4 goes."""
        dead = self.cluster.nodes[DEAD]
        dead.launch()
        dead.wait_ready(60)
        wait_for("node 3 follows the metadata", lambda: f"Node {DEAD} would vote" in self.asked_to_vote(), 30)
        self.ordain("add-voter", DEAD)
        self.says("evacuate", NEW, has=["have moved."])
        self.ordain("remove-voter", NEW)
        self.new.kill()
        # Nothing lacks it, but whoever goes by the health has to know that it is gone.
        wait_for("node 4 is missed", lambda: f"node {NEW} is registered and does not run" in self.health(), 30)
        self.unregister_new()

    def asked_to_vote(self):
        done = subprocess.run([self.binary, "cluster", "add-voter", str(DEAD), "--dry-run", "-b", self.bootstrap],
                              capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def unregister_new(self):
        self.accepted("unregister", NEW)
        self.says("unregister", NEW, has=["there is no node 4; the cluster knows 1, 2, 3"], code=2)


def run(drill):
    steps = Replaced(drill)
    began = time.monotonic()
    steps.unknown()
    steps.new.launch()
    try:
        steps.new.wait_ready()
        steps.alive()
        steps.stuck()
        steps.replace()
        took = time.monotonic() - began
        steps.take_back()
    finally:
        if steps.new.runs:
            steps.new.kill()
    drill.cluster.settle(60)
    drill.go_on()
    return f"node {DEAD} was replaced within {took:.0f} s, from its death and all that was refused on the way"
