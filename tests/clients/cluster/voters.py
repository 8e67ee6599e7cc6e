"""Kafka's own tools change who votes on the metadata, the finalised features, and who is registered."""

import re

from harness import cli, install

from . import nodes
from .nodes import wait_for
from .scenarios import same

TOOLS = "org.apache.kafka.tools."
NEW = 4


class Voters:
    def __init__(self, cluster):
        self.cluster = cluster
        self.jars = install.kafka_jars()

    def tool(self, name, *arguments, fails=False):
        command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp",
                   f"{self.jars}/*", TOOLS + name, *arguments]
        done = cli.subprocess.run(command, capture_output=True, text=True, timeout=90)
        if (done.returncode != 0) != fails:
            raise AssertionError(f"{name} {arguments} ended with {done.returncode}: {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    def quorum(self, *arguments, fails=False):
        return self.tool("MetadataQuorumCommand", "--bootstrap-server", self.cluster.bootstrap, *arguments,
                         fails=fails)

    def status(self):
        """Voters, observers: id → directory id, with the endpoints that the tool shows."""
        out = self.quorum("describe", "--status")
        found = []
        for what in ("CurrentVoters", "CurrentObservers"):
            line = re.search(rf"{what}:\s+(.*)", out)[1]
            found.append(dict(re.findall(r'"id": (\d+), "directoryId": "([^"]+)", "endpoints": \["CONTROLLER://', line)))
        return found

    def run(self):
        voters, observers = self.status()
        same("voters", sorted(voters), ["1", "2", "3"])
        between = nodes.broker.free_port()
        first = self.cluster.nodes[1]
        node = nodes.Node(NEW, self.cluster.work / f"node{NEW}", first.binary, self.cluster.servers, between)
        node.launch()
        try:
            node.wait_ready()
            self.change(node, between)
        finally:
            if node.runs:
                node.kill()
        return "added and removed a voter, a leader that is one among them"

    def change(self, node, between):
        wait_for("node 4 observes", lambda: sorted(self.status()[1]) == ["4"], 20)
        directory = self.status()[1]["4"]
        # The tool reads the node's ids from meta.properties in its data directory.
        config = self.cluster.work / "controller-4.properties"
        cluster_id = re.search(r"ClusterId:\s+(\S+)", self.quorum("describe", "--status"))[1]
        there = (node.data / "meta.properties").read_text().splitlines()
        same("meta.properties", [line for line in there if not line.startswith("#")],
             ["version=1", f"cluster.id={cluster_id}", "node.id=4", f"directory.id={directory}"])
        config.write_text(f"node.id=4\nprocess.roles=broker,controller\nlog.dirs={node.data}\n"
                          f"listeners=CONTROLLER://127.0.0.1:{between}\ncontroller.listener.names=CONTROLLER\n")
        added = self.quorum("--command-config", str(config), "add-controller")
        same(f"added in {added}", "Added controller 4" in added, True)
        same("voters with node 4", sorted(self.status()[0]), ["1", "2", "3", "4"])
        again = self.quorum("--command-config", str(config), "add-controller", fails=True)
        same(f"a duplicate in {again}", "DuplicateVoter" in again, True)
        leader = str(self.cluster.controller())
        removed = self.quorum("remove-controller", "-i", leader, f"--controller-directory-id={self.status()[0][leader]}")
        same(f"removed in {removed}", "Removed" in removed, True)
        same("voters without the leader", sorted(self.status()[0]), sorted({"1", "2", "3", "4"} - {leader}))
        same("another controller", str(self.cluster.controller()) != leader, True)
        lost = self.quorum("remove-controller", "-i", leader, f"--controller-directory-id={directory}", fails=True)
        same(f"no voter in {lost}", "VoterNotFound" in lost, True)
        self.ordain(node, "add-voter", leader)
        same("voters again", sorted(self.status()[0]), ["1", "2", "3", "4"])
        self.ordain(node, "remove-voter", "4")
        same("the founders vote", sorted(self.status()[0]), ["1", "2", "3"])
        node.kill()
        unregistered = self.tool("ClusterTool", "unregister", "--bootstrap-server",
                                 self.cluster.nodes[1].bootstrap, "--id", "4")
        same(f"unregistered in {unregistered}", "no longer registered" in unregistered, True)
        unknown = self.tool("ClusterTool", "unregister", "--bootstrap-server",
                            self.cluster.nodes[1].bootstrap, "--id", "77", fails=True)
        same(f"unknown in {unknown}", "BrokerIdNotRegistered" in unknown, True)

    def ordain(self, node, *arguments):
        out = cli.run([str(node.binary), "cluster", *arguments, "-b", self.cluster.nodes[1].bootstrap])[0]
        same(f"{arguments} in {out}", "votes" in out, True)

    def features(self):
        command = ["FeatureCommand", "--bootstrap-server", self.cluster.bootstrap]
        described = self.tool(*command, "describe")
        same(f"metadata.version in {described}", "metadata.version" in described, True)
        # The newest level has changed what the metadata hold: nobody goes back before it.
        lowered = self.tool(*command, "downgrade", "--feature", "metadata.version=29", fails=True)
        same(f"lowered in {lowered}", "could be lost" in lowered, True)
        dry = self.tool(*command, "upgrade", "--feature", "metadata.version=30", "--dry-run")
        same(f"dry run in {dry}", "can be upgraded to" in dry, True)
        refused = self.tool(*command, "upgrade", "--feature", "metadata.version=28", fails=True)
        same(f"refused in {refused}", "not downgraded unless" in refused, True)
        raised = self.tool(*command, "upgrade", "--feature", "metadata.version=30")
        same(f"raised in {raised}", "was upgraded to" in raised, True)
        # Voters are added and removed: that is so for good.
        same(f"kraft.version in {described}", any(line.split()[1:2] == ["kraft.version"] and "FinalizedVersionLevel: 1" in line
                                                  for line in described.splitlines()), True)
        raised = self.tool(*command, "upgrade", "--feature", "kraft.version=1")
        same(f"kraft.version raised in {raised}", "was upgraded to" in raised, True)
        lowered = self.tool(*command, "downgrade", "--feature", "kraft.version=0", fails=True)
        same(f"kraft.version lowered in {lowered}", "not" in lowered, True)
        beyond = self.tool(*command, "upgrade", "--feature", "no.such.feature=1", fails=True)
        same(f"unknown in {beyond}", "not" in beyond, True)


def run(run, drill):
    voters = Voters(drill.cluster)
    ended = [run.step("kafka-metadata-quorum add-controller, remove-controller; kafka-cluster unregister", voters.run),
             run.step("kafka-features", voters.features)]
    drill.cluster.settle()
    same("steps that failed", ended.count(False), 0)
