"""Facts about trends: what noise alone is called, and what a real change is called."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from graders.measuring.trend import Change, trend

TRIALS = 2_000
MOST_FALSE = 0.05

NOISES: dict[str, Callable[[random.Random], float]] = {
    "even": lambda dice: 0.1 * (1 + dice.gauss(0, 0.03)),
    "one-sided": lambda dice: 0.1 + dice.gammavariate(1.0, 0.01),
    "with spikes": lambda dice: (
        0.1 + dice.gammavariate(1.0, 0.005) + (0.1 * dice.random() if dice.random() < 0.1 else 0)
    ),
    "rounded": lambda dice: round(0.105 + dice.gauss(0, 0.002), 2),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("runs", [5, 8, 10, 15, 25])
def test_noise_is_seldom_called_a_change(noise: Callable[[random.Random], float], runs: int) -> None:
    """Of runs that differ by noise alone, at most one in twenty is called better or worse, whatever its shape."""
    dice = random.Random(f"trend {runs}")

    found = [trend([noise(dice) for _ in range(runs)], "lower").change for _ in range(TRIALS)]

    assert sum(change in (Change.BETTER, Change.WORSE) for change in found) / TRIALS <= MOST_FALSE


@pytest.mark.parametrize("noise", [NOISES["even"], NOISES["one-sided"]], ids=["even", "one-sided"])
def test_a_fifth_of_the_time_is_seen_at_once(noise: Callable[[random.Random], float]) -> None:
    """A service that got five times faster is called better after its first run, nearly always."""
    dice = random.Random("faster")

    found = [trend([*(noise(dice) for _ in range(8)), noise(dice) / 5], "lower").change for _ in range(TRIALS)]

    assert found.count(Change.BETTER) > 0.9 * TRIALS


def test_a_spike_is_not_called_worse_until_it_repeats() -> None:
    """One run far above the others may be noise, which only ever adds time; a second one is not."""
    usual = [0.110, 0.112, 0.109, 0.111, 0.113]

    assert trend([*usual, 0.5], "lower").change is Change.OUTSIDE
    assert trend([*usual, 0.5, 0.52], "lower").change is Change.WORSE


def test_throughput_is_better_when_it_is_higher() -> None:
    """For a figure of which more is better, everything is the other way round."""
    found = trend([100, 102, 99, 101, 103, 400], "higher")

    assert found.change is Change.BETTER
    assert found.best == 400
    assert found.is_best


def test_a_small_step_is_seen_after_three_runs() -> None:
    """Three runs below the ten before them are more than noise: the chance for that is 2 in 286."""
    before = [0.111, 0.114, 0.110, 0.113, 0.112, 0.115, 0.110, 0.116, 0.112, 0.113]

    found = trend([*before, 0.108, 0.109, 0.107], "lower")

    assert (found.change, found.runs, found.earlier) == (Change.BETTER, 3, 10)
    assert (found.low, found.high) == (0.110, 0.116)


def test_the_first_runs_say_nothing() -> None:
    """One run is no trend, and four are too few."""
    assert trend([0.1], "lower").change is Change.FIRST
    assert trend([0.1, 0.5, 0.1, 0.5], "lower").change is Change.TOO_FEW


def test_a_tie_is_no_personal_best() -> None:
    """Only a value that no earlier run reached is called the best."""
    assert not trend([0.1, 0.2, 0.1], "lower").is_best
    assert not trend([0.1], "lower").is_best
    assert trend([0.2, 0.1], "lower").is_best
