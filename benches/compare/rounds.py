"""Runs the workloads round by round, the servers in turn, and keeps what each round found.

Every measurement is appended to a file at once, so that a run that was ended goes on with --resume.
"""

import dataclasses
import json
import pathlib
import time
import traceback
from collections.abc import Callable, Iterator

import limits
import machine
from settings import MeasureError, Settings, say
from workloads import Context, Workload

LIMITS = "limits"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One workload on one server in one round; figures, or why there are none."""

    workload: str
    server: str
    round: int
    figures: dict[str, float]
    error: str | None
    pressure: float | None
    quiet: bool
    waited: float
    seconds: float


class Journal:
    """The file of measurements of a run."""

    def __init__(self, path: pathlib.Path, config: Settings, binary: str | None, head: dict):
        """`binary` is the digest of Ordain's; None only to read what was measured. `head` says what is measured; that of the
        run's beginning stays."""
        self.path = path
        self.measurements: list[Measurement] = []
        self.head = head
        if config.resume and path.exists():
            lines = path.read_text().splitlines()
            known = json.loads(lines[0]) if lines else {}
            if known.get("quick") != config.quick or binary not in (None, known.get("binary")):
                raise MeasureError(f"{path} is of a run with other settings or of another binary: leave out --resume")
            self.head = known.get("head", head)
            self.measurements = [Measurement(**json.loads(line)) for line in lines[1:]]
            say(f"going on after {len(self.measurements)} measurements")
        else:
            if path.exists():
                path.replace(path.with_name(f"{path.name}.before"))
            path.write_text(json.dumps({"quick": config.quick, "binary": binary, "head": head}) + "\n")

    def add(self, measurement: Measurement) -> None:
        self.measurements.append(measurement)
        with open(self.path, "a") as file:
            file.write(json.dumps(dataclasses.asdict(measurement)) + "\n")

    def has(self, workload: str, server: str, number: int) -> bool:
        """Whether this was measured before; what failed is tried again."""
        return any((m.workload, m.server, m.round) == (workload, server, number) and m.error is None
                   for m in self.measurements)


def run(context: Context, table: list[Workload], journal: Journal, until: float | None,
        measured: Callable[[], object]) -> None:
    """Measures what the journal lacks, and calls `measured` after each; begins none after `until` (monotonic)."""
    for key, name, number, measure in _all(context, table):
        if journal.has(key, name, number):
            continue
        if until is not None and time.monotonic() >= until:
            say("the time is up: go on with --resume")
            return
        _once(context, journal, key, name, number, measure)
        measured()


def _all(context: Context, table: list[Workload]) -> Iterator[tuple[str, str, int, Callable[[], dict]]]:
    """Workload, server, round and how it is measured, in their order."""
    config = context.settings
    for number in range(1, config.rounds + 1):
        say(f"round {number} of {config.rounds}")
        yield LIMITS, LIMITS, number, lambda: limits.flat(
            limits.measure(config, context.programs["limits"], context.work))
        for workload in table:
            # Even rounds the other way round: what comes second finds another disk.
            peers = [name for name in workload.peers if name in config.peers]
            for name in peers if number % 2 else reversed(peers):
                yield (workload.key, name, number,
                       lambda workload=workload, name=name: workload.measure(context, name))


def _once(context: Context, journal: Journal, key: str, name: str, number: int, measure) -> None:
    quiet = machine.wait_until_quiet(context.settings.quiet_wait)
    began = time.monotonic()
    figures: dict[str, float] = {}
    error = None
    try:
        figures = measure()
    except Exception as failure:  # Whatever it is, the others go on unattended; it stands in the report.
        where = traceback.extract_tb(failure.__traceback__)[-1]
        told = isinstance(failure, MeasureError)
        error = f"{failure}" if told else f"{type(failure).__name__}: {failure} ({where.name}:{where.lineno})"
    took = time.monotonic() - began
    journal.add(Measurement(key, name, number, figures, error, quiet.pressure, quiet.quiet,
                            quiet.waited, round(took, 1)))
    noise = "" if quiet.quiet else f"   NOT QUIET: CPU pressure {quiet.pressure}"
    if error:
        say(f"  {key:15} {name:11} FAILED after {took:.0f} s: {error}{noise}")
    else:
        shown = "  ".join(f"{figure}={value:.4g}" for figure, value in list(figures.items())[:4])
        say(f"  {key:15} {name:11} {shown}   ({took:.0f} s){noise}")
