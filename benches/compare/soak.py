"""The soak: does memory grow while Ordain serves full load for a quarter of an hour?

One generator writes batches of 1 MiB as fast as they are acknowledged, another single 1 KiB records, and a third
reads the end of the first's topic. Retention is short, so that the disk holds what is kept, and segments and journal
are recycled all the time. Resident memory is noted every ten seconds; at a third of the time (minute 5 of 15) and at
the end it is to be the same within 5 %.
"""

import json
import time

import children
import machine
import settings
from servers import Server
from settings import ORDAIN, MeasureError, say
from workloads import Context
from workloads.base import PARTITIONS, seconds

EVERY_SECONDS = 10.0
GROWTH_MAX = 0.05
# A figure is the median of the samples of so many seconds before its time.
WINDOW_SECONDS = 60.0
# What topics keep, per partition; retention is looked at every second.
KEPT = ["--topic-config", "retention.bytes=268435456", "--topic-config", "segment.bytes=67108864"]
SERVER = ["--set", "log.retention.check.interval.ms=1000"]


def run(context: Context, minutes: float, head: dict) -> int:
    """Prints and writes what memory did; 1 if it is more than 5 % away from what it was."""
    duration = minutes * 60
    with context.server(ORDAIN, SERVER) as server:
        # The topics are there before anybody reads them.
        for action, arguments in _loads()[:2]:
            context.generator.run(server, action, [*arguments, "--records", "1000"], within=60)
        loads = [context.generator.begin(server, action, [*arguments, "--duration", seconds(duration + 60)])
                 for action, arguments in _loads()]
        try:
            appended = _appended(server)
            samples = _watch(server, loads, duration)
            rate = (_appended(server) - appended) / 1e6 / duration
        finally:
            for load in loads:
                children.stop(load)
    return _tell(samples, minutes, rate, head)


def _appended(server: Server) -> float:
    """Bytes of records that the server has taken in."""
    return server.metric("kafka_server_brokertopicmetrics_bytesin_total")


def _loads() -> list[tuple[str, list[str]]]:
    large = ["--topic", "large", "--partitions", str(PARTITIONS), *KEPT, "--record-size", "1k",
             "--batch-size", "1M", "--acks", "all", "--connections", "4", "--in-flight", "5"]
    little = ["--topic", "little", "--partitions", "100", *KEPT, "--record-size", "1k", "--batch-size", "1",
              "--acks", "all", "--idempotent", "false", "--connections", "32", "--in-flight", "2"]
    # As an application reads: should it fall behind what is kept, it goes on at what is left.
    tail = ["--topic", "large", "--from", "end", "--connections", "2", "--consumer"]
    return [("produce", large), ("produce", little), ("consume", tail)]


def _watch(server: Server, loads: list, duration: float) -> list[tuple[float, int]]:
    began = time.monotonic()
    samples: list[tuple[float, int]] = []
    said = 0.0
    while (at := time.monotonic() - began) < duration:
        if server.process.poll() is not None:
            raise MeasureError(f"the server ended with {server.process.returncode}:\n{server.tail()}")
        for load in loads:
            if load.poll() is not None:
                raise MeasureError(f"a load ended with {load.returncode}: {load.stderr.read()}")
        samples.append((at, machine.resident_bytes(server.pid)))
        if at - said >= 60:
            said = at
            say(f"  minute {at / 60:.0f}: {samples[-1][1] / 1e6:.1f} MB resident, "
                f"{machine.free_bytes(server.data) / 2**30:.0f} GiB of disk free")
        time.sleep(EVERY_SECONDS)
    samples.append((duration, machine.resident_bytes(server.pid)))
    return samples


def at(samples: list[tuple[float, int]], when: float) -> int:
    """The median of the samples of the minute (or the sixth of the time) before `when`."""
    window = min(WINDOW_SECONDS, when / 2)
    near = sorted(memory for time, memory in samples if when - window <= time <= when)
    if not near:
        raise MeasureError(f"no sample was taken in the {window:.0f} s before second {when:.0f}")
    return near[len(near) // 2]


def _tell(samples: list[tuple[float, int]], minutes: float, rate: float, head: dict) -> int:
    early, late = at(samples, minutes * 20), at(samples, minutes * 60)
    growth = late / early - 1
    steady = abs(growth) <= GROWTH_MAX
    most = max(memory for _, memory in samples)
    content = {**head, "minutes": minutes, "early_bytes": early, "late_bytes": late, "growth": growth,
               "most_bytes": most, "mb_s": rate, "met": steady, "samples": samples}
    path = settings.TARGET / "soak.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    say(f"memory at minute {minutes / 3:g}: {early / 1e6:.1f} MB, at minute {minutes:g}: {late / 1e6:.1f} MB "
        f"({growth:+.1%}, {'within' if steady else 'MORE THAN'} {GROWTH_MAX:.0%}); at most {most / 1e6:.1f} MB; {rate:.0f} MB/s were taken in")
    say(f"written: {path}")
    return 0 if steady else 1
