"""Experiment 4a: the same CPU-bound load at one worker, at two, and at one for each core."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from graders.experiments.load import closed_loop, percentile_ms
from graders.grading import usable_cores
from graders.measuring.tuning_pictures import Rate, Rates
from graders.reporting import bars
from graders.reporting.rates import rates
from graders.running import processes
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.running.tuning.answering import settled
from graders.submission import Submission

FOLDER = Path(__file__).with_name("one_service")
USERS = 8
FOR_S = 2.5


async def measure(launcher: Launcher, counts: tuple[int, ...] | None = None) -> AsyncGenerator[Rate, None]:
    """A row for each number of workers, as it is measured: 8 users on fresh connections, 2.5 s each."""
    for count in counts or sorted({1, 2, usable_cores()}):
        program = Program(launcher, Submission.at(FOLDER), {"WEB_CONCURRENCY": str(count)})
        try:
            await program.ready()
            await settled(program)
            before = processes.cpu_s(program.processes())
            served = await closed_loop(program, "/compute", USERS, FOR_S, fresh=True)
            spent = processes.shares(before, processes.cpu_s(program.processes()))
        finally:
            await program.end()
        lasted_s = max(one.due_s + (one.latency_s or 0.0) for one in served)
        answered = [one for one in served if one.status == 200]
        yield Rate(
            "1 worker" if count == 1 else f"{count} workers",
            round(len(answered) / lasted_s, 1),
            round(percentile_ms(answered, 50), 1),
            round(percentile_ms(answered, 95), 1),
            f"{sum(spent.values()) / lasted_s:.1f} cores busy",
        )


def draw(rows: tuple[Rate, ...], width: int = 84, is_plain: bool = False) -> list[str]:
    """The rows in lines of text."""
    return rates(Rates("", rows), width, bars.ASCII if is_plain else bars.PRETTY)
