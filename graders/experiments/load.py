"""Load for the experiments, bounded in time: users who wait for their answer, or arrivals that wait for nobody."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graders.measuring.wire import Connection, Request
from graders.running.program import Program

LATE_S = 15.0
HOST = "127.0.0.1"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Served:
    """One request: when it was due, how long until its answer (from then on), and the status; in seconds."""

    due_s: float
    latency_s: float | None
    status: int | None


async def closed_loop(program: Program, path: str, users: int, for_s: float, *, fresh: bool) -> list[Served]:
    """Users who send one request after another for so many seconds, each on its connection or on fresh ones."""
    data = Request("POST", path, {}).encoded(HOST)
    began = time.monotonic()
    served: list[Served] = []

    async def user() -> None:
        line: Connection | None = None
        while time.monotonic() - began < for_s:
            due_s = time.monotonic() - began
            if line is None or fresh:
                line = await program.connect()
            served.append(await _ask(line, data, began, due_s))
            if fresh:
                line.close()
        if line is not None:
            line.close()

    await asyncio.gather(*(user() for _ in range(users)))
    return served


async def open_loop(program: Program, path: str, per_s: float, for_s: float) -> list[Served]:
    """Requests that come at a fixed rate, whether or not earlier ones were answered."""
    data = Request("POST", path, {}).encoded(HOST)
    count = round(per_s * for_s)
    lines = [await program.connect() for _ in range(count)]
    began = time.monotonic()

    async def one(at: int) -> Served:
        due_s = at / per_s
        await asyncio.sleep(max(0.0, began + due_s - time.monotonic()))
        return await _ask(lines[at], data, began, due_s)

    served = await asyncio.gather(*(one(at) for at in range(count)))
    for line in lines:
        line.close()
    return list(served)


async def _ask(line: Connection, data: bytes, began: float, due_s: float) -> Served:
    try:
        async with asyncio.timeout(LATE_S):
            await line.send(data)
    except TimeoutError:
        return Served(due_s, None, None)
    status, _, _ = line.answer()
    return Served(due_s, None if line.done is None else line.done - began - due_s, status)


def percentile_ms(served: Sequence[Served], percent: int) -> float:
    """A percentile of the latencies, in milliseconds; 0 where nothing was answered."""
    latencies = [1000 * one.latency_s for one in served if one.latency_s is not None]
    if len(latencies) < 2:
        return latencies[0] if latencies else 0.0
    return statistics.quantiles(latencies, n=100, method="inclusive")[percent - 1]
