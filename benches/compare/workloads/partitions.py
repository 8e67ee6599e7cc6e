"""B8: the same load over more and more partitions. B9: partitions that do nothing."""

import time

import machine
from settings import KAFKA, KAFKA_SYNC, ORDAIN
from stats import at_least, at_most
from workloads.base import Context, Target, Workload
from workloads.produce import DURABLE, SMALL_UNITS, small

COUNTS = (1, 10, 100, 1_000, 10_000)
# How long a server is left alone before its memory counts.
SETTLE_SECONDS = 3


def _spread(count: int) -> Workload:
    targets: list[Target] = [DURABLE]
    if count == 1_000:
        targets += [Target("requests_s", at_least(3), KAFKA),
                    Target("requests_s", at_least(20), KAFKA_SYNC)]
    if count > 1:
        fewer = f"workload:B8.{count // 10}"
        targets += [Target("requests_s", at_least(0.9), fewer), Target("p99_ms", at_most(1.2), fewer)]
    # Kafka's first appends to so many partitions take longer than all the rest of a round.
    peers = {1_000: (ORDAIN, KAFKA, KAFKA_SYNC), 10_000: (ORDAIN,)}.get(count, (ORDAIN, KAFKA))
    return Workload(
        f"B8.{count}", f"1 KiB requests, 64 in flight, over {count:,} partitions", peers, SMALL_UNITS,
        tuple(targets),
        lambda context, name: small(context, name, connections=8, in_flight=8, partitions=count))


def _idle(context: Context, name: str) -> dict[str, float]:
    count = context.settings.idle_partitions
    with context.server(name) as server:
        time.sleep(SETTLE_SECONDS)
        before = machine.resident_bytes(server.pid)
        # Until all have a leader and the first has acknowledged a record.
        made = context.generator.run(server, "first", [
            "--topic", "idle", "--partitions", str(count), "--within", "600s"], within=600)
        time.sleep(SETTLE_SECONDS)
        after = machine.resident_bytes(server.pid)
        files = machine.open_files(server.pid)
        server.stop()
        started = server.launch()
        first = context.generator.run(server, "first", ["--topic", "idle", "--within", "600s"], 600)
        return {
            "memory_mb": after / 1e6,
            "bytes_each": max(after - before, 0) / count,
            "open_files": files,
            "create_s": made["waited_ms"] / 1e3,
            "restart_s": (first["acknowledged_unix_ns"] - started) / 1e9,
        }


WORKLOADS = [_spread(count) for count in COUNTS] + [
    Workload(
        "B9", "10,000 idle partitions", (ORDAIN, KAFKA),
        {"memory_mb": "MB resident", "bytes_each": "bytes each", "open_files": "open files",
         "create_s": "s to create", "restart_s": "s to restart"},
        (Target("memory_mb", at_most(1 / 20), KAFKA), Target("bytes_each", at_most(4096)),
         Target("open_files", at_most(1000)), Target("create_s", at_most(2)),
         Target("restart_s", at_most(1))),
        _idle),
]
