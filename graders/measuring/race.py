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

from graders.measuring.timeline import Timeline

BUDGET_S = 5.0
LEAST_MISSES = 3
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
class Race:
    """The outcome, the best attempt, and every wall time measured, in seconds."""

    verdict: Verdict
    best: Timeline
    walls_s: tuple[float, ...]
    reference_s: tuple[float, ...]
    floor_s: float

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
                f"this machine is too busy to tell: {len(self.walls_s)} attempts missed {self.floor_s:g} s, and so did "
                f"the lab's own reference service (best {min(self.reference_s):.2f} s). "
                "Try again when less is running; it costs no points."
            )
        lines = []
        if worst := self.best.blocking_line():
            lines.append(
                f"{worst.file}, line {worst.line}, in {worst.function} held the event loop for "
                f"{worst.length_s:.2f} s in all:\n    {worst.code}"
            )
        if pool := self.best.pool:
            lines.append(f"{pool.waiting} requests waited for a thread: the pool has {pool.threads}")
        return "\n".join(lines)

    @property
    def evidence(self) -> dict[str, Any]:
        """Every time measured, in seconds; a burst that was cut off is left out."""
        return {
            "floor_s": self.floor_s,
            "walls_s": [round(w, 4) for w in self.walls_s if math.isfinite(w)],
            "reference_s": [round(w, 4) for w in self.reference_s if math.isfinite(w)],
        }


async def race(
    attempt: Attempt,
    reference: Attempt,
    floor_s: float,
    *,
    meets: Callable[[Timeline], bool] | None = None,
    wall: Callable[[Timeline], float] = lambda timeline: timeline.wall_s,
    is_proof: Callable[[Timeline], bool] = lambda timeline: False,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Race:
    """Try until one attempt is under the floor, or the misses are proof, or the time (seconds) is over.

    Args:
        attempt: one burst at the submission.
        reference: the same burst at the reference service, burning the same processor time per request.
        floor_s: the least time that a wrong submission takes; an attempt must stay under it.
        meets: a further requirement on an attempt besides its wall time.
        wall: the time of an attempt that is compared with the floor.
        is_proof: evidence in a missed attempt that no noise produces; it saves further attempts.

    A miss is proven by `LEAST_MISSES` misses while as many reference runs stayed clearly under the floor (with
    `MARGIN`), or by `SURE_MISSES` misses while the last `SURE_STREAK` reference runs met it. A single good reference
    run proves nothing: on a busy machine quiet moments come and go.
    """
    started = clock()
    walls: list[float] = []
    reference_walls: list[float] = []
    best: Timeline | None = None

    def result(verdict: Verdict) -> Race:
        assert best is not None
        return Race(verdict, best, tuple(walls), tuple(reference_walls), floor_s)

    while True:
        timeline = await attempt()
        taken = wall(timeline)
        walls.append(taken)
        if taken < floor_s and (meets is None or meets(timeline)):
            best = timeline
            return result(Verdict.MET)
        if best is None or taken < wall(best):
            best = timeline
        reference_walls.append(wall(await reference()))
        if _is_proven(len(walls), reference_walls, floor_s, LEAST_MISSES - is_proof(timeline)):
            return result(Verdict.MISSED)
        if clock() - started > budget_s:
            return result(Verdict.BUSY)


def _is_proven(misses: int, reference_s: list[float], floor_s: float, least: int) -> bool:
    clear = [seconds < MARGIN * floor_s for seconds in reference_s[-least:]]
    if misses >= least and all(clear):
        return True
    streak = [seconds < floor_s for seconds in reference_s[-SURE_STREAK:]]
    return misses >= SURE_MISSES and len(streak) == SURE_STREAK and all(streak)
