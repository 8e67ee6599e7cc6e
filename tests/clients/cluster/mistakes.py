"""Configurations that a newcomer gets wrong. Each has to be answered by a sentence that names the
value and the way out; what is asserted is that sentence."""

import socket

from harness import apis, broker
from harness.wire import Connection, WireError

from .nodes import COMMAND, Node, Unlike, wait_for

# How soon a node has to say what is wrong.
SAY = 20
# After this many seconds an address that does not answer is told of.
LASTS = 30
ALONE = [part for i in range(0, len(COMMAND[2:]), 2) for part in COMMAND[2 + i:4 + i]
         if "controller" not in COMMAND[3 + i] and "listeners=" not in COMMAND[3 + i]]


class Mistakes:
    def __init__(self, work, binary):
        self.work, self.binary = work, binary
        self.started, self.count = [], 0

    def node(self, node, servers, between, data=None, lone=False, **options):
        """A node that is about to be started; `lone`: without any of the settings of a cluster."""
        self.count += 1
        command = [*COMMAND]
        if lone:
            command = [*COMMAND[:2], *ALONE, "--set", "listeners=PLAINTEXT://127.0.0.1:{port}"]
        made = Node(node, self.work / f"{self.count}-node{node}", self.binary, servers, between,
                    command, **options)
        if data is not None:
            made.command = [part.replace(str(made.data), str(data)) for part in made.command]
            made.data = data
        self.started.append(made)
        return made

    def fresh(self, *ids):
        """Nodes with these ids that name each other, and the list."""
        ports = [broker.free_port() for _ in ids]
        servers = ",".join(f"127.0.0.1:{port}" for port in ports)
        return [self.node(node, servers, port) for node, port in zip(ids, ports)], servers

    def stop(self):
        for node in self.started:
            if node.process is not None:
                node.kill()
        self.started.clear()

    # --- the sentences ---------------------------------------------------------------------------

    def says(self, node, *parts, within=SAY):
        """Waits until one line of the node's log has all parts."""
        def said():
            for line in node.said().splitlines():
                # The first line is the command, which has every value in it.
                if not line.startswith("---") and all(str(part) in line for part in parts):
                    return True
            raise Unlike(node.said()[-3000:])
        wait_for(f"a line with {parts}", said, within)

    def refuses(self, node, *parts):
        """The process ends, not with 0, and its last words have all parts."""
        node.launch()
        wait_for("the end of the process", lambda: not node.runs, SAY)
        if node.process.returncode == 0:
            raise Unlike("exit code 0")
        self.says(node, *parts)

    # --- the mistakes ----------------------------------------------------------------------------

    def same_id(self):
        (first, second, third), _ = self.fresh(1, 1, 2)
        for node in (first, second, third):
            node.launch()
        self.says(first, "node.id=1", f"127.0.0.1:{second.between}", "another number")
        self.says(second, "node.id=1", f"127.0.0.1:{first.between}", "another number")
        self.says(third, "node.id=1", f"127.0.0.1:{first.between}", f"127.0.0.1:{second.between}",
                  "another number")

    def same_id_later(self):
        """A cluster runs, and a newcomer comes with an id that is there."""
        (first, second), servers = self.fresh(1, 2)
        for node in (first, second):
            node.launch()
        for node in (first, second):
            node.wait_ready()
        third = self.node(2, servers, broker.free_port())
        third.launch()
        self.says(third, "node.id=2", "another data directory", "stop one of the two")
        if not second.runs or not broker.probe(second.bootstrap):
            raise Unlike("the rightful node 2 does not answer any more")

    def foreign_directory(self):
        (alone,), _ = self.fresh(7)
        alone.start()
        alone.kill()
        (first, second), servers = self.fresh(1, 2)
        for node in (first, second):
            node.launch()
        for node in (first, second):
            node.wait_ready()
        third = self.node(7, servers, broker.free_port(), data=alone.data)
        third.launch()
        first_address = servers.split(",")[0]
        self.says(third, "controller.quorum.bootstrap.servers", first_address, "of cluster",
                  "this node's data directory belongs to cluster", "with an empty data directory")

    def other_id(self):
        """A directory is started under another node.id."""
        (alone,), servers = self.fresh(5)
        alone.start()
        alone.kill()
        self.refuses(self.node(6, servers, alone.between, data=alone.data), "node.id", "5", "6")

    def lone_directory(self):
        lone = self.node(1, "", 0, lone=True)
        lone.start()
        lone.kill()
        port = broker.free_port()
        again = self.node(1, f"127.0.0.1:{port},127.0.0.1:{broker.free_port()}", port,
                          data=lone.data)
        self.refuses(again, lone.data, "holds a cluster of one node",
                     "controller.quorum.bootstrap.servers", "empty data directory")

    def member_alone(self):
        (one,), _ = self.fresh(1)
        one.start()
        one.kill()
        self.refuses(self.node(1, "", 0, data=one.data, lone=True), one.data, "member of cluster",
                     "set controller.quorum.bootstrap.servers and controller.listener.names")

    def wrong_address(self):
        own, nobody = broker.free_port(), broker.free_port()
        node = self.node(1, f"127.0.0.1:{own},127.0.0.1:{nobody}", own)
        node.launch()
        self.says(node, "1 of 2 servers", f"127.0.0.1:{nobody}", "start the nodes that are not there",
                  "or correct controller.quorum.bootstrap.servers")

    def wrong_address_later(self):
        """A node that has joined is restarted with a wrong address beside the right ones."""
        (first, second), servers = self.fresh(1, 2)
        for node in (first, second):
            node.launch()
        for node in (first, second):
            node.wait_ready()
        first.kill()
        nobody = broker.free_port()
        again = self.node(1, f"{servers},127.0.0.1:{nobody}", first.between, data=first.data)
        again.launch()
        again.wait_ready()
        # The other one is merely away, and known to the metadata: that is no wrong address.
        second.kill()
        self.says(again, "WARN controller.quorum.bootstrap.servers", f"127.0.0.1:{nobody}", "no node has answered for 30 s",
                  "refused", "correct that address", within=LASTS + SAY)
        told = [line for line in again.said().splitlines() if "no node has answered" in line]
        if len(told) != 1 or f"127.0.0.1:{second.between}" in told[0]:
            raise Unlike(f"told of addresses: {told}")

    def client_between_nodes(self):
        """A Kafka client dials the listener between nodes."""
        (node,), _ = self.fresh(1)
        node.start()
        with Connection(f"127.0.0.1:{node.between}", 5) as connection:
            try:
                connection.call(apis.METADATA, {"topics": None, "auto_create": False, "authorized": False})
                raise Unlike("the listener for nodes has answered a client")
            except (OSError, WireError):
                pass
        self.says(node, "WARN a Kafka client (Metadata v", "dialled the listener for nodes",
                  f"--bootstrap-server {node.bootstrap}", "no --bootstrap-controller")

    def even(self):
        (node, *_), _ = self.fresh(1, 2, 3, 4)
        node.launch()
        self.says(node, "WARN controller.quorum.bootstrap.servers", "it names 4 nodes", "no more than 1 may be lost, as of 3")

    def client_address(self):
        """The port of the clients instead of that between nodes."""
        (first, second), _ = self.fresh(1, 2)
        servers = f"127.0.0.1:{first.between},127.0.0.1:{second.port}"
        node = self.node(1, servers, first.between)
        listening = self.node(9, "", 0, lone=True, port=second.port)
        listening.start()
        node.launch()
        self.says(node, f"127.0.0.1:{second.port}", "controller.listener.names")
        self.says(listening, "another node dialled this listener", "controller.listener.names")

    def other_lists(self):
        (first, second), servers = self.fresh(1, 2)
        other = servers + f",127.0.0.1:{broker.free_port()}"
        wrong = self.node(2, other, second.between)
        first.launch()
        wrong.launch()
        self.says(first, servers.split(",")[1], "make controller.quorum.bootstrap.servers the same "
                  "on all")

    def port_taken(self):
        for which in ("PLAINTEXT", "CONTROLLER"):
            (node,), _ = self.fresh(1)
            port = node.port if which == "PLAINTEXT" else node.between
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", port))
                other.listen()
                self.refuses(node, which, f"127.0.0.1:{port}", "taken", "set listeners to another")

    def no_listener(self):
        """The list alone, without a listener for nodes."""
        node = self.node(1, "127.0.0.1:9", 0, lone=True)
        node.command += ["--set", "controller.quorum.bootstrap.servers=127.0.0.1:9"]
        self.refuses(node, "controller.quorum.bootstrap.servers",
                     "controller.listener.names=CONTROLLER")

    def broker_founds(self):
        """A node that is no controller among the founders: by its address, and by another name of it."""
        port = broker.free_port()
        self.refuses(self.node(1, f"127.0.0.1:{port}", port, more={"process.roles": "broker"}),
                     f"127.0.0.1:{port} is this node", "process.roles=broker,controller")
        port = broker.free_port()
        node = self.node(1, f"localhost:{port}", port, more={"process.roles": "broker"})
        node.launch()
        self.says(node, f"localhost:{port}, which is this node", "name controllers only")

    def controller_serves(self):
        (node,), _ = self.fresh(1)
        node.command += ["--set", "process.roles=controller"]
        self.refuses(node, "PLAINTEXT is a listener for clients", "process.roles=broker,controller")


TABLE = [
    ("two founders with one node.id", Mistakes.same_id),
    ("a newcomer with a node.id that is there", Mistakes.same_id_later),
    ("another cluster's data directory", Mistakes.foreign_directory),
    ("a data directory of another node.id", Mistakes.other_id),
    ("a lone node's directory with founders", Mistakes.lone_directory),
    ("a member's directory without founders", Mistakes.member_alone),
    ("an address where nobody is", Mistakes.wrong_address),
    ("an address where nobody is, of a node that has joined", Mistakes.wrong_address_later),
    ("a client at the port between nodes", Mistakes.client_between_nodes),
    ("an even number of founders", Mistakes.even),
    ("a clients' port among the founders", Mistakes.client_address),
    ("founders with different lists", Mistakes.other_lists),
    ("a port that is taken", Mistakes.port_taken),
    ("founders without a listener for nodes", Mistakes.no_listener),
    ("a broker alone among the founders", Mistakes.broker_founds),
    ("a controller alone with a clients' listener", Mistakes.controller_serves),
]


def run(run, work, binary):
    for at, (name, mistake) in enumerate(TABLE):
        mistakes = Mistakes(work / str(at), binary)
        try:
            run.step(f"mistake: {name}", lambda m=mistakes, do=mistake: do(m))
        finally:
            mistakes.stop()
