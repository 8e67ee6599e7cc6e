"""The machine's own limits, measured in the same run as the brokers."""

import json
import os
import pathlib

import children
from settings import MIB, MeasureError, Settings, say


def measure(config: Settings, program: pathlib.Path, work: pathlib.Path) -> dict:
    """One pass: the disk, the loopback, the checksum; then the disk beside the writer of B14."""
    say("  the machine's own limits")
    folder = children.folder(work / "limits")
    try:
        quick = ["--quick"] if config.quick else []
        found = _run([program, "all", "--dir", folder, *quick])
        length = "2" if config.quick else "10"
        durable = [program, "durable", "--dir", folder, "--seconds", length]
        found["durable_beside_writer"] = _beside(
            [program, "writer", "--dir", folder, "--rate", "200"], durable)
        return found
    finally:
        children.remove(folder)


def durable_beside_reader(config: Settings, program: pathlib.Path, work: pathlib.Path, rate: float) -> dict:
    """The durable append while a file is read past the page cache, at so many MB/s as a broker's consumer was given."""
    folder = children.folder(work / "limits")
    try:
        cold = folder / "cold"
        with open(cold, "wb") as file:
            block = bytes(MIB)
            for _ in range(512):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        length = "2" if config.quick else "10"
        return _beside([program, "reader", "--file", cold, "--rate", f"{rate:g}"],
                       [program, "durable", "--dir", folder, "--seconds", length])
    finally:
        children.remove(folder)


def _beside(load: list, command: list) -> dict:
    process = children.start(load)
    try:
        found = _run(command)
        children.still_runs(process, f"limits {load[1]}")
        return found
    finally:
        children.stop(process)


def _run(command: list) -> dict:
    done = children.run(command, within=600)
    if done.returncode != 0:
        raise MeasureError(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def flat(found: dict, before: str = "") -> dict[str, float]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    result: dict[str, float] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            result |= flat(value, f"{before}{name}.")
        else:
            result[before + name] = float(value)
    return result
