"""B7: what a topic gives, from its tail and from the disk."""

import machine
from settings import KAFKA, MIB, ORDAIN, MeasureError
from servers import Server
from stats import at_least
from workloads.base import PARTITIONS, Context, Target, Workload, measured, per_core, seconds

# As a Kafka consumer asks by default.
FETCH = ["--fetch-size", "50M", "--partition-fetch-size", "1M"]


def fill(context: Context, server: Server, topic: str, size: int, partitions: int = PARTITIONS) -> int:
    """Produces about so many bytes in batches of 1 MiB; gives how many."""
    records = max(size // 1034, 1)
    found = context.generator.run(server, "produce", [
        "--topic", topic, "--partitions", str(partitions), "--record-size", "1k", "--batch-size", "1M",
        "--acks", "all", "--connections", "4", "--in-flight", "5", "--records", str(records)],
        within=size / (20 * MIB))
    return found["bytes"]


def _rates(found: dict, used: dict[str, float]) -> dict[str, float]:
    return {"mb_s": found["mb_per_second"], "mb_s_core": per_core(found["bytes"] / 1e6, used["cpu_s"]),
            "generator_cores": found["cpu_cores"]}


def _tail(context: Context, name: str) -> dict[str, float]:
    """What was written last, again and again: it is in memory."""
    config = context.settings
    read = ["--topic", "tail", "--repeat", "--connections", "2", *FETCH]
    with context.server(name) as server:
        fill(context, server, "tail", config.tail_bytes)
        context.generator.run(server, "consume", [*read, "--duration", seconds(config.warm_up)],
                              config.warm_up)
        found, used = measured(context, server, "consume",
                               [*read, "--duration", seconds(config.seconds)], config.seconds)
    return _rates(found, used)


def _cold(context: Context, name: str) -> dict[str, float]:
    """All of the topic from the disk, by a server that has just been started."""
    size = context.settings.cold_bytes
    with context.server(name) as server:
        written = fill(context, server, "cold", size)
        # Whatever a first read makes ready, it does on another topic.
        fill(context, server, "warm", context.settings.tail_bytes)
        server.stop()
        machine.evict(server.data)
        server.start()
        context.generator.run(server, "consume", ["--topic", "warm", *FETCH], within=60)
        found, used = measured(context, server, "consume",
                               ["--topic", "cold", "--connections", "2", *FETCH], size / (20 * MIB))
        if found["bytes"] != written:
            raise MeasureError(f"{found['bytes']} bytes were read of {written} that were written")
    return _rates(found, used)


UNITS = {"mb_s": "MB/s", "mb_s_core": "MB/s per core"}

WORKLOADS = [
    Workload(
        "B7.tail", "consume what was written last", (ORDAIN, KAFKA), UNITS,
        (Target("mb_s", at_least(1.5), KAFKA), Target("mb_s_core", at_least(3), KAFKA),
         Target("mb_s_core", at_least(2000))),
        _tail),
    Workload(
        "B7.cold", "consume from the disk", (ORDAIN, KAFKA), UNITS,
        (Target("mb_s", at_least(1.5), KAFKA), Target("mb_s_core", at_least(3), KAFKA),
         Target("mb_s", at_least(900))),
        _cold),
]
