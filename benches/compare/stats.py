"""Medians, spreads and ratios of pairs, and whether a target is met."""

import dataclasses
import math
import statistics


@dataclasses.dataclass(frozen=True)
class Spread:
    """The middle and the ends of what several rounds gave."""

    median: float
    low: float
    high: float
    count: int

    @staticmethod
    def of(values: list[float]) -> "Spread | None":
        known = [value for value in values if math.isfinite(value)]
        if not known:
            return None
        return Spread(statistics.median(known), min(known), max(known), len(known))

    def as_json(self) -> dict:
        return {"median": self.median, "min": self.low, "max": self.high, "rounds": self.count}


def pair_ratios(ours: dict[int, float], theirs: dict[int, float]) -> list[float]:
    """Ours over theirs, round by round: only what ran beside each other is compared."""
    return [ours[one] / theirs[one] for one in sorted(ours) if theirs.get(one, 0) > 0]


@dataclasses.dataclass(frozen=True)
class Bound:
    """`at_least` or `at_most` a number."""

    limit: float
    at_least: bool

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def headroom(self, value: float) -> float:
        """How many times better than asked: 1 is just met, less is short of it."""
        if self.at_least:
            return value / self.limit
        return self.limit / value if value > 0 else math.inf

    def text(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {figure(self.limit)}"


def at_least(limit: float) -> Bound:
    return Bound(limit, True)


def at_most(limit: float) -> Bound:
    return Bound(limit, False)


def figure(value: float) -> str:
    """A number as people read it: three digits that count."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:.3g} M"
    if size >= 1e4:
        return f"{value / 1e3:.3g} k"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def self_check() -> None:
    """Asserts what this file promises; run by `benches/compare --self-check`."""
    assert Spread.of([]) is None
    assert Spread.of([math.nan]) is None
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert Spread.of([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0, 4)
    assert pair_ratios({1: 10.0, 2: 30.0, 3: 5.0}, {1: 5.0, 2: 10.0, 4: 1.0}) == [2.0, 3.0]
    assert pair_ratios({1: 10.0}, {1: 0.0}) == [], "nothing is compared with nothing"
    assert at_least(2).met(2) and not at_least(2).met(1.99)
    assert at_most(0.5).met(0.5) and not at_most(0.5).met(0.51)
    assert at_least(2).headroom(4) == 2 and at_most(2).headroom(4) == 0.5
    assert at_most(2).headroom(0) == math.inf
    assert at_least(80_000).text() == "≥ 80 k" and at_most(0.05).text() == "≤ 0.05"
    assert [figure(v) for v in (0, 0.1234, 12.34, 123.4, 12_345, 8.1e6)] == [
        "0", "0.123", "12.3", "123", "12.3 k", "8.1 M"]
