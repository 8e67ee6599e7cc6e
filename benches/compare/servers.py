"""The brokers that are compared: one process each, on a data folder and a port of its own."""

import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import children
import machine
import settings
from settings import KAFKA, KAFKA_SYNC, ORDAIN, SINK, MeasureError

sys.path.insert(0, str(settings.CLIENTS))
from harness import broker as clients_broker  # noqa: E402

READY_WITHIN = 120

# What one node needs that is not Kafka's default: where it is, and one replica of the internal topics.
KAFKA_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{admin_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{admin_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

KAFKA_LOG = """\
status = error
rootLogger.level = warn
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
"""


class Server:
    """A server that can be started, stopped, killed and started again on the same data."""

    def __init__(self, name: str, work: pathlib.Path, command: list[str], port: int, admin_port: int):
        self.name, self.work, self.command = name, work, command
        self.port, self.admin_port = port, admin_port
        self.bootstrap = f"127.0.0.1:{port}"
        self.data = work / "data"
        self.log = work / "server.log"
        self.process: subprocess.Popen | None = None

    def launch(self) -> int:
        """Starts the process and returns at once; gives the wall clock just before, in nanoseconds."""
        with open(self.log, "a") as log:
            before = time.time_ns()
            self.process = children.start(self.command, stdout=log, stderr=log)
        return before

    def start(self) -> "Server":
        self.launch()
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise MeasureError(f"{self.name} ended with {self.process.returncode} before it "
                                   f"answered:\n{self.tail()}")
            if self.answers():
                return
            time.sleep(0.02)
        raise MeasureError(f"{self.name} did not answer within {READY_WITHIN} s:\n{self.tail()}")

    def answers(self) -> bool:
        return clients_broker.probe(self.bootstrap)

    def stop(self) -> None:
        if self.process is not None:
            children.stop(self.process, signal.SIGTERM)
            self.process = None

    def kill(self) -> None:
        children.stop(self.process, signal.SIGKILL)
        self.process = None

    @property
    def pid(self) -> int:
        return self.process.pid

    def tail(self) -> str:
        return "".join(self.log.read_text(errors="replace").splitlines(True)[-20:])

    def commits(self) -> int | None:
        """How many commit groups the server has made durable, if it tells."""
        return None


class Ordain(Server):
    def commits(self) -> int | None:
        return int(self.metric("ordain_journal_commits_total"))

    def metric(self, name: str) -> float:
        """A metric by its name: the sum of all that have it, whatever their labels."""
        address = f"http://127.0.0.1:{self.admin_port}/metrics"
        with urllib.request.urlopen(address, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        values = [float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        if not values:
            raise MeasureError(f"Ordain's metrics do not tell {name}")
        return sum(values)


class Sink(Server):
    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Builder:
    """Makes servers from what was built and installed once."""

    def __init__(self, programs: dict[str, pathlib.Path], jars: pathlib.Path | None):
        self.programs, self.jars = programs, jars

    def make(self, name: str, work: pathlib.Path) -> Server:
        work.mkdir(parents=True, exist_ok=True)
        (work / "data").mkdir(exist_ok=True)
        port, admin_port = clients_broker.free_port(), clients_broker.free_port()
        if name == ORDAIN:
            command = [self.programs["ordain"], "serve",
                       "--set", f"listeners=PLAINTEXT://127.0.0.1:{port}",
                       "--set", f"log.dirs={work / 'data'}",
                       "--set", f"ordain.admin.listener=127.0.0.1:{admin_port}"]
            return Ordain(name, work, command, port, admin_port)
        if name == SINK:
            command = [self.programs["sink"], "--port", str(port), "--file", work / "data" / "sink"]
            return Sink(name, work, command, port, admin_port)
        if name in (KAFKA, KAFKA_SYNC):
            return self._kafka(name, work, port, admin_port)
        raise ValueError(f"no server is called {name}")

    def _kafka(self, name: str, work: pathlib.Path, port: int, admin_port: int) -> Server:
        config, log = work / "server.properties", work / "log4j2.properties"
        sync = "log.flush.interval.messages=1\n" if name == KAFKA_SYNC else ""
        config.write_text(sync + KAFKA_PROPERTIES.format(
            port=port, admin_port=admin_port, data=work / "data"))
        log.write_text(KAFKA_LOG)
        heap = settings.KAFKA_HEAP
        java = ["java", f"-Xmx{heap}", f"-Xms{heap}", *settings.KAFKA_JVM,
                f"-Dlog4j2.configurationFile={log}", "-cp", f"{self.jars}/*"]
        done = children.run([*java, "kafka.tools.StorageTool", "format", "--cluster-id",
                             "T3JkYWluLWNvbXBhcmlzbw", "--config", str(config)], within=120)
        if done.returncode != 0:
            raise MeasureError(f"formatting Kafka's storage failed:\n{done.stdout}{done.stderr}")
        return Server(name, work, [*java, "kafka.Kafka", str(config)], port, admin_port)


class Usage:
    """CPU time, flushes and commit groups of a server over a stretch of time."""

    def __init__(self, server: Server):
        self.server = server
        self.cpu = machine.cpu_seconds(server.pid)
        self.flushes = machine.flushes(server.data)
        self.commits = server.commits()

    def since(self) -> dict[str, float]:
        used = {"cpu_s": machine.cpu_seconds(self.server.pid) - self.cpu}
        flushes, commits = machine.flushes(self.server.data), self.server.commits()
        if flushes is not None and self.flushes is not None:
            used["flushes"] = flushes - self.flushes
        if commits is not None and self.commits is not None:
            used["commits"] = commits - self.commits
        return used


