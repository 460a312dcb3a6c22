"""Looking again: one clean sight decides, misses count on a quiet machine only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from graders.measuring.attempts import Decided, Finding, Sight, decide


async def look_at(sights: Iterable[Sight], quiet: Iterable[bool], **options: float) -> Decided[Sight]:
    """Decide over a given series of sights; the clock goes on by a second with each look at it."""
    seen, was_quiet, clock = iter(sights), iter(quiet), itertools.count()

    async def look() -> Sight:
        return next(seen)

    return await decide(look, lambda sight: sight, lambda _: next(was_quiet), clock=lambda: next(clock), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("sight", [Sight.SHOWN, Sight.REFUTED])
async def test_clean_sight_decides(sight: Sight) -> None:
    """The first look that proves something ends it, whatever the ones before were."""
    decided = await look_at([Sight.UNCLEAR, sight], [False])

    assert decided.finding == Finding(sight.value)
    assert decided.looks == 2


async def test_misses_on_a_quiet_machine() -> None:
    """Three unclear looks in a row on a quiet machine are a miss."""
    decided = await look_at([Sight.UNCLEAR] * 3, [True] * 3)

    assert decided.was_missed
    assert (decided.looks, decided.quiet) == (3, 3)


async def test_noise_between_starts_the_row_anew() -> None:
    """A disturbed look in between makes earlier quiet ones worthless."""
    decided = await look_at([Sight.UNCLEAR] * 5, [True, False, True, True, True], budget_s=60)

    assert decided.was_missed
    assert decided.looks == 5


async def test_busy_machine_decides_nothing() -> None:
    """When the time is over without a quiet row, nobody can tell, and the text says why."""
    decided = await look_at([Sight.UNCLEAR] * 9, [False] * 9, budget_s=4)

    assert decided.is_busy
    assert "too busy to tell: 5 attempts" in decided.busy_text
