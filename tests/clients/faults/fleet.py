"""The nodes of the run, each on a machine of its own (world.py), and what is done to them."""

import heapq
import itertools
import subprocess
import threading
import time

from cluster import nodes
from harness import processes
from harness.wire import WireError

from . import schedule, world

COMMAND = [
    "{binary}", "serve",
    "--set", "node.id={node}",
    "--set", "log.dirs={data}",
    "--set", "listeners=PLAINTEXT://{bound},CONTROLLER://{bound_between}",
    "--set", "advertised.listeners=PLAINTEXT://{told},CONTROLLER://{told_between}",
    "--set", "controller.listener.names=CONTROLLER",
    "--set", "controller.quorum.bootstrap.servers={servers}",
    "--set", "ordain.admin.listener=",
    "--set", "ordain.insecure=true",
    # Small, so that a short run rolls segments, recycles journal files, fills a small disk and reads from it.
    "--set", "ordain.journal.file.bytes=4194304",
    "--set", "ordain.journal.files=4",
    "--set", "log.segment.bytes=1048576",
    "--set", "ordain.tail.memory.bytes=262144",
    "--set", "group.initial.rebalance.delay.ms=0",
]
# A disk that was at fault may end a process so long after.
EXCUSED = 10


class Machine(nodes.Node):
    def __init__(self, node, work, binary, network, library):
        (bound, port, between), (told, told_port, told_between) = network.listeners(node)
        places = {"{bound}": f"{bound}:{port}", "{bound_between}": f"{bound}:{between}",
                  "{told}": f"{told}:{told_port}", "{told_between}": f"{told}:{told_between}"}
        command = COMMAND
        for name, place in places.items():
            command = [part.replace(name, place) for part in command]
        servers = ",".join(f"{network.address(n)}:{world.BETWEEN}" for n in nodes.NODES)
        super().__init__(node, work, binary, servers, between, command=command, port=told_port)
        self.bootstrap = f"{told}:{told_port}"
        self.disk = world.Disk(work / "disk", library)
        self.data.rmdir()
        self.data.symlink_to(self.disk.data)
        self.network = network
        # Killed, and not to be started by whoever looks after it.
        self.is_down = True
        self.disk_faults, self.excused_until = 0, 0.0
        self.ends = []

    def launch(self):
        command = [*self.network.command(self.id), *self.command]
        with open(self.log, "a") as log:
            log.write(f"--- start: {' '.join(command)}\n")
            log.flush()
            self.process = processes.start(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                           env=self.disk.environment())
        self.is_down = False

    def kill(self):
        self.is_down = True
        super().kill()


class Fleet(nodes.Cluster):
    """The cluster, whoever looks after its processes, and its faults."""

    def __init__(self, work, binary, library):
        self.work = work
        self.network = world.make_network(nodes.NODES)
        self.nodes = {node: Machine(node, work / f"node{node}", binary, self.network, library)
                      for node in nodes.NODES}
        self.lock = threading.RLock()
        self.broken = {}  # way → the faults that are on it
        self.unexplained = []
        self.done = {}
        self.halt = threading.Event()
        self.keeper = threading.Thread(target=self._look_after, daemon=True)

    # --- processes that end by themselves --------------------------------------------------------

    def _look_after(self):
        """Starts again whatever has ended by itself, as a service manager does."""
        while not self.halt.wait(0.5):
            with self.lock:
                for node in self.nodes.values():
                    if node.is_down or node.process is None or node.process.poll() is None:
                        continue
                    code = node.process.returncode
                    processes.stop(node.process)
                    node.ends.append(code)
                    if not node.disk_faults and time.monotonic() > node.excused_until:
                        self.unexplained.append(f"node {node.id} ended with {code}: see {node.log}")
                    node.launch()

    # --- faults ----------------------------------------------------------------------------------

    def check_cuts(self):
        """That a way that is cut is cut: else all that follows would prove nothing."""
        node = self.nodes[1]
        node.metadata()
        self._set_way((schedule.CLIENTS, 1), "check", "cut")
        try:
            try:
                node.ask(nodes.apis.API_VERSIONS, {}, 1.0)
            except (OSError, WireError):
                return
            raise RuntimeError("a way that is cut lets a request through")
        finally:
            self._mend_way((schedule.CLIENTS, 1), "check")

    def _set_way(self, way, fault, kind):
        self.broken.setdefault(way, {})[id(fault)] = kind
        self._apply(way)

    def _mend_way(self, way, fault):
        self.broken.get(way, {}).pop(id(fault), None)
        self._apply(way)

    def _apply(self, way):
        kinds = set(self.broken.get(way, {}).values())
        if "cut" in kinds:
            self.network.cut(*way)
        elif "slow" in kinds:
            self.network.slow(*way)
        else:
            self.network.mend(*way)

    def begin(self, fault):
        """Gives whether it could be done."""
        with self.lock:
            node = self.nodes[fault.node]
            if fault.family in ("kill", "stop") and not node.runs:
                return False
            if fault.family == "kill":
                node.kill()
            elif fault.family == "stop":
                node.pause()
            elif fault.family in ("cut", "slow"):
                for way in fault.ways:
                    self._set_way(way, fault, fault.family)
            else:
                node.disk_faults += 1
                if fault.family == "full":
                    node.disk.fill()
                elif fault.family == "device":
                    node.disk.fill_beneath()
                else:
                    node.disk.set(*schedule.DISKS[fault.what.split(": ")[1]])
            self.done[fault.family] = self.done.get(fault.family, 0) + 1
            return True

    def end(self, fault):
        with self.lock:
            node = self.nodes[fault.node]
            if fault.family == "kill":
                if node.is_down:
                    node.launch()
            elif fault.family == "stop":
                if node.runs:
                    node.resume()
            elif fault.family in ("cut", "slow"):
                for way in fault.ways:
                    self._mend_way(way, fault)
            else:
                node.disk_faults -= 1
                node.excused_until = time.monotonic() + EXCUSED
                if fault.family == "full":
                    node.disk.empty()
                elif fault.family == "device":
                    self._mount_again(node)
                else:
                    node.disk.set(schedule.DISKS[fault.what.split(": ")[1]][0], 0)

    def _mount_again(self, node):
        """A file system that could not write is of no use until it is mounted anew: as whoever mends it, this ends the
        node, and starts it again."""
        was_down = node.is_down
        if not was_down:
            node.kill()
        node.disk.mount_again()
        if not was_down:
            node.launch()

    def play(self, faults, tell):
        """Lives through the schedule; `tell(fault, word)` hears of each begin and end."""
        began, order = time.monotonic(), itertools.count()
        queue = [(fault.at, next(order), fault, True) for fault in faults]
        heapq.heapify(queue)
        while queue:
            at, _, fault, is_begin = heapq.heappop(queue)
            time.sleep(max(0.0, began + at - time.monotonic()))
            if not is_begin:
                self.end(fault)
                tell(fault, "ends")
            elif self.begin(fault):
                tell(fault, "begins")
                heapq.heappush(queue, (at + fault.seconds, next(order), fault, False))
            else:
                tell(fault, "cannot be: it does not run")

    def heal(self):
        """Whatever is left of faults: nothing is."""
        with self.lock:
            for way in list(self.broken):
                self.broken[way].clear()
                self._apply(way)
            for node in self.nodes.values():
                node.disk.empty()
                for place in range(schedule.PLACES):
                    node.disk.set(place, 0)
                if node.disk.is_filled_beneath:
                    self._mount_again(node)
                if node.runs:
                    node.resume()
                elif node.is_down:
                    node.launch()

    def disk_errors(self):
        return sum(node.disk.answered() for node in self.nodes.values())

    def start(self):
        super().start()
        self.keeper.start()

    def stop(self):
        self.halt.set()
        with self.lock:
            super().stop()
