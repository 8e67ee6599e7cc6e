"""B1, B2: large batches. B3: small durable requests."""

from collections.abc import Callable

from servers import Server
from settings import KAFKA, KAFKA_SYNC, ORDAIN, SINK, MeasureError
from stats import at_least
from workloads.base import PARTITIONS, Context, Target, Workload, measured, per_core, seconds

PEERS = (ORDAIN, KAFKA, KAFKA_SYNC, SINK)
# Brokers' default limit is 1,048,588 bytes; the generator fills batches up to the size given.
BATCH = "1M"
LARGE_CONNECTIONS = 4
WARM_UPS_MAX = 10
# What each of many partitions is given, all of them in one run, before the warm-up: a first append makes files, and is no steady load.
APPENDS_EACH = 40
FIRST_WITHIN = 300


def large_load(record_size: str, connections: int = LARGE_CONNECTIONS, partitions: int = PARTITIONS) -> list[str]:
    return ["--partitions", str(partitions), "--record-size", record_size, "--batch-size", BATCH,
            "--acks", "all", "--connections", str(connections), "--in-flight", "5"]


def small_load(connections: int, in_flight: int, partitions: int = PARTITIONS) -> list[str]:
    return ["--partitions", str(partitions), "--record-size", "1k", "--batch-size", "1",
            "--acks", "all", "--idempotent", "false", "--connections", str(connections),
            "--in-flight", str(in_flight), "--timeout", "120s"]


def _large(record_size: str, context: Context, name: str) -> dict[str, float]:
    config = context.settings
    load = large_load(record_size)
    with context.server(name) as server:
        context.generator.run(server, "produce", [*load, "--duration", seconds(config.warm_up)],
                              config.warm_up)
        found, used = measured(context, server, "produce",
                               [*load, "--duration", seconds(config.seconds)], config.seconds)
    return {
        "mb_s": found["mb_per_second"],
        "mb_s_core": per_core(found["bytes"] / 1e6, used["cpu_s"]),
        "records_s": found["records_per_second"],
        "records_s_core": per_core(found["records"], used["cpu_s"]),
        "p99_ms": found["latency_ms"]["p99"],
        "generator_cores": found["cpu_cores"],
        **durability(used, found["requests"]),
    }


def small(context: Context, name: str, connections: int, in_flight: int,
          partitions: int = PARTITIONS, after: Callable[[Server], None] | None = None) -> dict[str, float]:
    """1 KiB in each request, as many at once as the windows allow. `after` may look at the server at the end."""
    config = context.settings
    load = small_load(connections, in_flight, partitions)
    with context.server(name) as server:
        if partitions > PARTITIONS:
            first = ["--records", str(APPENDS_EACH * partitions)]
            context.generator.run(server, "produce", [*load, *first], within=FIRST_WITHIN)
        _warm_up(context, server, load)
        found, used = measured(context, server, "produce",
                               [*load, "--duration", seconds(config.seconds)], config.seconds)
        if found["records"] == 0:
            raise MeasureError(f"nothing was acknowledged in {config.seconds:g} s")
        if after is not None:
            after(server)
    return {
        "requests_s": found["records_per_second"],
        "requests_s_core": per_core(found["records"], used["cpu_s"]),
        "p50_ms": found["latency_ms"]["p50"],
        "p99_ms": found["latency_ms"]["p99"],
        "generator_cores": found["cpu_cores"],
        **durability(used, found["requests"]),
    }


def _warm_up(context: Context, server: Server, load: list[str]) -> None:
    """The same load, until something has been acknowledged: with many connections a server may take longer for
    its first answer than a short round lasts."""
    config = context.settings
    for _ in range(WARM_UPS_MAX):
        found = context.generator.run(server, "produce", [*load, "--duration", seconds(config.warm_up)],
                                      config.warm_up)
        if found["records"] > 0:
            return
    raise MeasureError(f"nothing was acknowledged in {WARM_UPS_MAX} warm-ups of {config.warm_up:g} s")


def durability(used: dict[str, float], requests: int) -> dict[str, float]:
    """Flushes of the disk (the machine's, so at most the server's) beside commit groups and answers."""
    figures = {"requests": requests}
    if "flushes" in used:
        figures["flushes"] = used["flushes"]
    if "commits" in used:
        figures["commits"] = used["commits"]
        if "flushes" in used:
            if used["flushes"] < used["commits"]:
                raise MeasureError(f"the disk was flushed {used['flushes']:g} times for {used['commits']:g} commit groups: "
                                   "something was acknowledged that nothing had made durable")
            figures["flushes_per_commit"] = used["flushes"] / max(used["commits"], 1)
    return figures


LARGE_UNITS = {"mb_s": "MB/s", "mb_s_core": "MB/s per core", "records_s": "records/s",
               "records_s_core": "records/s per core", "p99_ms": "p99, ms",
               "flushes_per_commit": "flushes per commit group"}
SMALL_UNITS = {"requests_s": "requests/s", "requests_s_core": "requests/s per core",
               "p50_ms": "p50, ms", "p99_ms": "p99, ms", "flushes_per_commit": "flushes per commit group"}

DURABLE = Target("flushes_per_commit", at_least(1))

WORKLOADS = [
    Workload(
        "B1", "produce, 1 KiB records, 8 partitions, batches of 1 MiB", PEERS,
        LARGE_UNITS,
        (Target("mb_s", at_least(2), KAFKA), Target("mb_s_core", at_least(4), KAFKA),
         Target("mb_s", at_least(700)), Target("mb_s_core", at_least(1200)),
         Target("mb_s_core", at_least(0.6), SINK), DURABLE),
        lambda context, name: _large("1k", context, name)),
    Workload(
        "B2", "produce, 100-byte records, 8 partitions, batches of 1 MiB", PEERS,
        LARGE_UNITS,
        (Target("records_s", at_least(1.5), KAFKA), Target("records_s_core", at_least(4), KAFKA),
         Target("records_s_core", at_least(8e6)), DURABLE),
        lambda context, name: _large("100", context, name)),
    Workload(
        "B3.in-flight", "1 KiB requests, 64 in flight (8 connections of 8)", PEERS, SMALL_UNITS,
        (Target("requests_s", at_least(10), KAFKA_SYNC), Target("requests_s", at_least(80_000)),
         DURABLE),
        lambda context, name: small(context, name, connections=8, in_flight=8)),
    Workload(
        "B3.connections", "1 KiB requests, 1,000 connections of one each", PEERS, SMALL_UNITS,
        (Target("requests_s", at_least(10), KAFKA_SYNC), Target("requests_s", at_least(80_000)),
         DURABLE),
        lambda context, name: small(context, name, connections=1000, in_flight=1)),
]
