"""Experiment 4c: the same crowd at a model that takes 1, 4, 16 or 32 items in one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from graders.experiments.load import closed_loop, percentile_ms
from graders.measuring.tuning_pictures import Rate, Rates
from graders.reporting import bars
from graders.reporting.rates import rates
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.submission import Submission

FOLDER = Path(__file__).with_name("one_service")
SIZES = (1, 4, 16, 32)
USERS = 32
FOR_S = 2.0


async def measure(launcher: Launcher, sizes: tuple[int, ...] = SIZES) -> AsyncGenerator[Rate, None]:
    """A row for each size, as it is measured: 32 users for 2 s."""
    for size in sizes:
        program = Program(launcher, Submission.at(FOLDER), {"WEB_CONCURRENCY": "1", "BATCH_SIZE": str(size)})
        try:
            await program.ready()
            mark = program.model_log.mark()
            served = await closed_loop(program, "/batched", USERS, FOR_S, fresh=False)
            calls = program.model_log.since(mark, "infer_batch")
        finally:
            await program.end()
        lasted_s = max(one.due_s + (one.latency_s or 0.0) for one in served)
        answered = [one for one in served if one.status == 200]
        items = sum(call.items for call in calls) / max(1, len(calls))
        yield Rate(
            f"{size} at most",
            round(len(answered) / lasted_s, 1),
            round(percentile_ms(answered, 50), 1),
            round(percentile_ms(answered, 95), 1),
            f"{items:.1f} items a call",
        )


def draw(rows: tuple[Rate, ...], width: int = 84, is_plain: bool = False) -> list[str]:
    """The rows in lines of text."""
    return rates(Rates("batch", rows), width, bars.ASCII if is_plain else bars.PRETTY)
