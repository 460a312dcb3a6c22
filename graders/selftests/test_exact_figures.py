"""Exercise 2 in exact time: what a service reports must be what its requests took, to the microsecond, every time."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.curriculum import LAB
from graders.exact.traffic import ExactTraffic, Plan, Planned, at_moments, exact_traffic, in_turn
from graders.measuring.exactly import ExactSandwich
from graders.measuring.quantiles import HYNDMAN_FAN, positions, value_at
from graders.measuring.sandwich import PERCENTS, Latency
from graders.running.asking import delay, pipeline, staged, tick
from graders.running.launcher import Launcher
from graders.selftests.corpus import compose, overlay
from graders.submission import Submission

TIMES = 20
ROW = "GET /_lab/delay"
DELAYS_MS = [*range(1, 91), 100, 130, 160, 200, 250, 300, 400, 450, 500]
"""99 samples: by every definition the p95 lies between ranks 94 and 95, 200 and 250 ms."""
random.Random(11).shuffle(DELAYS_MS)
MEAN_MS = round(math.fsum(DELAYS_MS) / len(DELAYS_MS), 3)

SINS: dict[str, dict[str, float]] = {
    "p95_and_p99_swapped": {"p95_ms": 500, "p99_ms": 250},
    "off_by_one_rank": {"p50_ms": 51, "p95_ms": 300},
    "mean_as_median": {"p50_ms": MEAN_MS},
    "percentiles_of_the_unsorted": {"p50_ms": DELAYS_MS[49], "p95_ms": DELAYS_MS[94], "p99_ms": DELAYS_MS[98]},
}
"""Sin to the figures that it must spoil, and to what it must come to, in ms."""
RIGHT = {"min_ms": 1, "max_ms": 500, "avg_ms": MEAN_MS, "p50_ms": 50, "p95_ms": 250, "p99_ms": 500}


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """One warm process for all runs."""
    with Launcher() as launcher:
        yield launcher


def submission(folder: Path, sin: str | None = None) -> Submission:
    """The reference of exercise 2, with a sin."""
    compose(2, folder)
    if sin is not None:
        overlay(LAB / "graders" / "selftests" / "wrong" / f"exercise2_{sin}", folder)
    return Submission.at(folder)


async def judged(launcher: Launcher, of: Submission, plan: Plan, **env: str) -> ExactTraffic:
    """One run, which can be judged."""
    found = await exact_traffic(launcher, of, plan, env)
    assert isinstance(found, ExactTraffic), found
    return found


@pytest.mark.parametrize("sin", [None, *SINS], ids=lambda sin: sin or "reference")
async def test_figures(launcher: Launcher, tmp_path: Path, sin: str | None) -> None:
    """Figures come out the same every time: right ones are taken, wrong ones are rejected for what they are."""
    of = submission(tmp_path / "submission", sin)
    seen: list[Any] = []
    for _ in range(TIMES):
        found = await judged(launcher, of, in_turn(map(delay, DELAYS_MS)))
        row, sandwich = found.told["routes"][ROW], found.sandwich(ROW)
        latencies_ms = [latency.high_ms for latency in sandwich.latencies]
        assert latencies_ms == pytest.approx(DELAYS_MS, abs=0.001)
        seen.append((row, [rejected.figure for rejected in sandwich.rejected(row)]))

    row, rejected = seen[0]
    spoilt = SINS[sin] if sin else {}
    assert all(each == seen[0] for each in seen)
    assert {name: row[name] for name in RIGHT} == pytest.approx({**RIGHT, **spoilt}, abs=0.001)
    assert set(rejected) == set(spoilt)


@pytest.mark.parametrize(
    "sin", [None, "start_time_on_self", "start_time_in_a_global"], ids=lambda sin: sin or "reference"
)
async def test_figures_of_overlapping_requests(launcher: Launcher, tmp_path: Path, sin: str | None) -> None:
    """Each request has its own time, however many are in flight; a clock that they share gives another one."""
    of = submission(tmp_path / "submission", sin)
    longest_first = [(0.01 * n, delay(500 - 20 * n)) for n in range(20)]
    wanted = [500 - 20 * n for n in range(20)]
    for _ in range(TIMES):
        found = await judged(launcher, of, at_moments(longest_first))
        row = found.told["routes"][ROW]
        assert [latency.high_ms for latency in found.sandwich(ROW).latencies] == pytest.approx(wanted, abs=0.001)
        if sin is None:
            assert (row["min_ms"], row["max_ms"], row["avg_ms"]) == pytest.approx((120, 500, 310), abs=0.001)
            assert found.sandwich(ROW).rejected(row) == []
        else:
            assert row["max_ms"] == pytest.approx(310, abs=0.001)  # since the last one began
            assert {"max_ms", "avg_ms"} <= {rejected.figure for rejected in found.sandwich(ROW).rejected(row)}


async def test_a_request_follows_another(launcher: Launcher, tmp_path: Path) -> None:
    """A request may wait for the answer to another one: stages that overlap are told to the millisecond."""
    of = submission(tmp_path / "submission")
    plan = [
        Planned(pipeline((10, 15, 120))),
        Planned(staged(0.1, 0.2), after=0),
        Planned(pipeline((20, 40, 5), after_readings=3), after=0),
        Planned(staged(0.3, 0.4), after=2),
        Planned(tick(), at_s=0.5),
    ]
    for _ in range(TIMES):
        found = await judged(launcher, of, plan)
        first, second, last = (found.exchanges[place] for place in (1, 3, 4))
        assert first.done_s == pytest.approx(0.145, abs=1e-6)
        assert second.done_s - second.sent_s == pytest.approx(0.065, abs=1e-6)
        assert second.sent_s >= 0.025 and last.sent_s == 0.5
        assert first.header("server-timing") == (
            "preprocess;dur=10.000, infer;dur=15.000, postprocess;dur=120.000, app;dur=145.000"
        )


def test_launchers_are_shared(launcher: Launcher, tmp_path: Path) -> None:
    """Two runs at once do not disturb each other."""

    async def both() -> list[ExactTraffic]:
        of = submission(tmp_path / "submission")
        return list(await asyncio.gather(*(judged(launcher, of, in_turn([delay(7), delay(9)])) for _ in range(2))))

    one, other = asyncio.run(both())
    assert one.told["max_ms"] == other.told["max_ms"] == pytest.approx(9, abs=0.001)


# --- arithmetic ------------------------------------------------------------------------------------------------------

samples = st.lists(st.integers(0, 50_000).map(lambda n: n / 10), min_size=1, max_size=260)


@given(samples, st.sampled_from(sorted(HYNDMAN_FAN)))
def test_every_definition_is_right(sample: list[float], definition: int) -> None:
    """The nine definitions, cut off at the smallest and the largest sample and rounded to 0.1 ms, always pass."""
    ordered, row = sorted(sample), {}
    for name, percent in PERCENTS.items():
        rank, share = HYNDMAN_FAN[definition](len(ordered), Fraction(percent, 100))
        below = ordered[min(max(rank, 1), len(ordered)) - 1]
        above = ordered[min(max(rank + 1, 1), len(ordered)) - 1]
        row[name] = round(below + float(share) * (above - below), 1)

    assert ExactSandwich([Latency(ms, ms) for ms in sample]).rejected(row, PERCENTS) == []


@given(samples, st.sampled_from([50, 95, 99]), st.floats(-0.4, 0.4))
def test_nothing_but_a_definition_is_right(sample: list[float], percent: int, off_ms: float) -> None:
    """A figure that no standard definition gives is rejected, also between its neighbours."""
    ordered = sorted(sample)
    values = [value_at(ordered, at) for at in positions(len(ordered), percent)]
    reported = {f"p{percent}_ms": values[0] + off_ms}
    is_near = any(abs(value - values[0] - off_ms) <= 0.0501 for value in values)

    rejected = ExactSandwich([Latency(ms, ms) for ms in sample]).rejected(reported, [f"p{percent}_ms"])

    assert is_near or rejected != []
