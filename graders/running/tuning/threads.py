"""Bursts at a plain `def` handler, with a look at how many threads the process takes for them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.measuring.timeline import Timeline
from graders.measuring.wire import Request
from graders.running import processes

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

PATH = "/predict/sync"
LIMIT_S = 6.0
LOOK_EVERY_S = 0.01
BEHIND_S = (0.03, 0.05)


@dataclass(frozen=True, slots=True)
class Threaded:
    """A burst, and how many threads more than before its process had at most.

    More than 40 new ones prove a pool that is wider than the default, however slow the machine was. Few new ones
    prove a narrow pool if all requests `were_waiting`: questions that were sent behind them had been answered before
    the first of them was, so that a free thread would have taken any of them.
    """

    timeline: Timeline
    new_threads: int
    were_waiting: bool


async def threaded_burst(program: Program, payloads: Payloads, count: int) -> Threaded:
    """Send `count` predictions at once; raises `Unmet` where one is not answered 200."""
    await program.ready()
    pids = [process.pid for process in program.processes()]
    before = {pid: program.threads_at_first(pid) for pid in pids}
    most = 0
    is_over = asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not is_over.is_set():
            most = max([most, *(processes.threads(pid) - before[pid] for pid in pids)])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), LOOK_EVERY_S)

    watching = asyncio.create_task(watch())
    printed = program.printed_so_far()
    behind = [Request("GET", "/health", at_s=at_s) for at_s in BEHIND_S]
    try:
        whole = await program.burst([*payloads.predictions(count, PATH), *behind], LIMIT_S)
    finally:
        is_over.set()
        await watching
    timeline = whole.only(f"POST {PATH}")
    for answer in timeline.answers:
        if answer.error is not None:
            raise await program.broken(f"sent {count} {answer.label}", answer.error)
        if answer.status is not None and answer.status != 200:
            raise program.wrong(answer, since=printed)
    most = max([most, *(processes.threads(pid) - before[pid] for pid in pids)])  # idle threads stay for a while
    first_s = min((a.done_s for a in timeline.answers if a.done_s is not None), default=0.0)
    asked_s = [answer.done_s for answer in whole.only("GET /health").answers]
    return Threaded(timeline, most, all(done_s is not None and done_s < first_s for done_s in asked_s))
