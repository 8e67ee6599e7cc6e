"""What a run is: where things are, how long rounds take, which versions are compared."""

import dataclasses
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CLIENTS = REPOSITORY / "tests" / "clients"
TARGET = REPOSITORY / "target" / "compare"
BINARY = REPOSITORY / "target" / "dist" / "ordain"

MIB = 1 << 20
GIB = 1 << 30

# Kafka's start scripts give these beside the heap (bin/kafka-run-class.sh of Kafka 4.3).
KAFKA_HEAP = "2g"
KAFKA_JVM = ["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
             "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
             "-Djava.awt.headless=true"]

# The CPU pressure (some, percent of a second) below which the machine counts as quiet.
QUIET_BELOW = 10.0

ORDAIN, KAFKA, KAFKA_SYNC, SINK = "ordain", "kafka", "kafka-sync", "sink"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How long everything takes. `quick` shows that all of it works; its figures are coarse."""

    quick: bool
    rounds: int
    only: tuple[str, ...]
    peers: tuple[str, ...]
    resume: bool
    seconds: float        # a measurement
    warm_up: float        # of the same load, before it
    latency_seconds: float
    quiet_wait: float     # how long the gate waits for the machine to become quiet
    cold_bytes: int       # preloaded for cold reads
    tail_bytes: int       # preloaded for reads at the tail
    recovery_bytes: int   # of log before kill -9
    idle_partitions: int

    @staticmethod
    def make(quick: bool, rounds: int | None, only: tuple[str, ...], peers: tuple[str, ...],
             resume: bool, quiet_wait: float | None) -> "Settings":
        if quick:
            return Settings(quick, rounds or 2, only, peers, resume, seconds=3, warm_up=2,
                            latency_seconds=4,
                            quiet_wait=15 if quiet_wait is None else quiet_wait,
                            cold_bytes=GIB, tail_bytes=64 * MIB, recovery_bytes=GIB,
                            idle_partitions=10_000)
        return Settings(quick, rounds or 5, only, peers, resume, seconds=10, warm_up=6,
                        latency_seconds=20, quiet_wait=180 if quiet_wait is None else quiet_wait,
                        cold_bytes=8 * GIB, tail_bytes=64 * MIB, recovery_bytes=20 * GIB, idle_partitions=10_000)


def say(text: str) -> None:
    """Tells what is done now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class MeasureError(Exception):
    """One measurement failed; the others go on."""
