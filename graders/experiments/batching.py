"""Experiment 4c: the same crowd at a model that takes 1, 4, 16 or 32 items in one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from graders.expect import Picture
from graders.experiments.load import HERE, Served, closed_loop, percentile_ms
from graders.experiments.shape import Tell
from graders.measuring.tuning_pictures import Rate, Rates
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.submission import Submission

SIZES = (1, 4, 16, 32)
USERS = 32
FOR_S = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of batches of at most `size` items."""

    size: int
    per_s: float
    p50_ms: float
    p95_ms: float
    items: float


async def measure(launcher: Launcher, tell: Tell) -> AsyncGenerator[Measured, None]:
    """A row for each size, as it is measured: 32 users for 2 s. Services that nobody asks stand idle meanwhile."""
    programs = {
        size: Program(
            launcher,
            Submission.at(HERE / "one_service"),
            {"WEB_CONCURRENCY": "1", "BATCH_SIZE": str(size)},
        )
        for size in SIZES
    }
    try:
        tell(f"starting {len(programs)} services")
        await asyncio.gather(*(program.ready() for program in programs.values()))
        for size, program in programs.items():
            tell(f"at most {size} in a call: {USERS} users for {FOR_S:g} s")
            mark = program.model_log.mark()
            served = await closed_loop(program, "/batched", USERS, FOR_S, fresh=False)
            yield _measured(size, served, [call.items for call in program.model_log.since(mark, "infer_batch")])
    finally:
        await asyncio.gather(*(program.end() for program in programs.values()))


def _measured(size: int, served: Sequence[Served], items: Sequence[int]) -> Measured:
    lasted_s = max(one.due_s + (one.latency_s or 0.0) for one in served)
    answered = [one for one in served if one.status == 200]
    return Measured(
        size,
        round(len(answered) / lasted_s, 1),
        round(percentile_ms(answered, 50), 1),
        round(percentile_ms(answered, 95), 1),
        round(sum(items) / max(1, len(items)), 1),
    )


def per_s(rows: Sequence[Measured], size: int) -> float | None:
    """The throughput at one size, once it is measured."""
    return next((row.per_s for row in rows if row.size == size), None)


def pictures(rows: Sequence[Measured]) -> list[Picture]:
    """Throughput and latency, a row for each size."""
    drawn = (Rate(f"{r.size} at most", r.per_s, r.p50_ms, r.p95_ms, f"{r.items:.1f} items a call") for r in rows)
    return [Rates("batch", tuple(drawn))]


def says(rows: Sequence[Measured]) -> str:
    """What the largest batches changed for everybody."""
    one, most = rows[0], rows[-1]
    ratio = most.per_s / max(one.per_s, 0.1)
    went = "fell" if most.p50_ms < one.p50_ms else "rose"
    text = (
        f"With {most.items:.0f} items a call instead of {one.items:.0f}, the throughput was {ratio:.1f} times as high "
        f"and the median latency {went} from {one.p50_ms:.0f} to {most.p50_ms:.0f} ms"
    )
    if ratio > 1 and went == "fell":
        return f"{text}: under load, the wait for company is shorter than the line that it does away with."
    return f"{text}: here batches did not pay. Measure again when the machine is less busy."
