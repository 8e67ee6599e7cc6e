"""The machines of a cluster: what lies between them, and the disks they write to.

Each node has a network namespace and a file system of its own, and a cable to each other node and to the clients; cables
are cut and slowed one way at a time, with `tc`. Namespaces and mounts are private to this process and those that it
starts, so that nothing is left of them when it ends, however it ends. Where namespaces are not permitted, each node is
reached through a proxy: then whoever is cut off is reached by nobody, and still reaches others.
"""

import os
import pathlib
import selectors
import shutil
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = 0
PORT, BETWEEN = 9092, 9093
# Of a node's file system, and of the one beneath it, which holds all of that and what describes it.
DISK_MIB, BENEATH_MIB = 256, 320
ENTERED = "ORDAIN_FAULTS_WORLD"


def _run(*command, fine=(0,)):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode not in fine:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout.strip()}")


def _works(*command):
    try:
        _run(*command)
        return True
    except (OSError, RuntimeError):
        return False


def enter(argv):
    """Goes on in namespaces of its own, if that is permitted: does not come back then."""
    if ENTERED in os.environ:
        return
    for more in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *more, "--net", "--mount", "--propagation", "private", "--"]
        if _works(*command, "ip", "link", "add", "trial", "type", "veth", "peer", "name", "other"):
            os.environ[ENTERED] = "namespaces"
            os.execvp(command[0], [*command, *argv])
    os.environ[ENTERED] = "proxies"


def build_failing_disk(into):
    """The library that makes a disk fail; None where there is no C compiler."""
    library = into / "failing_disk.so"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    _run(compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library,
         HERE / "failing_disk.c", "-ldl")
    return library


class Cables:
    """A network namespace for each node, and a cable between each two of them and to the clients."""

    is_whole = True

    def __init__(self, nodes):
        # Names of namespaces stand there; whoever is root only here may not write to the machine's own.
        _run("mount", "-t", "tmpfs", "none", "/run")
        _run("mkdir", "/run/netns")
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "addr", "add", f"{self.address(CLIENTS)}/32", "dev", "lo")
        self.delays = _works("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
        if self.delays:
            _run("tc", "qdisc", "del", "dev", "lo", "root")
        for node in nodes:
            _run("ip", "netns", "add", f"n{node}")
            self._ip(node, "link", "set", "lo", "up")
            self._ip(node, "addr", "add", f"{self.address(node)}/32", "dev", "lo")
        ends = [CLIENTS, *nodes]
        for place, one in enumerate(ends):
            for other in ends[place + 1:]:
                self._lay(one, other)
        how = "netem" if self.delays else "tbf, as there is no netem"
        self.about = f"a network namespace for each node, cables cut with pfifo and slowed with {how}"

    @staticmethod
    def address(node):
        return "10.77.0.100" if node == CLIENTS else f"10.77.0.{node}"

    @staticmethod
    def _mac(one, other):
        return f"02:77:00:00:{one:02x}:{other:02x}"

    @staticmethod
    def _ip(node, *command):
        _run("ip", *([] if node == CLIENTS else ["-n", f"n{node}"]), *command)

    def _lay(self, one, other):
        for near, far in ((one, other), (other, one)):
            place = [] if near == CLIENTS else ["netns", f"n{near}"]
            if near == one:
                peer = [] if far == CLIENTS else ["netns", f"n{far}"]
                _run("ip", "link", "add", f"to{far}", *place, "address", self._mac(near, far),
                     "type", "veth", "peer", "name", f"to{near}", *peer,
                     "address", self._mac(far, near))
        for near, far in ((one, other), (other, one)):
            self._ip(near, "link", "set", f"to{far}", "up")
            # Known for ever: what is cut is silent, as it is beyond a router.
            self._ip(near, "neigh", "add", self.address(far), "lladdr", self._mac(far, near),
                     "dev", f"to{far}", "nud", "permanent")
            self._ip(near, "route", "add", self.address(far), "dev", f"to{far}",
                     "src", self.address(near))

    def _shape(self, near, far, *discipline):
        place = [] if near == CLIENTS else ["-n", f"n{near}"]
        _run("tc", *place, "qdisc", "replace", "dev", f"to{far}", "root", *discipline)

    def cut(self, near, far):
        """From now on nothing gets from `near` to `far`."""
        self._shape(near, far, "pfifo", "limit", "0")

    def slow(self, near, far):
        if self.delays:
            self._shape(near, far, "netem", "delay", "120ms", "60ms", "loss", "2%")
        else:
            self._shape(near, far, "tbf", "rate", "384kbit", "burst", "3000", "latency", "600ms")

    def mend(self, near, far):
        self._shape(near, far, "noqueue")

    def command(self, node):
        """What starts a process on that node."""
        return ["nsenter", f"--net=/run/netns/n{node}"]

    def listeners(self, node):
        """What a node binds, and what it tells others."""
        address = self.address(node)
        return (address, PORT, BETWEEN), (address, PORT, BETWEEN)


class Proxy(threading.Thread):
    """Takes connections for a node, and passes bytes on unless it is cut."""

    def __init__(self, host, port, target):
        super().__init__(daemon=True)
        self.target, self.is_cut = target, False
        self.listener = socket.create_server((host, port))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.peers = {}
        self.start()

    def run(self):
        while True:
            if self.is_cut:
                time.sleep(0.02)
                continue
            for key, _ in self.selector.select(0.1):
                self._accept() if key.fileobj is self.listener else self._pass(key.fileobj)

    def _accept(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(self.target, 1)
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(2)
            self.peers[one] = other
            self.selector.register(one, selectors.EVENT_READ)

    def _pass(self, near):
        if near not in self.peers:
            return
        try:
            data = near.recv(1 << 16)
            if data:
                self.peers[near].sendall(data)
                return
        except OSError:
            pass
        for one in (near, self.peers[near]):
            self.selector.unregister(one)
            del self.peers[one]
            one.close()


class Proxies:
    """Without namespaces: loopback addresses, and a proxy before each listener of each node."""

    is_whole = False
    about = ("NO NETWORK NAMESPACES ARE PERMITTED HERE: proxies stand before the nodes. Links are not slowed, and a node that "
             "is cut off is reached by nobody, but reaches the others")

    def __init__(self, nodes):
        self.proxies = {
            node: [Proxy(self.address(node), port, (self.address(node), port + 10000))
                   for port in (PORT, BETWEEN)]
            for node in nodes}
        self.cuts = {node: set() for node in nodes}

    @staticmethod
    def address(node):
        return f"127.0.77.{node or 100}"

    def _set(self, node):
        for proxy in self.proxies[node]:
            proxy.is_cut = bool(self.cuts[node])

    def cut(self, near, far):
        if far != CLIENTS:
            self.cuts[far].add(near)
            self._set(far)

    def mend(self, near, far):
        if far != CLIENTS:
            self.cuts[far].discard(near)
            self._set(far)

    def slow(self, near, far):
        raise RuntimeError("a proxy does not slow a link")

    def command(self, node):
        return []

    def listeners(self, node):
        address = self.address(node)
        return (address, PORT + 10000, BETWEEN + 10000), (address, PORT, BETWEEN)


def make_network(nodes):
    return Cables(nodes) if os.environ.get(ENTERED) == "namespaces" else Proxies(nodes)


class FailingDisk:
    """A node's disk that fails: what the node is started with, and how it is told (failing_disk.c)."""

    def __init__(self, library, data, control):
        self.library, self.data, self.control = library, data, control
        self.control.write_bytes(bytes(16))

    def environment(self):
        if self.library is None:
            return None
        return {**os.environ, "LD_PRELOAD": str(self.library), "ORDAIN_FAULT_ROOT": str(self.data),
                "ORDAIN_FAULT_CONTROL": str(self.control)}

    def set(self, place, value):
        """What the disk does from now on: a byte of the control file (failing_disk.c)."""
        with open(self.control, "r+b") as file:
            file.seek(place)
            file.write(bytes([value]))

    def answered(self):
        """How many calls of the node met a disk that fails."""
        return int.from_bytes(self.control.read_bytes()[8:16], "little")


class Disk(FailingDisk):
    """A node's file system, which is filled up, and a disk that fails.

    The file system lies on a device (a loop) whose blocks are taken from another file system only when they are written,
    as those of a thin volume are. When that one is full, it is the kernel that cannot write: what the node wrote stays
    in the page cache, its sync fails, and the file system, whose own journal fails, is read-only from then on."""

    def __init__(self, folder, library):
        self.folder, self.beneath = folder, folder.parent / "volume"
        folder.mkdir(parents=True)
        super().__init__(library, folder / "data", folder.parent / "disk-control")
        self.is_thin = self.is_filled_beneath = False
        self.about = self._mount()
        self.data.mkdir()
        self.ballast, self.is_filled = folder / "ballast", False

    def _mount(self):
        if os.environ.get(ENTERED) != "namespaces":
            # A mount would be left behind.
            return "NOTHING IS MOUNTED HERE: a full disk is an error that the nodes' writes are answered with"
        self.beneath.mkdir()
        volume, self.image = self.folder.parent / "volume.img", self.beneath / "disk.img"
        if (self._make(volume, BENEATH_MIB, self.beneath, "-O", "^has_journal")
                and self._make(self.image, DISK_MIB, self.folder)):
            self.is_thin = True
            return f"an ext4 file system of {DISK_MIB} MiB for each node, on a thin device"
        _works("umount", self.beneath)
        volume.unlink()
        if _works("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", self.folder):
            return f"a tmpfs of {DISK_MIB} MiB for each node"
        return "NOTHING CAN BE MOUNTED HERE: a full disk is an error that the nodes' writes are answered with"

    @staticmethod
    def _make(image, mib, folder, *features):
        with open(image, "wb") as file:
            file.truncate(mib << 20)
        # Discarded, what is removed is given back.
        return (_works("mkfs.ext4", "-q", "-m", "0", "-F", *features, image)
                and _works("mount", "-o", "loop,discard", image, folder))

    @property
    def is_own(self):
        return os.path.ismount(self.folder)

    def fill(self):
        if not self.is_own:
            self.set(3, 1)
            return
        self.is_filled = True
        _fill(self.ballast)

    def empty(self):
        self.set(3, 0)
        self.is_filled = False
        try:
            self.ballast.unlink(missing_ok=True)
        except OSError:  # it is read-only: `mount_again` sees to it
            pass

    def fill_beneath(self):
        self.is_filled_beneath = True
        _fill(self.beneath / "ballast")

    def mount_again(self):
        """There is room beneath again, and no process uses the file system."""
        (self.beneath / "ballast").unlink()
        _run("umount", self.folder)
        # Its journal is played, and what else an abort leaves is mended; 1: that was needed.
        _run("e2fsck", "-p", "-f", self.image, fine=(0, 1))
        _run("mount", "-o", "loop,discard", self.image, self.folder)
        self.is_filled_beneath = False
        if not self.is_filled:
            self.ballast.unlink(missing_ok=True)


def _fill(ballast):
    """Takes all that is free in a file system, and writes nothing."""
    try:
        with open(ballast, "wb", buffering=0) as file:
            at = 0
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        os.posix_fallocate(file.fileno(), at, size)
                        at += size
                except OSError:
                    continue
    except OSError:  # not even its name finds room, or is written
        pass
