"""Controllers on nodes of their own: three that serve no clients (process.roles=controller), three that
never vote on the metadata (process.roles=broker). All are configured by files with Kafka's keys, as Kafka's are."""

import signal
import socket

from harness import apis, broker, cli, processes

from . import nodes, traffic
from .nodes import COMMAND, Node, Unlike, wait_for
from .scenarios import same
from .voters import Voters

CONTROLLERS, BROKERS = (1, 2, 3), (4, 5, 6)
TOPIC = "apart"
PROTOCOLS = "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
# What Kafka's own files have beside that and has no effect here, as the log says.
IDLE = "num.io.threads"
KRAFT = {"broker": ["inter.broker.listener.name=PLAINTEXT", f"{IDLE}=16"], "controller": [f"{IDLE}=16"]}
CONTROLLER = [part.replace("PLAINTEXT://127.0.0.1:{port},", "") for part in COMMAND]


class Controller(Node):
    def wait_ready(self, limit=broker.settings.READY_LIMIT):
        """Clients cannot ask it; what it says of itself counts, since it was started last."""
        def registered():
            if not self.runs:
                raise Unlike(self.said()[-2000:])
            return "registered with the cluster" in self.said().rsplit("--- start:", 1)[-1]
        wait_for(f"controller {self.id}", registered, limit)
        return self


class Apart:
    def __init__(self, work, binary):
        self.work, self.binary = work, binary
        between = {node: broker.free_port() for node in (*CONTROLLERS, *BROKERS)}
        servers = ",".join(f"127.0.0.1:{between[node]}" for node in CONTROLLERS)

        def made(kind, node, command, role):
            one = kind(node, work / f"node{node}", binary, servers, between[node], command, {"process.roles": role})
            for_clients = "" if role == "controller" else f"PLAINTEXT://{one.bootstrap},"
            one.configure_by_file(f"advertised.listeners={for_clients}CONTROLLER://127.0.0.1:{one.between}", PROTOCOLS, *KRAFT[role])
            return one
        self.controllers = {node: made(Controller, node, CONTROLLER, "controller") for node in CONTROLLERS}
        self.brokers = {node: made(Node, node, COMMAND, "broker") for node in BROKERS}
        self.all = {**self.controllers, **self.brokers}
        self.writer = None

    @property
    def bootstrap(self):
        return ",".join(node.bootstrap for node in self.brokers.values())

    def ordain(self, *arguments, fails=False):
        command = [str(self.binary), "cluster", *arguments, "-b", self.bootstrap]
        done = cli.subprocess.run(command, capture_output=True, text=True, timeout=60)
        if (done.returncode != 0) != fails:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    def leader(self):
        def told():
            return self.brokers[BROKERS[0]].quorum()["leader"] in CONTROLLERS
        wait_for("an active controller", told, 20)
        return self.brokers[BROKERS[0]].quorum()["leader"]

    def begin(self):
        for node in self.all.values():
            node.launch()
        for node in self.all.values():
            node.wait_ready()
        cli.run([str(self.binary), "topic", "create", TOPIC, "-p", str(traffic.PARTITIONS), "-r", "3", "-b", self.bootstrap])
        self.writer = traffic.Writer(self.bootstrap, TOPIC)
        self.writer.start()

    def who_is_who(self):
        for node in self.all.values():
            same(f"--set of node {node.id}", "--set" in node.command, False)
            same(f"what node {node.id} says of its file", f"{IDLE} has no effect" in node.said(), True)
        node = self.brokers[BROKERS[0]]
        request = {"topics": [], "auto_create": False, "authorized": False}
        told = node.ask(apis.METADATA, request)
        same("brokers in Metadata", sorted(one["id"] for one in told["brokers"]), list(BROKERS))
        replicas = {replica for one in node.metadata()[TOPIC].values() for replica in one["replicas"]}
        same("nodes with replicas", sorted(replicas), list(BROKERS))
        quorum = node.quorum()
        same("voters", sorted(one["id"] for one in quorum["voters"]), list(CONTROLLERS))
        same("observers", sorted(one["id"] for one in quorum["observers"]), list(BROKERS))
        for controller in self.controllers.values():
            with socket.socket() as probe:
                same("clients' port of a controller", probe.connect_ex(("127.0.0.1", controller.port)) != 0, True)

    def tools(self):
        """Kafka's own tool, and ours."""
        out = Voters(self).quorum("describe", "--status")
        for node in CONTROLLERS:
            same(f"node {node} in {out}", f"CONTROLLER://127.0.0.1:{self.controllers[node].between}" in out, True)
        # Where other things use the disk, a node's may have been slow just now.
        wait_for("a healthy cluster", self._healthy, 30)
        safe = self.ordain("safe-to-restart", str(self.leader()))
        same(f"a controller in {safe}", "its majority" in safe and "not there" not in safe, True)
        drained = self.ordain("drain", str(self.leader()), fails=True)
        same(f"a drained controller in {drained}", "a controller only" in drained and "may just be stopped" in drained, True)
        for dry in [], ["--dry-run"]:
            refused = self.ordain("add-voter", str(BROKERS[0]), *dry, fails=True)
            same(f"a broker's vote in {refused}", "no controller" in refused and "process.roles=broker,controller" in refused, True)

    def _healthy(self):
        try:
            return "  healthy" in self.ordain("health")
        except AssertionError as error:
            raise Unlike(str(error)) from None

    def fail_over(self):
        """The active controller is killed; brokers go on, and the next change is made by another one."""
        leader = self.leader()
        self.controllers[leader].kill()
        cli.run([str(self.binary), "topic", "create", "after", "-p", "2", "-r", "3", "-b", self.bootstrap])
        same("another controller", self.leader() not in (leader, None), True)
        self.controllers[leader].launch()
        self.controllers[leader].wait_ready()

    def brokers_one_by_one(self):
        for node in self.brokers.values():
            node.kill()
            node.launch()
            node.wait_ready()

    def refused(self, node, command, role, said):
        """The node is started with one role alone, says why it is not registered, and comes back as it was."""
        others = ",".join(f"127.0.0.1:{self.controllers[one].between}" for one in CONTROLLERS[:-1])
        nodes.stop_orderly(node)
        command = [part.replace("{data}", str(node.data)) for part in command]
        changed = Node(node.id, self.work / f"{role}-{node.id}", self.binary, others, node.between, command,
                       {"process.roles": role})
        changed.launch()
        try:
            wait_for("the sentence", lambda: said in changed.said(), 20)
        finally:
            changed.kill()
        node.launch()
        node.wait_ready()

    def role_given_up(self):
        """A voter cannot become a broker alone, nor a broker with replicas a controller alone."""
        voter, holder = self.controllers[CONTROLLERS[-1]], self.brokers[BROKERS[-1]]
        self.refused(voter, COMMAND, "broker", f"node.id={voter.id} votes on the metadata")
        self.refused(holder, CONTROLLER, "controller", f"node.id={holder.id} is to hold replicas of partitions")

    def all_there(self):
        same("records left after flush", self.writer.finish(60), 0)
        same("errors at the producer", self.writer.errors[:3], [])
        records = traffic.read_all(self.bootstrap, TOPIC, traffic.PARTITIONS)
        same("records", traffic.compare(self.writer, records), [])
        return f"{sum(self.writer.sent)} records acknowledged"

    def stop(self):
        for node in (*self.brokers.values(), *self.controllers.values()):
            nodes.stop_orderly(node)


def run(run, work, binary):
    apart = Apart(work, binary)
    steps = [("three controllers and three brokers found a cluster", apart.begin),
             ("controllers apart: who is who", apart.who_is_who),
             ("controllers apart: tools", apart.tools),
             ("controllers apart: the active controller is killed", apart.fail_over),
             ("controllers apart: each broker is killed", apart.brokers_one_by_one),
             ("controllers apart: a role that cannot be given up", apart.role_given_up),
             ("controllers apart: what was acknowledged is there", apart.all_there),
             ("controllers apart: all stop on SIGTERM", apart.stop)]
    try:
        for name, step in steps:
            if not run.step(name, step):
                for node in apart.all.values():
                    run.results.note(f"last lines of {node.log}:")
                    run.results.note(processes.tail(node.log, 15))
                break
    finally:
        if apart.writer is not None:
            apart.writer.halt.set()
        for node in apart.all.values():
            if node.process is not None:
                processes.stop(node.process, signal.SIGKILL)
