"""A race against a floor: best of several, with a reference run in between, so that noise cannot fake a verdict.

Noise only ever adds time. So one attempt under the floor is proof that nobody had to wait for anybody. Misses prove
something only while the reference service, in the same minutes and at the same cost per request, keeps meeting it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from graders.measuring.challenges import Challenge
from graders.measuring.timeline import Timeline

BUDGET_S = 5.0
FIRST_MISSES = 2
FAR = 3.0
FAR_MISSES = 3
NEAR_MISSES = 5
SURE_MISSES = 8
SURE_STREAK = 5
MARGIN = 0.75

Attempt = Callable[[], Awaitable[Timeline]]


class Verdict(StrEnum):
    """What a race showed."""

    MET = "met"
    MISSED = "missed"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Exact:
    """The burst on a virtual clock; `cannot_judge` says what the virtual clock does not see, if there is such."""

    timeline: Timeline | None
    cannot_judge: str = ""


@dataclass(frozen=True, slots=True)
class Race:
    """The outcome, the best attempt, and every wall time measured, in seconds."""

    verdict: Verdict
    best: Timeline
    walls_s: tuple[float, ...]
    reference_s: tuple[float, ...]
    floor_s: float
    exact: Timeline | None = None
    unjudgeable: str = ""

    @property
    def picture(self) -> Timeline:
        """What to draw: for a miss the exact waterfall, where there is one and it ends."""
        if self.exact is None or self.is_met or self.unjudgeable or not math.isfinite(self.exact.wall_s):
            return self.best
        return self.exact if self.exact.wall_s >= self.floor_s else self.best

    @property
    def is_met(self) -> bool:
        """An attempt stayed under the floor."""
        return self.verdict is Verdict.MET

    @property
    def is_undecided(self) -> bool:
        """The reference service missed the floor too."""
        return self.verdict is Verdict.BUSY

    @property
    def explanation(self) -> str:
        """What the watchdog saw of the best attempt, or why nobody can tell."""
        if self.is_met:
            return ""
        if self.is_undecided:
            return (
                f"this machine is too busy to tell: {len(self.walls_s)} attempts missed {self.floor_s:g} s, and "
                f"the lab's own reference service did not meet it reliably ({_range(self.reference_s)}). "
                f"The exact judge cannot tell either: {self.unjudgeable}. Try again when less is running."
            )
        lines = []
        if worst := self.picture.blocking_line():
            lines.append(
                f"{worst.file}, line {worst.line}, in {worst.function} held the event loop for "
                f"{worst.length_s:.2f} s in all:\n    {worst.code}"
            )
        if pool := self.picture.pool:
            lines.append(f"{pool.waiting} requests waited for a thread: the pool has {pool.threads}")
        return "\n".join(lines)

    @property
    def culprit(self) -> str:
        """The line that held the event loop longest, if one was seen."""
        worst = self.picture.blocking_line()
        return f"{worst.file}:{worst.line} holds the loop" if worst else ""

    @property
    def evidence(self) -> dict[str, Any]:
        """Every time measured, in seconds; a burst that was cut off is left out."""
        return {
            "judge": self.best.clock,
            "floor_s": self.floor_s,
            "walls_s": [round(w, 4) for w in self.walls_s if math.isfinite(w)],
            "reference_s": [round(w, 4) for w in self.reference_s if math.isfinite(w)],
        }


async def race(
    attempt: Attempt,
    reference: Attempt,
    challenge: Challenge,
    *,
    in_exact_time: Callable[[], Awaitable[Exact]] | None = None,
    is_certain: Callable[[Timeline], bool] = lambda timeline: False,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Race:
    """Try until one attempt is under the floor, or the misses are proof, or the time (seconds) is over.

    Args:
        attempt: one burst at the submission.
        reference: the same burst at the reference service, burning the same processor time per request.
        challenge: what an attempt must show; its floor is the least time that a wrong submission takes.
        in_exact_time: the burst on a virtual clock, asked for once, after `FIRST_MISSES` misses.
        is_certain: evidence that the floor cannot be met on any machine; it ends the race.

    Where the exact judge sees a miss too, the misses are explained and the race is over. Where it does not, a miss is
    proven by the reference service alone: by misses while as many reference runs stayed clearly under the floor (with
    `MARGIN`), `FAR_MISSES` where every attempt took `FAR` times the floor and `NEAR_MISSES` else, or by `SURE_MISSES`
    misses while the last `SURE_STREAK` reference runs met it. A few good reference runs prove nothing, because on a
    busy machine quiet moments come and go. When neither is shown in time, the machine is too busy, and the exact
    judge's word counts.
    """
    started, wall, floor_s = clock(), challenge.wall, challenge.floor_s
    misses: list[Timeline] = []
    reference_walls: list[float] = []
    exact: Exact | None = None

    def result(verdict: Verdict, best: Timeline) -> Race:
        walls = tuple(map(wall, misses))
        shown = exact.timeline if exact is not None else None
        why_not = exact.cannot_judge if exact is not None else "it was not asked"
        return Race(verdict, best, walls, tuple(reference_walls), floor_s, shown, why_not)

    while True:
        timeline = await attempt()
        misses.append(timeline)
        if challenge.is_met(timeline):
            return result(Verdict.MET, timeline)
        best = min(misses, key=wall)
        if is_certain(timeline):
            return result(Verdict.MISSED, best)
        if len(misses) < FIRST_MISSES:
            continue
        if exact is None and in_exact_time is not None:
            exact = await in_exact_time()
            if exact.timeline is not None and not exact.cannot_judge and not challenge.is_met(exact.timeline):
                return result(Verdict.MISSED, best)
        reference_walls.append(wall(await reference()))
        if _is_proven([wall(miss) for miss in misses], reference_walls, floor_s):
            return result(Verdict.MISSED, best)
        if clock() - started > budget_s:
            if exact is not None and exact.timeline is not None and not exact.cannot_judge:
                return result(Verdict.MET, exact.timeline)
            return result(Verdict.BUSY, best)


def _is_proven(misses_s: list[float], reference_s: list[float], floor_s: float) -> bool:
    needed = FAR_MISSES if min(misses_s) >= FAR * floor_s else NEAR_MISSES
    clear = [seconds < MARGIN * floor_s for seconds in reference_s[-needed:]]
    if len(clear) == needed and all(clear):
        return True
    streak = [seconds < floor_s for seconds in reference_s[-SURE_STREAK:]]
    return len(misses_s) >= SURE_MISSES and len(streak) == SURE_STREAK and all(streak)


def _range(seconds: tuple[float, ...]) -> str:
    worst = f"{max(seconds):.2f} s" if math.isfinite(max(seconds)) else "no answer"
    return f"{min(seconds):.2f} s to {worst}"
