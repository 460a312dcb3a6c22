"""Is a change more than noise? Judged by ranks: no assumption about the shape of the noise, and no tolerance.

If nothing had changed, every order of the runs would be equally likely. The chance that the latest m of n runs all lie
on one side of the n - m before them is then 2 / (n over m). Where it is at most `MOST_CHANCE`, noise is no explanation.
That needs about nine runs. A change far larger than all that earlier runs vary by is told sooner: for the better at
once, because noise only ever makes things worse, and for the worse when it came twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Better = Literal["lower", "higher"]

EARLIER = 20
LEAST_EARLIER = 4
LATEST = (1, 2, 3, 4)
MOST_CHANCE = 0.02
LEAST_SHARE = 0.05
"""Where earlier runs were equal by luck, or rounded, a change of less than this share is not called far."""


class Change(StrEnum):
    """What the latest runs say."""

    FIRST = "first"
    TOO_FEW = "too few"
    NOISE = "noise"
    OUTSIDE = "outside"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure over time, in its own unit: every value, the best one, what earlier runs vary by, the verdict.

    `runs` is how many of the latest runs the verdict rests on, `earlier` how many before them.
    """

    values: tuple[float, ...]
    best: float
    low: float
    high: float
    change: Change
    runs: int = 1
    earlier: int = 0

    @property
    def latest(self) -> float:
        """The newest value."""
        return self.values[-1]

    @property
    def is_best(self) -> bool:
        """Whether no earlier run was as good."""
        return len(self.values) > 1 and self.latest == self.best and self.values.count(self.best) == 1


def trend(values: Sequence[float], better: Better) -> Trend:
    """The trend of a figure, oldest value first; at least one."""
    sign = 1.0 if better == "lower" else -1.0
    best = sign * min(sign * value for value in values)
    before = values[:-1][-EARLIER:]
    if not before:
        return Trend(tuple(values), best, values[-1], values[-1], Change.FIRST)
    change, runs = _change([sign * value for value in values])
    earlier = values[:-runs][-EARLIER:]
    return Trend(tuple(values), best, min(earlier), max(earlier), change, runs, len(earlier))


def _change(values: Sequence[float]) -> tuple[Change, int]:
    """What the latest runs say, and how many of them it rests on; lower is better here."""
    if len(values) <= LEAST_EARLIER:
        return Change.TOO_FEW, 1
    for runs in LATEST:
        old, new = values[:-runs][-EARLIER:], values[-runs:]
        if len(old) < max(runs, LEAST_EARLIER):
            break
        is_rare = 2 / math.comb(len(old) + runs, runs) <= MOST_CHANCE
        far = max(max(old) - min(old), LEAST_SHARE * abs(min(old)))
        if max(new) < min(old) and (is_rare or min(old) - max(new) > far):
            return Change.BETTER, runs
        if min(new) > max(old) and (is_rare or (runs > 1 and min(new) - max(old) > far)):
            return Change.WORSE, runs
    before = values[:-1][-EARLIER:]
    return (Change.NOISE if min(before) <= values[-1] <= max(before) else Change.OUTSIDE), 1
