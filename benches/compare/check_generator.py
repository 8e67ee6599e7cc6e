"""Whether the generator flatters anybody: the same load by three programs, side by side.

`ordain perf` (batches encoded beforehand, and through its own producer), librdkafka's
rdkafka_performance and Apache Kafka's own producer tool send the same records to the same broker.
Where the broker is the limit all agree; where they do not, the client's own CPU says why.
"""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import children
import machine
import settings
from servers import Server
from settings import KAFKA, ORDAIN, MeasureError, say
from stats import Spread, figure, pair_ratios
from workloads import Context
from workloads.base import PARTITIONS
from workloads.produce import LARGE_CONNECTIONS as B1_CONNECTIONS

RDKAFKA_SOURCE = pathlib.Path("/usr/share/doc/librdkafka-dev/examples/rdkafka_performance.c")
RECORD_BYTES = 1024
BATCH_BYTES = 1 << 20
LINGER_MS = 5
# As an idempotent producer may have, and as Kafka's has by default.
IN_FLIGHT = 5


@dataclasses.dataclass(frozen=True)
class Found:
    mb_s: float
    client_cpu_s_per_gb: float


def rdkafka_performance() -> pathlib.Path:
    """librdkafka's own program, compiled from the source that Debian's librdkafka-dev ships."""
    program = settings.TARGET / "rdkafka_performance"
    if program.exists():
        return program
    if not RDKAFKA_SOURCE.exists():
        say("installing librdkafka-dev")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"],
                        ["apt-get", "install", "-y", "-q", "--no-install-recommends", "librdkafka-dev"]):
            done = children.run(command, within=600, env=quiet)
            if done.returncode != 0:
                raise MeasureError(f"{' '.join(command)} failed; rdkafka_performance comes from "
                                   f"Debian's librdkafka-dev:\n{done.stderr}")
    # It includes "../src/rd.h", "rd.h" and "rdtime.h" of librdkafka's source tree: a tree of ours has them.
    tree = children.folder(settings.TARGET / "rdkafka")
    for folder in ("src", "examples"):
        (tree / folder).mkdir()
    shutil.copy(settings.HERE / "rdkafka_shim.h", tree / "src" / "rd.h")
    (tree / "src" / "rdtime.h").touch()
    done = children.run(["cc", "-O2", "-o", program, RDKAFKA_SOURCE, "-I/usr/include/librdkafka",
                         f"-I{tree / 'src'}", f"-I{tree / 'examples'}",
                         "-lrdkafka", "-lpthread", "-lz", "-lm"], within=120)
    children.remove(tree)
    if done.returncode != 0:
        raise MeasureError(f"rdkafka_performance does not compile:\n{done.stderr}")
    return program


def _timed(command: list, count: int) -> Found:
    """Runs a program that sends `count` records; its own time is counted from the system's."""
    before, began = os.times(), time.monotonic()
    done = children.run(command, within=600)
    took, after = time.monotonic() - began, os.times()
    if done.returncode != 0:
        raise MeasureError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    cpu = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    gigabytes = count * RECORD_BYTES / 1e9
    told = _told_rate(done.stdout + done.stderr)
    return Found(told if told else gigabytes * 1e3 / took, cpu / gigabytes)


def _told_rate(output: str) -> float | None:
    """MB/s as rdkafka_performance ("12.34 MB/s") or Kafka's tool ("(12.34 MB/sec)") tell it last."""
    kafka = re.findall(r"\(([\d.]+) MB/sec\)", output)
    if kafka:
        return float(kafka[-1]) * settings.MIB / 1e6  # Kafka's are 1,048,576 bytes.
    rdkafka = re.findall(r"([\d.]+) MB/s", output)
    return float(rdkafka[-1]) if rdkafka else None


def _ordain(context: Context, server: Server, pre_encoded: bool, count: int, connections: int = 1) -> Found:
    found = context.generator.run(server, "produce", [
        "--topic", "check", "--partitions", str(PARTITIONS), "--record-size", str(RECORD_BYTES),
        "--batch-size", str(BATCH_BYTES), "--linger", f"{LINGER_MS}ms", "--acks", "all",
        "--connections", str(connections), "--in-flight", str(IN_FLIGHT),
        "--pre-encoded", str(pre_encoded).lower(), "--records", str(count)], within=600)
    gigabytes = found["records"] * RECORD_BYTES / 1e9
    cpu = found["cpu_user_seconds"] + found["cpu_system_seconds"]
    return Found(gigabytes * 1e3 / found["seconds"], cpu / gigabytes)


def _rdkafka(_context: Context, server: Server, count: int) -> Found:
    return _timed([rdkafka_performance(), "-P", "-t", "check", "-b", server.bootstrap,
                   "-s", str(RECORD_BYTES), "-c", str(count), "-a", "-1", "-u",
                   "-X", f"batch.size={BATCH_BYTES}", "-X", f"linger.ms={LINGER_MS}",
                   "-X", "batch.num.messages=1000000",
                   "-X", "enable.idempotence=true",
                   "-X", f"max.in.flight.requests.per.connection={IN_FLIGHT}",
                   "-X", "queue.buffering.max.kbytes=262144"], count)


def _kafka_tool(context: Context, server: Server, count: int) -> Found:
    return _timed(["java", "-Xmx1g", "-cp", f"{context.builder.jars}/*",
                   f"-Dlog4j2.configurationFile={context.work / 'log4j2.properties'}",
                   "org.apache.kafka.tools.ProducerPerformance", "--topic", "check",
                   "--num-records", str(count), "--record-size", str(RECORD_BYTES), "--throughput", "-1",
                   "--command-property", f"bootstrap.servers={server.bootstrap}", "acks=all",
                   f"batch.size={BATCH_BYTES - 4096}", f"linger.ms={LINGER_MS}",
                   "buffer.memory=268435456"], count)


PROGRAMS = {
    "ordain perf, pre-encoded": lambda c, s, n: _ordain(c, s, True, n),
    "ordain perf, as in B1": lambda c, s, n: _ordain(c, s, True, n, B1_CONNECTIONS),
    "ordain perf, its producer": lambda c, s, n: _ordain(c, s, False, n),
    "rdkafka_performance": _rdkafka,
    "kafka-producer-perf-test": _kafka_tool,
}


def run(context: Context, head: dict) -> int:
    """Prints the programs side by side, on Kafka and on Ordain, and writes what each round found to generator.json."""
    config = context.settings
    if context.builder.jars is None:
        raise MeasureError("Kafka's own tool comes with Kafka: leave kafka among --servers")
    count = 300_000 if config.quick else 3_000_000
    rows: dict[tuple[str, str], dict[int, Found]] = {}
    failed = False
    for number in range(1, config.rounds + 1):
        # A program on one broker and then on the other: their ratio is of what ran beside each other.
        for program, send in PROGRAMS.items():
            for name in (KAFKA, ORDAIN) if number % 2 else (ORDAIN, KAFKA):
                machine.wait_until_quiet(config.quiet_wait)
                try:
                    with context.server(name) as server:
                        # The topic with its partitions, and a server that is warm.
                        _ordain(context, server, True, count // 4)
                        found = send(context, server, count)
                except (MeasureError, OSError, subprocess.SubprocessError) as error:
                    failed = True
                    say(f"round {number}: {program} on {name} failed: {error}")
                    continue
                say(f"round {number}: {program} on {name}: {figure(found.mb_s)} MB/s")
                rows.setdefault((name, program), {})[number] = found
    say(f"\n{count:,} records of {RECORD_BYTES} bytes, {PARTITIONS} partitions, batches up to 1 MiB, "
        f"acks=all, linger {LINGER_MS} ms\n")
    say(f"{'broker':10} {'program':28} {'MB/s':>24} {'client CPU-s per GB':>24}")
    for (name, program), found in sorted(rows.items()):
        rate = Spread.of([one.mb_s for one in found.values()])
        cpu = Spread.of([one.client_cpu_s_per_gb for one in found.values()])
        say(f"{name:10} {program:28} {_shown(rate):>24} {_shown(cpu):>24}")
    for program in PROGRAMS:
        ours, theirs = (rows.get((name, program), {}) for name in (ORDAIN, KAFKA))
        ratio = Spread.of(pair_ratios({number: one.mb_s for number, one in ours.items()},
                                      {number: one.mb_s for number, one in theirs.items()}))
        say(f"{'ratio':10} {program:28} {_shown(ratio):>24}")
    path = settings.TARGET / "generator.json"
    path.write_text(json.dumps({**head, "records": count, "found": [
        {"broker": name, "program": program, "round": number, **dataclasses.asdict(one)}
        for (name, program), found in sorted(rows.items()) for number, one in found.items()]}, indent=1) + "\n")
    say(f"\nwritten: {path}")
    return 1 if failed else 0


def _shown(one: Spread | None) -> str:
    return "–" if one is None else f"{figure(one.median)} ({figure(one.low)}–{figure(one.high)})"
