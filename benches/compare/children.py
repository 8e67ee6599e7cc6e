"""Child processes and scratch folders that end with the run, however it ends.

SIGINT, SIGTERM and SIGHUP raise `Interrupted` in the main thread; `closing()` then kills every
child's group and removes every scratch folder.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

from settings import MeasureError

_alive: set[subprocess.Popen] = set()
_folders: set[pathlib.Path] = set()


class Interrupted(BaseException):
    """The run was told to end."""


def _interrupt(signum: int, _frame: object) -> None:
    # A second signal must not cut the cleaning up short.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted(signal.Signals(signum).name)


@contextlib.contextmanager
def closing() -> Iterator[None]:
    """Around a whole run."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    try:
        yield
    finally:
        for process in list(_alive):
            stop(process, signal.SIGKILL)
        for folder in list(_folders):
            remove(folder)


def start(command: list[str], **options) -> subprocess.Popen:
    """Starts a process in a group of its own."""
    process = subprocess.Popen([str(part) for part in command], start_new_session=True,
                               stdin=subprocess.DEVNULL, **options)
    _alive.add(process)
    return process


def stop(process: subprocess.Popen, sig: int = signal.SIGTERM, within: float = 60) -> int:
    """Signals the group and reaps it; one that ignores the signal is killed. Gives the exit code."""
    _signal(process, sig)
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(process, signal.SIGKILL)
        process.wait(10)
        _alive.discard(process)
    return process.returncode


def still_runs(process: subprocess.Popen, what: str) -> None:
    """Raises if a load that was to run beside a measurement has ended."""
    if process.poll() is not None:
        said = process.stderr.read() if process.stderr else ""
        raise MeasureError(f"{what} has ended with {process.returncode} before the measurement beside it: {said}")


def _signal(process: subprocess.Popen, sig: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, sig)


def run(command: list[str], within: float, **options) -> subprocess.CompletedProcess:
    """Runs to the end; raises TimeoutExpired, with everything killed, if that takes too long."""
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    try:
        out, err = process.communicate(timeout=within)
        return subprocess.CompletedProcess(command, process.returncode, out, err)
    finally:
        stop(process, signal.SIGKILL)


def folder(path: pathlib.Path) -> pathlib.Path:
    """A new, empty folder that goes with the run at the latest."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    _folders.add(path)
    return path


def remove(path: pathlib.Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    _folders.discard(path)
