"""Experiment 4b: twice as many requests as a service can do, with a queue and with a limit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from graders.experiments.load import Served, open_loop
from graders.measuring.tuning_pictures import Curve, Curves
from graders.reporting import bars
from graders.reporting.curves import curves
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.submission import Submission

FOLDER = Path(__file__).with_name("one_service")
CAPACITY_PER_S = 40.0
"""Four places, 0.1 s each."""

ARRIVALS_PER_S = 80.0
FOR_S = 3.0
CASES = (("no limit: everybody waits", ""), ("MAX_CONCURRENCY=4: the surplus gets 503", "4"))


async def measure(launcher: Launcher) -> AsyncGenerator[tuple[Curve, list[Served]], None]:
    """Both curves, as they are measured: when a request came, how long it took; no time where it was turned away."""
    for name, limit in CASES:
        settings = {"WEB_CONCURRENCY": "1", **({"MAX_CONCURRENCY": limit} if limit else {})}
        program = Program(launcher, Submission.at(FOLDER), settings)
        try:
            await program.ready()
            served = await open_loop(program, "/device", ARRIVALS_PER_S, FOR_S)
        finally:
            await program.end()
        points = tuple(
            (round(one.due_s, 3), round(one.latency_s, 4) if one.status == 200 and one.latency_s is not None else None)
            for one in served
        )
        yield Curve(name, points), served


def draw(found: tuple[Curve, ...], width: int = 84, is_plain: bool = False) -> list[str]:
    """Both curves on the same scale, in lines of text."""
    picture = Curves("s, when the request came", "seconds until its answer", "turned away at once with 503", found)
    return curves(picture, width, bars.ASCII if is_plain else bars.PRETTY)
