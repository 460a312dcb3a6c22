"""Are reported latencies right, where each request's own latency is known to the nanosecond?

In virtual time no client is late and no timer early: half a unit of the last digit is all there is to allow for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graders.measuring.quantiles import positions, value_at
from graders.measuring.sandwich import (
    FIGURES,
    HALF_DIGIT_MS,
    PERCENTS,
    ROUNDING_MS,
    Interval,
    Rejection,
    Sandwich,
)


@dataclass(frozen=True, slots=True)
class ExactInterval(Interval):
    """Where a figure must lie, in ms; no timer ends early here."""

    @property
    def least_ms(self) -> float:
        """The smallest figure that is right, rounding included."""
        return self.low_ms - HALF_DIGIT_MS - ROUNDING_MS

    def __str__(self) -> str:
        if round(self.low_ms, 1) == round(self.high_ms, 1):
            return f"exactly {self.low_ms:.1f} ms"
        return f"from {self.low_ms:.1f} to {self.high_ms:.1f} ms"


class ExactSandwich(Sandwich):
    """A sample of latencies in virtual time.

    Low and high differ only where a service itself waits outside of what was injected. A quantile must be one that a
    standard definition gives, not merely one between its neighbours; with a blur it is judged by ranks, as live.
    """

    @cached_property
    def intervals(self) -> Mapping[str, Interval]:
        """Where each figure must lie, all definitions together."""
        found = super().intervals
        exact: dict[str, Interval] = {name: ExactInterval(i.low_ms, i.high_ms, i.ranks) for name, i in found.items()}
        for name in PERCENTS if not self._blur else ():
            right = self.standard(name)
            exact[name] = ExactInterval(min(i.low_ms for i in right), max(i.high_ms for i in right), found[name].ranks)
        return exact

    def standard(self, figure: str) -> list[ExactInterval]:
        """A percentile by each standard definition."""
        return [
            ExactInterval(value_at(self._low, at), value_at(self._high, at))
            for at in sorted(positions(len(self), PERCENTS[figure]))
        ]

    def rejected(self, row: Mapping[str, Any], figures: Iterable[str] = FIGURES) -> list[Rejection]:
        """The reported figures that cannot be right, in the order asked for."""
        asked = list(figures)
        found = {rejection.figure: rejection for rejection in super().rejected(row, asked)}
        for name in asked:
            if self._blur or name not in PERCENTS or name in found:
                continue
            if not any(i.holds(row[name]) for i in self.standard(name)):
                remark = "no standard definition gives it"
                found[name] = Rejection(name, row[name], self.intervals[name], remark)
        return [found[name] for name in asked if name in found]
