"""Right figures always pass the sandwich, by each of the nine definitions; wrong ones are rejected, and said to be."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.measuring.exactly import ExactInterval
from graders.measuring.sandwich import FIGURES, PERCENTS, Interval, Latency, Sandwich, ranks

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

Definition = Callable[[int, Fraction], tuple[int, Fraction]]


def _rank(position: Fraction) -> tuple[int, Fraction]:
    return math.floor(position), position - math.floor(position)


def _type1(n: int, p: Fraction) -> tuple[int, Fraction]:
    return math.ceil(n * p), Fraction(0)


def _type2(n: int, p: Fraction) -> tuple[int, Fraction]:
    return (int(n * p), Fraction(1, 2)) if (n * p).denominator == 1 else (math.ceil(n * p), Fraction(0))


def _type3(n: int, p: Fraction) -> tuple[int, Fraction]:
    j, g = _rank(n * p - Fraction(1, 2))
    return j, Fraction(0 if g == 0 and j % 2 == 0 else 1)


HYNDMAN_FAN: dict[int, Definition] = {
    1: _type1,
    2: _type2,
    3: _type3,
    4: lambda n, p: _rank(n * p),
    5: lambda n, p: _rank(n * p + Fraction(1, 2)),
    6: lambda n, p: _rank((n + 1) * p),
    7: lambda n, p: _rank((n - 1) * p + 1),
    8: lambda n, p: _rank((n + Fraction(1, 3)) * p + Fraction(1, 3)),
    9: lambda n, p: _rank((n + Fraction(1, 4)) * p + Fraction(3, 8)),
}
"""Rank (from 1) and share of the way to the next one, for n samples and a share p (Hyndman and Fan, 1996, table 1)."""


def quantile(definition: int, sample: Sequence[float], percent: int) -> float:
    """By one of the nine, cut off at the smallest and the largest sample."""
    ordered = sorted(sample)
    j, g = HYNDMAN_FAN[definition](len(ordered), Fraction(percent, 100))
    below = ordered[min(max(j, 1), len(ordered)) - 1]
    above = ordered[min(max(j + 1, 1), len(ordered)) - 1]
    return below + float(g) * (above - below)


def figures(definition: int, sample: Sequence[float], digits: int = 1) -> dict[str, float]:
    """What a right service reports, to 0.1 ms."""
    row = {"min_ms": min(sample), "max_ms": max(sample), "avg_ms": math.fsum(sample) / len(sample)}
    row |= {name: quantile(definition, sample, percent) for name, percent in PERCENTS.items()}
    return {name: round(value, digits) for name, value in row.items()}


latencies = st.lists(
    st.tuples(st.floats(0, 2_000), st.floats(0, 50), st.floats(0, 1)), min_size=1, max_size=260
)  # injected delay, what the client saw more, and how much of that the service measured


def measured(drawn: Sequence[tuple[float, float, float]]) -> tuple[Sandwich, list[float]]:
    """The bounds of each request, and a latency between them."""
    bounds = [Latency(low, low + more) for low, more, _ in drawn]
    return Sandwich(bounds), [low + more * share for low, more, share in drawn]


@given(latencies, st.sampled_from(sorted(HYNDMAN_FAN)), st.integers(1, 4))
def test_every_definition_is_right(drawn: list[tuple[float, float, float]], definition: int, digits: int) -> None:
    """Latencies that lie between their bounds give figures that lie in theirs, by each of the nine definitions."""
    sandwich, sample = measured(drawn)

    assert sandwich.rejected(figures(definition, sample, digits)) == []


@given(latencies, st.sampled_from(sorted(HYNDMAN_FAN)))
def test_a_timer_may_end_early(drawn: list[tuple[float, float, float]], definition: int) -> None:
    """A service whose timers end up to a millisecond early is right."""
    sandwich, sample = measured(drawn)

    assert sandwich.rejected(figures(definition, [value - 0.99 for value in sample], 4), ["p50_ms", "p99_ms"]) == []


@given(st.integers(1, 20_000), st.sampled_from([1, 5, 25, 50, 75, 95, 99]), st.sampled_from(sorted(HYNDMAN_FAN)))
def test_ranks_enclose_every_definition(count: int, percent: int, definition: int) -> None:
    """No definition leaves the two ranks that the sandwich rests on."""
    j, g = HYNDMAN_FAN[definition](count, Fraction(percent, 100))
    first, last = ranks(count, percent)

    position = float(min(max(j + g, Fraction(1)), Fraction(count)))
    assert first <= position <= last


@pytest.mark.parametrize("count", [99, 199, 299])
def test_ranks_are_neighbours(count: int) -> None:
    """With 99, 199, 299 samples all definitions agree on two neighbours, so a rank beside them is wrong."""
    assert [last - first for first, last in (ranks(count, percent) for percent in PERCENTS.values())] == [1, 1, 1]


def spread(seed: int) -> list[float]:
    """199 latencies with a spread tail, as the graded check injects them."""
    dice = random.Random(seed)
    tail = [23, 31, 39, 47, 47, 47, 48, 48, 48, 57, 66, 85]
    sample = [
        *(value + dice.random() for value in [*tail, *[15] * 27, *[3] * 10]),
        *(dice.random() for _ in range(150)),
    ]
    dice.shuffle(sample)
    return sample


def sharp(sample: Sequence[float]) -> Sandwich:
    """Bounds as of a quiet machine: the client sees 1.5 ms more than was injected."""
    sandwich = Sandwich(Latency(value - 0.3, value + 1.2) for value in sample)
    assert sandwich.is_sharp
    return sandwich


def at_rank(share: float, off: int) -> Callable[[Sequence[float]], float]:
    """The element at a rank, so many too far."""
    return lambda sample: sorted(sample)[math.ceil(share * len(sample)) - 1 + off]


WRONG: dict[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "p95, one rank too far": ("p95_ms", at_rank(0.95, 1)),
    "p95, two ranks too early": ("p95_ms", at_rank(0.95, -2)),
    "p99, one rank too far": ("p99_ms", at_rank(0.99, 1)),
    "p99, two ranks too early": ("p99_ms", at_rank(0.99, -2)),
    "mean as p50": ("p50_ms", lambda sample: sum(sample) / len(sample)),
    "median as mean": ("avg_ms", lambda sample: sorted(sample)[len(sample) // 2]),
    "p99 as p95": ("p95_ms", at_rank(0.99, 0)),
    "p95 as p99": ("p99_ms", at_rank(0.95, 0)),
    "maximum as p99": ("p99_ms", max),
    "maximum of the last ten": ("max_ms", lambda sample: max(sorted(sample)[:10])),
    "p95 of the first hundred by size": ("p95_ms", lambda sample: sorted(sample)[:100][94]),
    "in seconds": ("p95_ms", lambda sample: at_rank(0.95, 0)(sample) / 1000),
    "in microseconds": ("p95_ms", lambda sample: at_rank(0.95, 0)(sample) * 1000),
    "zero": ("p95_ms", lambda sample: 0.0),
    "one wall clock hour": ("max_ms", lambda sample: max(sample) + 3_600_000),
    "less than nothing": ("p50_ms", lambda sample: -3_600_000),
}


@pytest.mark.parametrize("sin", WRONG)
@given(seed=st.integers(0, 10_000), definition=st.sampled_from(sorted(HYNDMAN_FAN)))
def test_wrong_figures_are_rejected(sin: str, seed: int, definition: int) -> None:
    """A wrong figure among right ones is rejected, and no other is."""
    sample = spread(seed)
    figure, wrong = WRONG[sin]
    row = figures(definition, sample, 3)

    rejected = sharp(sample).rejected({**row, figure: wrong(sample)})

    assert [figure] == [found.figure for found in rejected]


@given(st.integers(0, 10_000))
def test_unsorted_percentiles_are_rejected(seed: int) -> None:
    """Percentiles of the list as it came are rejected where it ends with quick requests."""
    sample = sorted(spread(seed), reverse=True)
    row = {"p95_ms": sample[math.ceil(0.95 * 199) - 1], "p99_ms": sample[math.ceil(0.99 * 199) - 1]}

    assert [found.figure for found in sharp(sample).rejected(row, row)] == ["p95_ms", "p99_ms"]


@pytest.mark.parametrize(
    ("figure", "reported", "remark"),
    [
        ("p95_ms", 0.0394, "in seconds it would be right"),
        ("p50_ms", 5.6, "avg_ms belongs there"),
        ("p95_ms", 66.0, "p99_ms belongs there"),
        ("p99_ms", 85.5, "max_ms belongs there"),
        ("p95_ms", 500.0, ""),
        ("p95_ms", 0.0, ""),
    ],
)
def test_a_rejection_says_what_the_figure_looks_like(figure: str, reported: float, remark: str) -> None:
    """A figure that would be right elsewhere, or in seconds, is told so."""
    row = {**figures(1, spread(1)), figure: reported}

    assert [remark] == [found.remark for found in sharp(spread(1)).rejected(row)]


def test_where_most_figures_are_wrong_none_is_taken_for_another() -> None:
    """A clock that stands still while a request waits makes all of them small: one that fits elsewhere is chance."""
    sample = spread(1)
    row = {name: value / 20 for name, value in figures(1, sample).items()} | {"max_ms": figures(1, sample)["p50_ms"]}

    rejected = sharp(sample).rejected(row)

    assert len(rejected) > len(FIGURES) / 2
    assert not any(found.remark for found in rejected)


@given(latencies)
def test_a_wider_sandwich_rejects_less(drawn: list[tuple[float, float, float]]) -> None:
    """A client that was delayed itself only widens the intervals."""
    sandwich, _ = measured(drawn)
    wider = Sandwich(Latency(latency.low_ms, latency.high_ms + 7) for latency in sandwich.latencies)

    for name in FIGURES:
        narrow, wide = sandwich.intervals[name], wider.intervals[name]
        assert wide.low_ms <= narrow.low_ms + 1e-9
        assert narrow.high_ms <= wide.high_ms


def test_blurred_bounds_are_not_sharp() -> None:
    """Where the client saw 30 ms more than was injected, neighbouring ranks cannot be told apart."""
    assert not Sandwich(Latency(value, value + 30) for value in spread(1)).is_sharp


def test_too_few_samples_are_not_sharp() -> None:
    """With fewer than 100 samples some definition takes the maximum for the p99."""
    assert not Sandwich(Latency(10.0 * n, 10.0 * n + 1) for n in range(99)).is_sharp
    assert Sandwich([Latency(1, 2)]).is_sharp is False


def test_a_blur_moves_quantiles_only() -> None:
    """With a blur of ten ranks, minimum, maximum and mean stay where they were."""
    bounds = [Latency(10.0 * n, 10.0 * n + 1) for n in range(1, 200)]
    plain, blurred = Sandwich(bounds).intervals, Sandwich(bounds, blur=10).intervals

    assert [plain[name] for name in ("min_ms", "max_ms", "avg_ms")] == [
        blurred[name] for name in ("min_ms", "max_ms", "avg_ms")
    ]
    assert (blurred["p95_ms"].ranks or (0, 0))[:1] + (blurred["p99_ms"].ranks or (0, 0))[1:] == (179, 199)


@pytest.mark.parametrize(
    ("reported", "is_right"), [(8.94, False), (8.951, True), (10.0, True), (12.05, True), (12.06, False)]
)
def test_an_interval_allows_resolution_and_rounding(reported: float, is_right: bool) -> None:
    """1 ms below for timer resolution, half of 0.1 ms on both sides, and nothing else."""
    assert is_right is Interval(10.0, 12.0).holds(reported)


def test_an_interval_says_where_a_figure_lies() -> None:
    """It reads on after the figure's name; where only one value is right, it says so."""
    assert str(Interval(-0.2, 12.04)) == "from 0.0 to 12.0 ms"
    assert str(ExactInterval(3.0, 12.0)) == "from 3.0 to 12.0 ms"
    assert str(ExactInterval(0.0, 0.01)) == "exactly 0.0 ms"


def test_intervals_grow_with_the_percentage() -> None:
    """p50, p95, p99 and the maximum follow one another."""
    at = sharp(spread(3)).intervals

    assert all(a.high_ms <= b.high_ms for a, b in pairwise(at[n] for n in ("p50_ms", "p95_ms", "p99_ms", "max_ms")))
