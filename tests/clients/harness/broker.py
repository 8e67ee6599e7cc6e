"""A broker process under the harness's hand: start, wait until it answers, kill -9, start again.

The broker is Ordain, Apache Kafka or whatever a command template says; the data directory and the
port stay the same over a restart. Ready means that ApiVersions and Metadata were answered.
"""

import random
import signal
import socket
import subprocess
import threading
import time

from . import apis, processes, settings
from .wire import Connection, WireError

_ports_lock = threading.Lock()
_ports_taken = set()


def free_port():
    """A loopback port below the ephemeral range, handed out once per run: a client's outgoing
    connection cannot take it while the broker is down."""
    with _ports_lock:
        for _ in range(1000):
            port = random.randrange(15000, 32000)
            if port in _ports_taken:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _ports_taken.add(port)
            return port
    raise RuntimeError("no free port in 1000 tries")


def probe(bootstrap, timeout=2.0):
    """True when the broker answers ApiVersions and names itself in Metadata."""
    try:
        with Connection(bootstrap, timeout) as connection:
            if connection.call(apis.API_VERSIONS, {})["error"] != 0:
                return False
            request = {"topics": [], "auto_create": False, "authorized": False}
            brokers = connection.call(apis.METADATA, request)["brokers"]
            return any(f"{b['host']}:{b['port']}" == bootstrap for b in brokers)
    except (OSError, WireError):
        return False


class Broker:
    """One broker on one data directory. `command` is a list with {port}, {admin_port}, {data}
    and, for Ordain, {binary}; `prepare` is called once before the first start."""

    def __init__(self, command, work, port=None, environment=None, **values):
        self.work = work
        self.data = work / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.port, self.admin_port = port or free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log = work / "broker.log"
        self.environment = environment
        self.process = None
        values.update(port=self.port, admin_port=self.admin_port, data=self.data, work=work)
        self.command = [part.format(**values) for part in command]

    def start(self):
        """Starts the process and waits until it answers; raises if it does not."""
        self.launch()
        return self.wait_ready()

    def launch(self):
        """Starts the process and waits for nothing."""
        with open(self.log, "a") as log:
            log.write(f"--- start: {' '.join(self.command)}\n")
            log.flush()
            self.process = processes.start(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self.environment)

    def wait_ready(self, limit=settings.READY_LIMIT):
        """Waits until the started process answers; raises if it ends before, or does not."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"the broker ended with {self.process.returncode} before it answered")
            if probe(self.bootstrap):
                return self
            time.sleep(0.05)
        raise RuntimeError(f"the broker did not answer within {limit} s")

    def kill(self):
        """kill -9: nothing is flushed, nothing is said goodbye to."""
        processes.stop(self.process, signal.SIGKILL)
        self.process = None

    def stop(self):
        """SIGTERM; the exit code, which is -9 if it had to be killed, or None if none ran."""
        if self.process is None:
            return None
        code = processes.stop(self.process, signal.SIGTERM, wait=settings.STOP_LIMIT)
        self.process = None
        return code
