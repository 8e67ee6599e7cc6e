"""B4: acknowledgement latency at a fixed rate. B5: end to end. B14: B4 and B5 beside other loads."""

import time

import children
import limits
import machine
from settings import KAFKA, KAFKA_SYNC, ORDAIN, SINK, MeasureError
from servers import Server
from stats import at_most
from workloads.base import PARTITIONS, Context, Target, Workload, measured, seconds
from workloads.consume import fill
from workloads.produce import DURABLE, durability

CONNECTIONS = 4


def _warm(context: Context, server: Server) -> None:
    """Requests of the same form, so many that compilers and caches have seen them."""
    duration = context.settings.warm_up
    context.generator.run(server, "produce", [
        "--partitions", str(PARTITIONS), "--record-size", "1k", "--batch-size", "1", "--acks", "all",
        "--idempotent", "false", "--connections", str(CONNECTIONS), "--in-flight", "2",
        "--duration", seconds(duration)], duration)


def _paced(context: Context, server: Server, rate: int, more: list[str]) -> dict[str, float]:
    duration = context.settings.latency_seconds
    found, used = measured(context, server, "latency", [
        "--partitions", str(PARTITIONS), "--record-size", "1k", "--rate", str(rate), "--acks", "all",
        "--connections", str(CONNECTIONS), "--warm-up", "1s", "--duration", seconds(duration), *more], duration)
    if found["records"] == 0:
        raise MeasureError("nothing was acknowledged")
    latency = found["latency_ms"]
    figures = {"p50_ms": latency["p50"], "p99_ms": latency["p99"], "p999_ms": latency["p99.9"],
               "late_p99_ms": found["more_latency_ms"]["lateness"]["p99"],
               **durability(used, found["requests"])}
    if "end_to_end" in found["more_latency_ms"]:
        end_to_end = found["more_latency_ms"]["end_to_end"]
        figures |= {"end_to_end_p50_ms": end_to_end["p50"], "end_to_end_p99_ms": end_to_end["p99"]}
    return figures


def _latency(context: Context, name: str, rate: int, more: tuple[str, ...] = ()) -> dict[str, float]:
    with context.server(name) as server:
        _warm(context, server)
        return _paced(context, server, rate, list(more))


def _beside_writer(context: Context, name: str) -> dict[str, float]:
    with context.server(name) as server:
        _warm(context, server)
        writer = children.start([context.programs["limits"], "writer", "--dir", server.work,
                                 "--rate", "200"])
        try:
            figures = _paced(context, server, 1000, [])
            children.still_runs(writer, "the buffered writer")
            return figures
        finally:
            children.stop(writer)


# Of the disk, in MB/s: a consumer that reads less was not reading what had been evicted.
COLD_READ_LEAST = 20


def _beside_reader(context: Context, name: str, more: tuple[str, ...] = ()) -> dict[str, float]:
    """The consumer reads again and again what is driven out of the page cache meanwhile."""
    config = context.settings
    with context.server(name) as server:
        fill(context, server, "cold", config.cold_bytes)
        server.stop()
        machine.evict(server.data)
        cold = sorted(server.data.rglob("*.log"))
        server.start()
        _warm(context, server)
        reader = context.generator.begin(server, "consume", [
            "--topic", "cold", "--repeat", "--partition-fetch-size", "1M",
            "--duration", seconds(config.latency_seconds + 60)])
        try:
            with machine.Evicting(cold):
                read, began = machine.read_bytes(server.data), time.monotonic()
                figures = _paced(context, server, 1000, list(more))
                children.still_runs(reader, "the cold consumer")
                if read is not None:
                    rate = (machine.read_bytes(server.data) - read) / 1e6 / (time.monotonic() - began)
                    if rate < COLD_READ_LEAST:
                        raise MeasureError(f"the cold consumer read {rate:.1f} MB/s from the disk: it was not cold")
                    figures["read_mb_s"] = rate
        finally:
            children.stop(reader)
        if name == ORDAIN and "read_mb_s" in figures:
            figures["disk_p99_ms"] = limits.durable_beside_reader(
                config, context.programs["limits"], context.work, figures["read_mb_s"])["p99_ms"]
        return figures


UNITS = {"p50_ms": "p50, ms", "p99_ms": "p99, ms", "p999_ms": "p99.9, ms",
         "late_p99_ms": "p99 of the generator's own, ms", "flushes_per_commit": "flushes per commit group"}
END_TO_END = {"end_to_end_p50_ms": "end to end p50, ms", "end_to_end_p99_ms": "end to end p99, ms"}
READ = {"read_mb_s": "MB/s read from the disk", "disk_p99_ms": "p99 of the disk's own, ms"}
PEERS = (ORDAIN, KAFKA, KAFKA_SYNC, SINK)


def _at(rate: int, p50: float) -> Workload:
    return Workload(
        f"B4.{rate}", f"acknowledgement latency at {rate} requests/s, open loop", PEERS, UNITS,
        (Target("p99_ms", at_most(1), KAFKA), Target("p99_ms", at_most(1 / 3), KAFKA_SYNC),
         Target("p50_ms", at_most(p50)), Target("p99_ms", at_most(2)), DURABLE),
        lambda context, name: _latency(context, name, rate))


WORKLOADS = [
    _at(100, 1.0),
    _at(1000, 0.6),
    Workload(
        "B5", "end to end, 1 KiB, 1,000/s", (ORDAIN, KAFKA, KAFKA_SYNC),
        {**END_TO_END, **UNITS},
        (Target("end_to_end_p99_ms", at_most(0.5), KAFKA), DURABLE),
        lambda context, name: _latency(context, name, 1000, ("--end-to-end",))),
]

BESIDE = [
    Workload(
        "B14.writer", "B4 at 1,000/s beside a buffered writer of 200 MB/s", PEERS, UNITS,
        (Target("p99_ms", at_most(1), KAFKA),
         Target("p99_ms", at_most(2), "limit:durable_beside_writer.p99_ms"),
         Target("p99_ms", None, "workload:B4.1000"), DURABLE),
        _beside_writer),
    Workload(
        "B14.reader", "B4 at 1,000/s beside a cold consumer", (ORDAIN, KAFKA, KAFKA_SYNC), {**UNITS, **READ},
        (Target("p99_ms", at_most(1), KAFKA),
         Target("p99_ms", at_most(2), "figure:disk_p99_ms"),
         Target("p99_ms", None, "workload:B4.1000"), DURABLE),
        _beside_reader),
    Workload(
        # What was written last is read while a consumer reads what is cold: it should not have been driven out of memory.
        "B14.tail", "B5 beside a cold consumer", (ORDAIN, KAFKA), {**END_TO_END, **UNITS, **READ},
        (Target("end_to_end_p99_ms", None, KAFKA), Target("end_to_end_p99_ms", None, "workload:B5"), DURABLE),
        lambda context, name: _beside_reader(context, name, ("--end-to-end",))),
]
