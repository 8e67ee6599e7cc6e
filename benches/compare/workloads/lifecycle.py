"""B12: from kill -9 to the first acknowledgement. B13: start, idle memory, size."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import children
import machine
from settings import GIB, KAFKA, MIB, ORDAIN, MeasureError
from servers import Server
from stats import at_most
from workloads.base import PARTITIONS, Context, Target, Workload
from workloads.consume import fill

IDLE_SECONDS = 5


def _first(context: Context, server: Server, topic: str) -> float:
    """Starts the server; gives the milliseconds until a record of the topic is acknowledged."""
    waiting = context.generator.command(server, "first", ["--topic", topic, "--within", "600s"])
    process = children.start(waiting, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(0.2)  # It is trying by now, so that the server does not wait for it.
        started = server.launch()
        out, err = process.communicate(timeout=700)
    finally:
        children.stop(process)
    if process.returncode != 0:
        raise MeasureError(f"no first record: {err}\n{server.tail()}")

    return (json.loads(out)["acknowledged_unix_ns"] - started) / 1e6


def _recovery(context: Context, name: str) -> dict[str, float]:
    size = context.settings.recovery_bytes
    free = machine.free_bytes(context.work)
    if free < size + 8 * GIB:
        raise MeasureError(f"{size / GIB:.0f} GiB of log need {8 + size / GIB:.0f} GiB of free disk, "
                           f"there are {free / GIB:.0f}; use --quick or make room")
    with context.server(name) as server:
        fill(context, server, "log", size)
        # It dies in the middle of writing.
        writer = context.generator.begin(server, "produce", [
            "--topic", "log", "--partitions", str(PARTITIONS), "--batch-size", "1M",
            "--duration", "60s"])
        time.sleep(1)
        server.kill()
        children.stop(writer)
        figures = {"recovery_ms": _first(context, server, "log"), "log_gib": size / GIB}
        server.kill()
        if name == ORDAIN:
            journal = sorted(path for path in (server.data / "journal").glob("*") if path.is_file())
            if not journal:
                raise MeasureError(f"{server.data / 'journal'} holds no journal")
            figures["journal_read_ms"] = _read_ms(journal)
    return figures


def _read_ms(paths: list[pathlib.Path]) -> float:
    """How long these files take to be read from the disk."""
    for path in paths:
        machine.evict(path.parent)
    buffer = bytearray(MIB)
    began = time.monotonic()
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return (time.monotonic() - began) * 1e3


def _start(context: Context, name: str) -> dict[str, float]:
    with context.prepared(name) as server:
        figures = {"start_ms": _first(context, server, "first")}
        time.sleep(IDLE_SECONDS)
        figures["memory_mb"] = machine.resident_bytes(server.pid) / 1e6
        if name == ORDAIN:
            stripped = server.work / "stripped"
            shutil.copy(context.programs["ordain"], stripped)
            done = children.run(["strip", str(stripped)], within=60)
            if done.returncode != 0:
                raise MeasureError(f"strip failed: {done.stderr}")
            size = os.stat(stripped).st_size
        else:
            size = sum(path.stat().st_size for path in context.builder.jars.glob("*.jar"))
        figures["binary_mb"] = size / 1e6
    return figures


WORKLOADS = [
    Workload(
        "B12", "kill -9 under load, to the first acknowledgement", (ORDAIN, KAFKA),
        {"recovery_ms": "ms to recover", "journal_read_ms": "ms to read the journal", "log_gib": "GiB of log"},
        (Target("recovery_ms", at_most(1 / 5), KAFKA), Target("recovery_ms", at_most(1000)),
         Target("recovery_ms", at_most(1), "figure:journal_read_ms")),
        _recovery),
    Workload(
        "B13", "start to the first acknowledged record; idle memory; stripped binary",
        (ORDAIN, KAFKA), {"start_ms": "ms to start", "memory_mb": "MB resident", "binary_mb": "MB of binary"},
        (Target("start_ms", at_most(1 / 20), KAFKA), Target("memory_mb", at_most(1 / 20), KAFKA),
         Target("start_ms", at_most(50)), Target("memory_mb", at_most(20)),
         Target("binary_mb", at_most(15))),
        _start),
]
