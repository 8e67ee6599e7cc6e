"""Writes what clients do as the simulator writes it: docs/simulation.md, Histories of real clients."""

import json
import threading
import time


class History:
    """One file, written by one process of this machine; safe for its threads."""

    def __init__(self, path):
        self.file = open(path, "w", buffering=1)  # a line is there when it is written
        self.lock = threading.Lock()
        self.free, self.count = [], 0

    def _line(self, process, client, kind, f, value):
        line = {"time": time.monotonic_ns(), "process": process, "client": client, "type": kind,
                "f": f, "value": value}
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def begin(self, client, f, value):
        """An operation begins; gives what `end` takes."""
        with self.lock:
            if self.free:
                process = self.free.pop()
            else:
                process, self.count = self.count, self.count + 1
            self._line(process, client, "invoke", f, value)
        return process, client, f

    def end(self, operation, kind, value):
        """It has ended: `ok`, `fail` (it never takes effect) or `info` (nobody knows)."""
        process, client, f = operation
        with self.lock:
            self._line(process, client, kind, f, value)
            # A process whose operation may still take effect does nothing else.
            if kind != "info":
                self.free.append(process)

    def note(self, client, f, value):
        """Something that takes no time."""
        self.end(self.begin(client, f, value), "ok", value)


def record_of(value):
    """Which record a value is of; None if it is none of the history's."""
    text = (value or b"").decode("ascii", "replace")
    parts = text.split("/")
    if len(parts) == 4 and all(part.isdigit() for part in parts[:3]) and not parts[3].strip("."):
        return "/".join(parts[:3])
    return None


def value_of(record, size):
    return (record + "/").ljust(size, ".").encode()
