"""Are reported latencies right? Judged without a tolerance, by what each one must lie between.

Each latency that a service measured lies between the delay that was injected into the request and the time that the
client saw. If every value of one list is at most its partner in another, the same holds for the sorted lists, rank by
rank. So the k-th smallest measured latency lies between the k-th smallest delay and the k-th smallest client time, and
a quantile, by whatever definition, between the neighbours of its rank in the two lists.

The definitions of a quantile: R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages, The American
Statistician 50 (1996), 361-365. For a share p of n samples, their nine put the quantile nowhere below the rank
floor(np) and nowhere above the rank ceil(np + max(p, 1 - p)), cut off at the smallest and the largest sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

PERCENTS: Mapping[str, int] = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}
FIGURES = ("min_ms", "max_ms", "avg_ms", *PERCENTS)

RESOLUTION_MS = 1.0
"""A timer may end this much early: under uvloop a sleep of 100 ms was seen to end after 99.3 ms."""
HALF_DIGIT_MS = 0.05
"""Half a unit of the last digit: figures are given to 0.1 ms or finer (contract, 'Two rules')."""
ROUNDING_MS = 1e-6
"""What binary fractions lose when they are added up and divided again."""


@dataclass(frozen=True, slots=True)
class Latency:
    """What one request's latency must lie between, in ms: the injected delay and the time that the client saw."""

    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure must lie, in ms, both ends included; `ranks` are the order statistics that it rests on."""

    low_ms: float
    high_ms: float
    ranks: tuple[int, int] | None = None

    def holds(self, reported_ms: float) -> bool:
        """Whether a reported figure is right."""
        return self.least_ms <= reported_ms <= self.most_ms

    @property
    def least_ms(self) -> float:
        """The smallest figure that is right, resolution and rounding included."""
        return self.low_ms - RESOLUTION_MS - HALF_DIGIT_MS - ROUNDING_MS

    @property
    def most_ms(self) -> float:
        """The largest figure that is right, rounding included."""
        return self.high_ms + HALF_DIGIT_MS + ROUNDING_MS

    def is_apart_from(self, other: Interval) -> bool:
        """Whether no figure could be right in both places."""
        return self.most_ms < other.least_ms or other.most_ms < self.least_ms

    def __str__(self) -> str:
        return f"from {max(0.0, self.low_ms):.1f} to {self.high_ms:.1f} ms"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A figure that cannot be right, where it had to be, and what it looks like, if it looks like anything."""

    figure: str
    reported_ms: float
    interval: Interval
    remark: str = ""


class Sandwich:
    """The sorted bounds of a sample of latencies; at least one.

    With a blur, quantiles may lie so many ranks further off: for traffic in which neighbouring ranks lie too close
    together to tell a wrong definition from noise.
    """

    def __init__(self, latencies: Iterable[Latency], blur: int = 0) -> None:
        self.latencies = tuple(latencies)
        self._blur = blur
        self._low = sorted(latency.low_ms for latency in self.latencies)
        self._high = sorted(latency.high_ms for latency in self.latencies)

    def __len__(self) -> int:
        return len(self.latencies)

    @cached_property
    def intervals(self) -> Mapping[str, Interval]:
        """Where each figure must lie."""
        count = len(self)
        mean = Interval(math.fsum(self._low) / count, math.fsum(self._high) / count)
        quantiles = {}
        for name, percent in PERCENTS.items():
            first, last = ranks(count, percent)
            quantiles[name] = self.between(max(1, first - self._blur), min(count, last + self._blur))
        return {"min_ms": self.between(1, 1), "max_ms": self.between(count, count), "avg_ms": mean, **quantiles}

    def between(self, first: int, last: int) -> Interval:
        """Where a value between two order statistics must lie; ranks count from 1."""
        return Interval(self._low[first - 1], self._high[last - 1], (first, last))

    def rejected(self, row: Mapping[str, Any], figures: Iterable[str] = FIGURES) -> list[Rejection]:
        """The reported figures that cannot be right, in the order asked for."""
        asked = list(figures)
        wrong = [name for name in asked if not self.intervals[name].holds(row[name])]
        has_mixed_up = 2 * len(wrong) <= len(asked)  # where most are wrong, one that fits elsewhere fits by chance
        return [
            Rejection(name, row[name], self.intervals[name], self._remark(name, row, has_mixed_up)) for name in wrong
        ]

    def _remark(self, name: str, row: Mapping[str, Any], has_mixed_up: bool) -> str:
        value, wanted = row[name], self.intervals[name]
        if value == 0:
            return ""
        if wanted.holds(1000 * value):
            return "in seconds it would be right"
        if not has_mixed_up:
            return ""
        others = [other for other in FIGURES if other != name and self.intervals[other].is_apart_from(wanted)]
        taken_for = [other for other in others if self.intervals[other].holds(value)]
        return f"{taken_for[0]} belongs there" if taken_for else ""

    @property
    def is_sharp(self) -> bool:
        """Whether this sample could have shown a wrong figure: a pass on one that could not would prove nothing.

        The median, the mean, p95, p99 and the maximum lie apart, and so do the ranks next to p95 and below p99.
        """
        count, at = len(self), self.intervals
        apart = [at[name] for name in ("p50_ms", "avg_ms", "p95_ms", "p99_ms", "max_ms")]
        first95, last95 = ranks(count, 95)
        first99, last99 = ranks(count, 99)
        if last99 == count:
            return False  # by some definition the p99 is the maximum
        pairs = [
            (at["p95_ms"], self.between(first95 - 1, first95 - 1)),
            (at["p95_ms"], self.between(last95 + 1, last95 + 1)),
            (at["p99_ms"], self.between(first99 - 1, first99 - 1)),
        ]
        return all(a.is_apart_from(b) for a, b in [*combinations(apart, 2), *pairs])


def ranks(count: int, percent: int) -> tuple[int, int]:
    """The ranks, from 1 to `count`, between which every definition puts the quantile of so many percent."""
    first = count * percent // 100
    last = -(-(count * percent + max(percent, 100 - percent)) // 100)
    return max(1, first), min(count, last)
