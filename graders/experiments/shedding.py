"""Experiment 4b: from half to twice as many requests as a service can do, with a queue and with a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from graders.expect import Picture
from graders.experiments.load import HERE, Served, open_loop, percentile_ms
from graders.experiments.shape import Tell
from graders.measuring.goodput import Goodput, Offered
from graders.measuring.objective import P95_OBJECTIVE_MS
from graders.measuring.tuning_pictures import Curve, Curves
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.submission import Submission

CAPACITY_PER_S = 40.0
"""Four places, 0.1 s each."""

LOADS_PER_S = (20.0, 40.0, 60.0, 80.0)
FOR_S = 2.0
GOOD_S = P95_OBJECTIVE_MS / 1000
"""The objective of lesson 3."""

QUEUE, LIMIT = "no limit: everybody waits", "MAX_CONCURRENCY=4: the surplus gets 503"
SETTINGS = {QUEUE: "", LIMIT: "4"}
SHED = 503


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of the requests of one rate in one setting."""

    setting: str
    per_s: float
    served: tuple[Served, ...]

    @property
    def accepted(self) -> list[Served]:
        """Those that were answered with a prediction."""
        return [one for one in self.served if one.status == 200 and one.latency_s is not None]

    @property
    def good(self) -> int:
        """How many of them in time."""
        return sum((one.latency_s or 0.0) <= GOOD_S for one in self.accepted)

    @property
    def slowest_s(self) -> float | None:
        """How long the slowest of the accepted waited."""
        return max((one.latency_s or 0.0 for one in self.accepted), default=None)


async def measure(launcher: Launcher, tell: Tell) -> AsyncGenerator[Measured, None]:
    """Both settings at each rate, both at the same time: a service that waits leaves the other all the processor."""
    programs = [
        Program(
            launcher,
            Submission.at(HERE / "one_service"),
            {"WEB_CONCURRENCY": "1", **({"MAX_CONCURRENCY": limit} if limit else {})},
        )
        for limit in SETTINGS.values()
    ]
    try:
        tell("starting two services")
        await asyncio.gather(*(program.ready() for program in programs))
        for per_s in LOADS_PER_S:
            tell(f"{per_s:g} requests a second for {FOR_S:g} s, without a limit and with one")
            found = await asyncio.gather(*(open_loop(program, "/device", per_s, FOR_S) for program in programs))
            for setting, served in zip(SETTINGS, found, strict=True):
                yield Measured(setting, per_s, tuple(served))
    finally:
        await asyncio.gather(*(program.end() for program in programs))


def at_most(parts: Sequence[Measured], setting: str) -> Measured | None:
    """What the highest rate came to in one setting, once it is measured."""
    return next((part for part in parts if part.setting == setting and part.per_s == LOADS_PER_S[-1]), None)


def slowest_s(parts: Sequence[Measured], setting: str) -> float | None:
    """How long the slowest of the accepted waited at the highest rate."""
    return most.slowest_s if (most := at_most(parts, setting)) else None


def pictures(parts: Sequence[Measured]) -> list[Picture]:
    """Who waited how long at the highest rate; then every rate, by what came in time of it."""
    highest = [most for setting in SETTINGS if (most := at_most(parts, setting))]
    x = f"s, when the request came; {LOADS_PER_S[-1]:g} a second"
    return [
        Curves(x, "seconds until its answer", "turned away at once with 503", tuple(_curve(part) for part in highest)),
        Goodput(
            GOOD_S,
            tuple((name, tuple(_offered(part) for part in parts if part.setting == name)) for name in SETTINGS),
        ),
    ]


def _curve(part: Measured) -> Curve:
    def latency_s(one: Served) -> float | None:
        return round(one.latency_s, 4) if one.status == 200 and one.latency_s is not None else None

    return Curve(part.setting, tuple((round(one.due_s, 3), latency_s(one)) for one in part.served))


def _offered(part: Measured) -> Offered:
    p95_s = percentile_ms(part.accepted, 95) / 1000 if part.accepted else None
    shed = sum(one.status == SHED for one in part.served)
    return Offered(part.per_s, part.good / FOR_S, p95_s, shed / max(1, len(part.served)))


def says(parts: Sequence[Measured]) -> str:
    """What the limit changed at the highest rate."""
    queue, limit = at_most(parts, QUEUE), at_most(parts, LIMIT)
    assert queue is not None and limit is not None
    text = (
        f"At {queue.per_s:g} a second, where {CAPACITY_PER_S:g} can be done, {queue.good} of {len(queue.served)} were "
        f"answered within {GOOD_S:g} s without a limit and {limit.good} with one"
    )
    waits = [f"{most.slowest_s:.2f} s" for most in (queue, limit) if most.slowest_s is not None]
    text += f"; the slowest of the accepted waited {' and '.join(waits)}"
    if limit.good > queue.good:
        return f"{text}: who says no to some serves the others, who says no to nobody serves nobody well."
    return f"{text}: on this machine the limit did not help, so something else was short. Measure again."
