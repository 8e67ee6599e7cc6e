"""Child processes that never outlive the run: each in its own group, all killed on exit."""

import atexit
import os
import signal
import subprocess
import sys
import threading

_lock = threading.RLock()
_alive = set()
_closing = False


def start(command, **options):
    """`subprocess.Popen` in a process group of its own, remembered until `stop`. Once the run is
    being ended, nothing starts any more: a thread that goes on cannot leave a process behind."""
    with _lock:
        if _closing:
            raise RuntimeError("the run is being ended")
        process = subprocess.Popen(command, start_new_session=True, **options)
        _alive.add(process)
    return process


def stop(process, sig=signal.SIGKILL, wait=10):
    """Signals the whole group and reaps it; a group that ignores `sig` is killed."""
    _signal(process, sig)
    try:
        process.wait(wait)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait(wait)
    finally:
        # What the leader started and left behind dies with it.
        _signal(process, signal.SIGKILL)
        with _lock:
            _alive.discard(process)
    return process.returncode


def _signal(process, sig):
    try:
        os.killpg(process.pid, sig)
    except ProcessLookupError:
        return


def _stop_all():
    """Kills every group and waits for none: this process ends, and may be inside a wait itself."""
    global _closing
    with _lock:
        _closing = True
        for process in _alive:
            _signal(process, signal.SIGKILL)


def _terminated(signum, _frame):
    _stop_all()
    os._exit(128 + signum)


def install_handlers():
    """Ends every child when this process exits or is told to."""
    atexit.register(_stop_all)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _terminated)


def tail(path, lines=50):
    """The last lines of a log file, for a failure's report."""
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except FileNotFoundError:
        return f"(no file {path})\n"


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
