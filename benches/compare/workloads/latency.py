"""B4: acknowledgement latency at a fixed rate. B5: end to end. B14: B4 beside other loads."""

import children
import machine
from settings import KAFKA, KAFKA_SYNC, ORDAIN, SINK, MeasureError
from servers import Server
from stats import at_most
from workloads.base import PARTITIONS, Context, Target, Workload, measured, seconds
from workloads.consume import fill
from workloads.produce import durability

CONNECTIONS = 4


def _warm(context: Context, server: Server) -> None:
    """Requests of the same form, so many that compilers and caches have seen them."""
    time = context.settings.warm_up
    context.generator.run(server, "produce", [
        "--partitions", str(PARTITIONS), "--record-size", "1k", "--batch-size", "1", "--acks", "all",
        "--idempotent", "false", "--connections", str(CONNECTIONS), "--in-flight", "2",
        "--duration", seconds(time)], time)


def _paced(context: Context, server: Server, rate: int, more: list[str]) -> dict[str, float]:
    time = context.settings.latency_seconds
    found, used = measured(context, server, "latency", [
        "--partitions", str(PARTITIONS), "--record-size", "1k", "--rate", str(rate), "--acks", "all",
        "--connections", str(CONNECTIONS), "--warm-up", "1s", "--duration", seconds(time), *more], time)
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
            return _paced(context, server, 1000, [])
        finally:
            children.stop(writer)


def _beside_reader(context: Context, name: str) -> dict[str, float]:
    """The consumer reads again and again what is driven out of the page cache meanwhile."""
    config = context.settings
    with context.server(name) as server:
        fill(context, server, "cold", config.cold_bytes)
        server.stop()
        machine.evict(server.data)
        server.start()
        _warm(context, server)
        reader = context.generator.begin(server, "consume", [
            "--topic", "cold", "--repeat", "--partition-fetch-size", "1M",
            "--duration", seconds(config.latency_seconds + 60)])
        try:
            with machine.Evicting(server.data):
                return _paced(context, server, 1000, [])
        finally:
            children.stop(reader)


UNITS = {"p50_ms": "p50, ms", "p99_ms": "p99, ms", "p999_ms": "p99.9, ms",
         "late_p99_ms": "p99 of the generator's own, ms"}
PEERS = (ORDAIN, KAFKA, KAFKA_SYNC, SINK)


def _at(rate: int, p50: float) -> Workload:
    return Workload(
        f"B4.{rate}", f"acknowledgement latency at {rate} requests/s, open loop", PEERS, UNITS,
        (Target("p99_ms", at_most(1), KAFKA), Target("p99_ms", at_most(1 / 3), KAFKA_SYNC),
         Target("p50_ms", at_most(p50)), Target("p99_ms", at_most(2))),
        lambda context, name: _latency(context, name, rate))


WORKLOADS = [
    _at(100, 1.0),
    _at(1000, 0.6),
    Workload(
        "B5", "end to end, 1 KiB, 1,000/s", (ORDAIN, KAFKA, KAFKA_SYNC),
        {"end_to_end_p50_ms": "end to end p50, ms", "end_to_end_p99_ms": "end to end p99, ms", **UNITS},
        (Target("end_to_end_p99_ms", at_most(0.5), KAFKA),),
        lambda context, name: _latency(context, name, 1000, ("--end-to-end",))),
]

BESIDE = [
    Workload(
        "B14.writer", "B4 at 1,000/s beside a buffered writer of 200 MB/s", PEERS, UNITS,
        (Target("p99_ms", at_most(1), KAFKA),
         Target("p99_ms", at_most(2), "limit:durable_beside_writer.p99_ms")),
        _beside_writer),
    Workload(
        "B14.reader", "B4 at 1,000/s beside a cold consumer", (ORDAIN, KAFKA, KAFKA_SYNC), UNITS,
        (Target("p99_ms", at_most(1), KAFKA),
         Target("p99_ms", at_most(2), "limit:durable_beside_reader.p99_ms")),
        _beside_reader),
]
