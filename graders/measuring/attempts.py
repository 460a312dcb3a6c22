"""Looking again until something is shown, refuted, or missed so often on a quiet machine that it is not there.

For promises that evidence decides once it is seen: one clean sight is enough, and a disturbed one says nothing. Only
a machine that was quiet in the same moment makes a miss count.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

BUDGET_S = 5.0
LEAST_QUIET = 3
ENOUGH_MISSES = 30

Seen = TypeVar("Seen")


class Sight(StrEnum):
    """What one look proves, whatever the machine did meanwhile."""

    SHOWN = "shown"
    REFUTED = "refuted"
    UNCLEAR = "unclear"


class Finding(StrEnum):
    """What all looks together prove."""

    SHOWN = "shown"
    REFUTED = "refuted"
    MISSED = "missed"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Decided(Generic[Seen]):
    """The finding, the look that decided it (or the last one), and how many looks and quiet moments there were."""

    finding: Finding
    seen: Seen
    looks: int
    quiet: int

    @property
    def is_shown(self) -> bool:
        """A look has shown it."""
        return self.finding is Finding.SHOWN

    @property
    def was_missed(self) -> bool:
        """It was never shown, although the machine was quiet enough for it."""
        return self.finding is Finding.MISSED

    @property
    def is_busy(self) -> bool:
        """Nobody can tell: the machine was never quiet for long enough."""
        return self.finding is Finding.BUSY

    @property
    def busy_text(self) -> str:
        """Why nobody can tell."""
        return (
            f"this machine is too busy to tell: {self.looks} attempts were unclear, and in {self.looks - self.quiet} "
            "of them the lab's own reference service was late too. Try again when less is running."
        )


async def decide(
    look: Callable[[], Awaitable[Seen]],
    judge: Callable[[Seen], Sight],
    is_quiet: Callable[[Seen], bool | Awaitable[bool]],
    *,
    least_quiet: int = LEAST_QUIET,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Decided[Seen]:
    """Look until one look decides, or `least_quiet` unclear looks in a row had a quiet machine, or time is over.

    `is_quiet` is asked after each unclear look, and given it: whether the machine, just now, could have shown more.
    """
    started = clock()
    looks = quiet = row = 0
    while True:
        seen = await look()
        looks += 1
        sight = judge(seen)
        if sight is not Sight.UNCLEAR:
            return Decided(Finding(sight.value), seen, looks, quiet)
        was_quiet = is_quiet(seen)
        if inspect.isawaitable(was_quiet):
            was_quiet = await was_quiet
        if was_quiet:
            quiet, row = quiet + 1, row + 1
        else:
            row = 0
        if row >= least_quiet or (looks >= ENOUGH_MISSES and 2 * quiet > looks):
            return Decided(Finding.MISSED, seen, looks, quiet)
        if clock() - started > budget_s:
            return Decided(Finding.BUSY, seen, looks, quiet)
