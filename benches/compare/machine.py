"""What the system tells: pressure, flushes of the disk, a process's CPU time, memory and files."""

import dataclasses
import hashlib
import os
import pathlib
import threading
import time

import settings

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# In which /proc/diskstats counts, whatever the disk's own are.
SECTOR_BYTES = 512


# How long the pressure is looked at. The kernel's own averages reach back over the measurement before.
PRESSURE_SECONDS = 1.0


def _stalled() -> float | None:
    """Seconds in which something waited for a CPU, since the system's start."""
    try:
        with open("/proc/pressure/cpu") as file:
            return int(file.readline().rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        return None


def pressure() -> float | None:
    """The share of the coming second in which something waits for a CPU, in percent."""
    began, before = time.monotonic(), _stalled()
    if before is None:
        return None
    time.sleep(PRESSURE_SECONDS)
    return round(100 * (_stalled() - before) / (time.monotonic() - began), 2)


@dataclasses.dataclass(frozen=True)
class Quiet:
    """How quiet it was when a measurement began."""

    pressure: float | None
    quiet: bool
    waited: float


def wait_until_quiet(within: float) -> Quiet:
    """Waits until the machine is quiet, but not for ever: what it was like stands with the result."""
    began = time.monotonic()
    while True:
        now = pressure()
        waited = time.monotonic() - began
        if now is None or now < settings.QUIET_BELOW:
            return Quiet(now, now is not None, round(waited, 1))
        if waited >= within:
            return Quiet(now, False, round(waited, 1))


def _whole_disk(device: int) -> str:
    """The name of the disk that holds a device: flushes are counted for whole disks."""
    link = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    return link.parent.name if (link / "partition").exists() else link.name


def _disk_row(path: pathlib.Path) -> list[str] | None:
    """What /proc/diskstats tells of the disk that holds `path`."""
    try:
        disk = _whole_disk(os.stat(path).st_dev)
        with open("/proc/diskstats") as file:
            rows = [line.split() for line in file]
    except OSError:
        return None
    return next((row for row in rows if row[2] == disk), None)


def flushes(path: pathlib.Path) -> int | None:
    """Completed flush requests of the disk that holds `path`; None where it tells none."""
    row = _disk_row(path)
    return int(row[18]) if row and len(row) > 18 else None


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its threads, those that have ended included."""
    with open(f"/proc/{pid}/stat") as file:
        after_name = file.read().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    return _status(pid, "VmRSS")


def resident_bytes_max(pid: int) -> int:
    """The most that was ever resident."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    raise settings.MeasureError(f"process {pid} tells no {name}")


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def evict(folder: pathlib.Path) -> int:
    """Drops a folder's files from the page cache; gives how many bytes they have."""
    total = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # Removed meanwhile: nothing of it is cached.
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            total += os.fstat(fd).st_size
        finally:
            os.close(fd)
    return total


def digest(path: pathlib.Path) -> str:
    """By which a binary is known again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def free_bytes(path: pathlib.Path) -> int:
    usage = os.statvfs(path)
    return usage.f_bavail * usage.f_frsize


def describe() -> dict:
    """What the machine is, for the record."""
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) * 1024
    uname = os.uname()
    return {"cpus": os.cpu_count(), "cpu": models[0] if models else uname.machine,
            "memory_bytes": memory, "kernel": uname.release}


def read_bytes(path: pathlib.Path) -> int | None:
    """Bytes read from the disk that holds `path`, since the system's start; None where it tells none."""
    row = _disk_row(path)
    return int(row[5]) * SECTOR_BYTES if row else None


class Evicting:
    """While it is entered, files are driven out of the page cache again and again. They should be ones that nobody writes: the
    system also begins to write back what it is asked to drop."""

    EVERY = 0.25

    def __init__(self, files: list[pathlib.Path]):
        self.files = files
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(self.EVERY):
            for path in self.files:
                try:
                    fd = os.open(path, os.O_RDONLY)
                except OSError:
                    continue  # Removed meanwhile.
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(fd)

    def __enter__(self) -> "Evicting":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
