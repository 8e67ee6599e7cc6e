"""What the drivers of command-line clients share: reporting, records, and running processes."""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4
PER_CODEC = 60
STEP_LIMIT = 30.0


class CheckError(Exception):
    """A step saw something other than what it expects."""


def parser():
    options = argparse.ArgumentParser()
    options.add_argument("--bootstrap", required=True)
    options.add_argument("--phase", required=True)
    options.add_argument("--acked", required=True)
    options.add_argument("--kill-records", type=int, required=True)
    return options


def say(event):
    print(json.dumps(event), flush=True)


def check(name, step, *arguments):
    """Runs a step and reports it; a failed step ends the program."""
    began = time.monotonic()
    detail, result, ok = "", None, True
    try:
        result = step(*arguments)
    except Exception as error:  # a check's failure, whatever its kind, is its report
        ok, detail = False, f"{type(error).__name__}: {error}"
    say({"check": name, "ok": ok, "ms": int((time.monotonic() - began) * 1000), "detail": detail})
    if not ok:
        sys.exit(1)
    return result


def same(what, got, expected):
    if got != expected:
        raise CheckError(f"{what}: got {str(got)[:600]}, expected {str(expected)[:600]}")


def holds(what, text, part):
    if part not in text:
        raise CheckError(f"{what}: {part!r} is not in {text[:1500]!r}")


def wait_for(what, condition, limit=STEP_LIMIT):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise CheckError(f"waited {limit} s in vain: {what}")
        time.sleep(0.05)


def run(command, text=None, code=0):
    """Runs a command to its end and returns (stdout, stderr); another exit code is a failure."""
    done = subprocess.run(command, input=text or "", capture_output=True, text=True,
                          timeout=STEP_LIMIT, check=False)
    if done.returncode != code:
        raise CheckError(f"exit code {done.returncode}, expected {code}:\n"
                         f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
    return done.stdout, done.stderr


class Process:
    """A long-running command whose output lines are collected as they come."""

    def __init__(self, command):
        self.out, self.errors = [], []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, bufsize=1)
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.errors)):
            threading.Thread(target=self._collect, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def stop(self):
        """SIGTERM and wait: the client leaves its group and commits."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STEP_LIMIT)

    def finish(self):
        """Closes its input, waits for its end and returns the exit code."""
        self.process.stdin.close()
        return self.process.wait(60)


def records_for(codec):
    """The (key, value) lines of one codec."""
    return [(f"key-{i % 10}", f"{codec}-{i}-" + "x" * (i * 7)) for i in range(PER_CODEC)]


def numbered(first, count):
    return [(f"key-{i % 16}", str(i)) for i in range(first, first + count)]


def lines_of(records):
    return "".join(f"{key}|{value}\n" for key, value in records)


def by_key(records):
    """Each key's values in the order of the list."""
    keys = {}
    for key, value in records:
        keys.setdefault(key, []).append(value)
    return keys


def check_order(records):
    """Values of a key never step back."""
    for key, values in by_key(records).items():
        numbers = [int(value) for value in values]
        same(f"order of {key}", numbers, sorted(numbers))


def main(options, phases):
    if options.phase not in phases:
        raise SystemExit(f"unknown phase {options.phase}")
    phases[options.phase]()
