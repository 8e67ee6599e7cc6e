"""How cost grows: Ordain alone, with ten times as many partitions, connections and consumers, and ten times as
large records, on a fresh server each; memory is what the server had at most.

A factor is a point's throughput beside the point's before it (of bytes for record sizes; of waiting consumers
it is the p99). Printed, and written to
target/compare/curves.md and curves.json after every point, so that a run that was ended leaves what it has.
"""

import dataclasses
import json
import pathlib
import subprocess
from collections.abc import Callable

import children
import machine
import settings
from servers import Server, Usage
from settings import ORDAIN, MeasureError, say
from stats import Spread, figure
from workloads import Context
from workloads.base import PARTITIONS, per_core, seconds
from workloads.consume import FETCH, fill
from workloads.produce import large_load, small

CONSUMED_PARTITIONS = 1_000
HUNGRY_PARTITIONS = 500
# Records a second that are given to every consumer that waits.
FANNED_RATE = 50
# A record with its batch has to fit; both limits of the topic's and the request's are above it.
RECORD_BYTES_MAX = 10_000_000
COLUMNS = {"per_s": "a second", "mb_s": "MB/s", "cpu_us": "server CPU, µs each", "p50_ms": "p50, ms",
           "p99_ms": "p99, ms", "memory_mb": "memory at most, MB", "generator_cores": "generator, cores"}


@dataclasses.dataclass(frozen=True)
class Curve:
    """One thing that grows. What is counted a second is `each`; `factor_of` is the figure whose growth is told."""

    name: str
    each: str
    points: tuple[int, ...]
    factor_of: str
    measure: Callable[[Context, int], dict[str, float]]


def _partitions(context: Context, count: int) -> dict[str, float]:
    return _small(context, connections=8, in_flight=8, partitions=count)


def _connections(context: Context, count: int) -> dict[str, float]:
    return _small(context, connections=count, in_flight=1, partitions=PARTITIONS)


def _small(context: Context, **load: int) -> dict[str, float]:
    peak = {}
    found = small(context, ORDAIN, **load, after=lambda server: peak.update(_peak(server)))
    return {"per_s": found["requests_s"], "cpu_us": 1e6 / found["requests_s_core"],
            "p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"],
            "generator_cores": found["generator_cores"], **peak}


def _consumers(context: Context, count: int) -> dict[str, float]:
    """So many connections read what was written last, again and again; each has partitions of its own."""
    config = context.settings
    read = ["--topic", "tail", "--repeat", "--connections", str(count), *FETCH]
    with context.server(ORDAIN) as server:
        fill(context, server, "tail", config.tail_bytes, partitions=CONSUMED_PARTITIONS)
        context.generator.run(server, "consume", [*read, "--duration", seconds(config.warm_up)],
                              config.warm_up)
        return _rates(server, context, "consume", [*read, "--duration", seconds(config.seconds)])


def _waiting(context: Context, count: int) -> dict[str, float]:
    """So many connections wait at the end of all partitions: each is given every record."""
    config = context.settings
    load = ["--topic", "fanned", "--partitions", str(PARTITIONS), "--record-size", "1k", "--rate", str(FANNED_RATE),
            "--acks", "all", "--connections", "4", "--end-to-end", "--consumers", str(count), "--warm-up", "1s"]
    with context.server(ORDAIN) as server:
        context.generator.run(server, "latency", [*load, "--duration", seconds(config.warm_up)], config.warm_up)
        usage = Usage(server)
        found = context.generator.run(server, "latency", [*load, "--duration", seconds(config.seconds)], config.seconds)
        used = usage.since()
        given = found["records"] * count
        end_to_end = found["more_latency_ms"]["end_to_end"]
        return {"per_s": given / config.seconds, "cpu_us": 1e6 / per_core(given, used["cpu_s"]),
                "p50_ms": end_to_end["p50"], "p99_ms": end_to_end["p99"],
                "generator_cores": found["cpu_cores"], **_peak(server)}


def _hungry(context: Context, count: int) -> dict[str, float]:
    """So many producers with five batches of 1 MiB under way each, beside as many consumers that ask for 50 MiB at once of what
    is not in memory any more: all that takes memory for requests, answers, reads and the newest records, at once."""
    config = context.settings
    with context.server(ORDAIN) as server:
        fill(context, server, "read", 16 * config.tail_bytes, partitions=HUNGRY_PARTITIONS)
        machine.evict(server.data)
        reading = context.generator.begin(server, "consume", [
            "--topic", "read", "--repeat", "--connections", str(count), *FETCH,
            "--duration", seconds(config.warm_up + config.seconds + 60)])
        try:
            load = ["--topic", "written", *large_load("1k", count, HUNGRY_PARTITIONS), "--timeout", "120s"]
            context.generator.run(server, "produce", [*load, "--duration", seconds(config.warm_up)], config.warm_up)
            figures = _rates(server, context, "produce", [*load, "--duration", seconds(config.seconds)])
            children.still_runs(reading, "the consumers")
            return figures
        finally:
            children.stop(reading)


def _record_size(context: Context, size: int) -> dict[str, float]:
    config = context.settings
    # A batch of about 1 MiB, or one record.
    batch = max(1 << 20, size + 1000)
    load = ["--partitions", str(PARTITIONS), "--record-size", str(size), "--batch-size", str(batch),
            "--acks", "all", "--connections", "2", "--in-flight", "2",
            "--topic-config", f"max.message.bytes={RECORD_BYTES_MAX + 100_000}"]
    with context.server(ORDAIN) as server:
        context.generator.run(server, "produce", [*load, "--duration", seconds(config.warm_up)],
                              config.warm_up)
        return _rates(server, context, "produce", [*load, "--duration", seconds(config.seconds)])


def _rates(server: Server, context: Context, action: str, arguments: list[str]) -> dict[str, float]:
    usage = Usage(server)
    found = context.generator.run(server, action, arguments, context.settings.seconds)
    used = usage.since()
    each = found["records"]
    if each == 0:
        raise MeasureError(f"{action} got nothing")
    return {"per_s": found["records_per_second"], "mb_s": found["mb_per_second"],
            "cpu_us": 1e6 / per_core(each, used["cpu_s"]), "p50_ms": found["latency_ms"]["p50"],
            "p99_ms": found["latency_ms"]["p99"], "generator_cores": found["cpu_cores"], **_peak(server)}


def _peak(server: Server) -> dict[str, float]:
    return {"memory_mb": machine.resident_bytes_max(server.pid) / 1e6}


CURVES = (
    Curve("partitions", "1 KiB requests, 64 in flight", (1, 10, 100, 1_000, 10_000), "per_s", _partitions),
    Curve("connections", "1 KiB requests, one in flight on each", (5, 50, 500, 5_000), "per_s", _connections),
    Curve("consumers", f"1 KiB records of {CONSUMED_PARTITIONS:,} partitions' tails", (1, 10, 100, 1_000),
          "mb_s", _consumers),
    Curve("waiting consumers", f"end to end, {FANNED_RATE} records of 1 KiB a second, each given to every consumer",
          (1, 10, 100, 1_000), "p99_ms", _waiting),
    Curve("producers and consumers", "batches of 1 MiB, five under way for each producer, beside as many consumers of 50 MiB at once",
          (5, 50, 500), "mb_s", _hungry),
    Curve("record bytes", "records in batches of 1 MiB (or one record)",
          (10, 100, 1_000, 10_000, 100_000, 1_000_000, RECORD_BYTES_MAX), "mb_s", _record_size),
)


def run(context: Context, head: dict) -> int:
    """Measures every point as often as there are rounds; 1 if one of them failed."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    failed: list[str] = []
    for number in range(1, context.settings.rounds + 1):
        say(f"round {number} of {context.settings.rounds}")
        for curve in CURVES:
            for point in curve.points:
                machine.wait_until_quiet(context.settings.quiet_wait)
                try:
                    figures = curve.measure(context, point)
                except (MeasureError, OSError, subprocess.SubprocessError) as error:
                    failed.append(f"{curve.name} {point:,}, round {number}: {error}")
                    say(f"  {curve.name:14} {point:>10,}  FAILED: {error}")
                    continue
                found.setdefault((curve.name, point), []).append(figures)
                say(f"  {curve.name:14} {point:>10,}  "
                    + "  ".join(f"{name}={value:.4g}" for name, value in figures.items()))
                _write(settings.TARGET, found, failed, head)
    say("\n" + markdown(found, failed))
    say(f"written: {settings.TARGET / 'curves.md'}, {settings.TARGET / 'curves.json'}")
    return 1 if failed else 0


def _write(folder: pathlib.Path, found: dict, failed: list[str], head: dict) -> None:
    points = [{"curve": name, "point": point, "rounds": rounds} for (name, point), rounds in found.items()]
    content = json.dumps({**head, "points": points, "failed": failed}, indent=1) + "\n"
    (folder / "curves.json").write_text(content)
    (folder / "curves.md").write_text(markdown(found, failed))


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    spreads = {name: Spread.of([one[name] for one in rounds if name in one]) for name in COLUMNS}
    return {name: spread.median for name, spread in spreads.items() if spread}


def markdown(found: dict, failed: list[str]) -> str:
    out = ["# How Ordain's cost grows", "", "Medians of the rounds.", ""]
    for curve in CURVES:
        header = [curve.name, *COLUMNS.values(), "beside the row above"]
        out += [f"{curve.each}:", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        before: float | None = None
        for point in curve.points:
            medians = _medians(found.get((curve.name, point), []))
            now = medians.get(curve.factor_of)
            factor = f"× {now / before:.2f}" if now and before else "–"
            cells = [figure(medians[name]) if name in medians else "–" for name in COLUMNS]
            out.append("| " + " | ".join([f"{point:,}", *cells, factor]) + " |")
            before = now
        out.append("")
    return "\n".join(out + [f"- failed: {one.splitlines()[0]}" for one in failed]) + "\n"
