"""From measurements to rows: both figures, their ratio, the target, met or not."""

import dataclasses
import math
import statistics

from rounds import LIMITS, Measurement
from settings import ORDAIN
from stats import Spread, pair_ratios
from workloads import Target, Workload


@dataclasses.dataclass(frozen=True)
class Row:
    """One target of one workload. `ratio` is Ordain's figure over the other's, round by round."""

    workload: Workload
    target: Target
    ours: Spread | None
    theirs: Spread | None
    ratio: Spread | None

    @property
    def value(self) -> float | None:
        """What the target is about: the ratio, or Ordain's figure itself."""
        spread = self.ratio if self.target.against else self.ours
        return spread.median if spread else None

    @property
    def met(self) -> bool | None:
        bound = self.target.bound
        return None if self.value is None or bound is None else bound.met(self.value)

    @property
    def headroom(self) -> float | None:
        bound = self.target.bound
        return None if self.value is None or bound is None else bound.headroom(self.value)

    def as_json(self) -> dict:
        def spread(one: Spread | None) -> dict | None:
            return one.as_json() if one else None
        return {
            "workload": self.workload.key, "figure": self.target.figure,
            "unit": self.workload.units.get(self.target.figure, ""),
            "against": self.target.against, "ordain": spread(self.ours), "other": spread(self.theirs),
            "ratio": spread(self.ratio), "target": self.target.bound.text() if self.target.bound else None,
            "target_of": "ratio" if self.target.against else "ordain", "met": self.met,
        }


class Results:
    def __init__(self, table: list[Workload], measurements: list[Measurement]):
        self.table, self.measurements = table, measurements

    def by_round(self, workload: str, server: str, figure: str) -> dict[int, float]:
        return {m.round: m.figures[figure] for m in self.measurements
                if (m.workload, m.server) == (workload, server) and m.error is None
                and figure in m.figures and math.isfinite(m.figures[figure])}

    def spread(self, workload: str, server: str, figure: str) -> Spread | None:
        return Spread.of(list(self.by_round(workload, server, figure).values()))

    def row(self, workload: Workload, target: Target) -> Row:
        ours = self.by_round(workload.key, ORDAIN, target.figure)
        theirs = self._other(workload, target)
        return Row(workload, target, Spread.of(list(ours.values())), Spread.of(list(theirs.values())),
                   Spread.of(pair_ratios(ours, theirs)))

    def _other(self, workload: Workload, target: Target) -> dict[int, float]:
        kind, _, name = (target.against or "").partition(":")
        match kind:
            case "":
                return {}
            case "workload":
                return self.by_round(name, ORDAIN, target.figure)
            case "limit":
                return self.by_round(LIMITS, LIMITS, name)
            case "figure":
                return self.by_round(workload.key, ORDAIN, name)
            case server:
                return self.by_round(workload.key, server, target.figure)

    def rows(self) -> list[Row]:
        return [self.row(workload, target) for workload in self.table for target in workload.targets]

    def errors(self) -> list[Measurement]:
        """What failed and was not measured in a later try of the same round."""
        done = {(m.workload, m.server, m.round) for m in self.measurements if m.error is None}
        return [m for m in self.measurements
                if m.error and (m.workload, m.server, m.round) not in done]

    def noise(self) -> dict:
        """How quiet the machine was."""
        known = [m.pressure for m in self.measurements if m.pressure is not None]
        return {"measurements": len(self.measurements),
                "not_quiet": sum(not m.quiet for m in self.measurements),
                "pressure_median": statistics.median(known) if known else None,
                "pressure_max": max(known, default=None)}

    def limits(self) -> dict[str, Spread]:
        names = {name for m in self.measurements if m.workload == LIMITS for name in m.figures}
        found = {name: self.spread(LIMITS, LIMITS, name) for name in sorted(names)}
        return {name: spread for name, spread in found.items() if spread}

    def as_json(self, header: dict) -> dict:
        """results.json: per workload of the issue, every target and every figure of every server."""
        workloads: dict[str, dict] = {}
        for workload in self.table:
            entry = workloads.setdefault(workload.issue, {"met": None, "targets": [], "figures": {}})
            entry["targets"] += [self.row(workload, target).as_json() for target in workload.targets]
            entry["figures"][workload.key] = {"title": workload.title, "servers": self._figures(workload)}
        for entry in workloads.values():
            verdicts = [row["met"] for row in entry["targets"] if row["target"] is not None]
            entry["met"] = None if not verdicts or None in verdicts else all(verdicts)
        return {**header, "noise": self.noise(),
                "limits": {name: spread.as_json() for name, spread in self.limits().items()},
                "workloads": workloads,
                "errors": [dataclasses.asdict(error) for error in self.errors()]}

    def _figures(self, workload: Workload) -> dict:
        servers = {}
        for server in workload.peers:
            names = {name for m in self.measurements
                     if (m.workload, m.server) == (workload.key, server) for name in m.figures}
            spreads = {name: self.spread(workload.key, server, name) for name in sorted(names)}
            servers[server] = {name: spread.as_json() for name, spread in spreads.items() if spread}
        return servers
