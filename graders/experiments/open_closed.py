"""Experiment 3: the same service, the same stall, seen by a closed and by an open load test side by side."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from graders.experiments.shape import Tell
from graders.measuring.objective import P95_OBJECTIVE_MS
from graders.measuring.open_closed import Asked, OpenClosed, percentile
from graders.measuring.wire import Connection, Request, connect
from graders.running.launcher import Launcher
from graders.running.zoo import FAST_S
from graders.running.zoo_service import ZooService

RATE_RPS = 100
USERS = 3
THINK_S = USERS / RATE_RPS - FAST_S  # so that the users ask for as much as the open load does, while all is well
LASTS_S = 6.0
STALL_AFTER_S = 2.0
STALL_S = 1.0


async def measure(launcher: Launcher, tell: Tell) -> AsyncGenerator[OpenClosed, None]:
    """Run both loads against one service, one after the other; it stalls once for a second in each."""
    service = ZooService(launcher, "StallsOnDemand")
    try:
        await service.start()
        tell(f"the closed load: {USERS} users for {LASTS_S:g} s")
        closed = await _with_a_stall(service.port, _closed)
        tell(f"the open load: {RATE_RPS} requests a second for {LASTS_S:g} s")
        yield OpenClosed(USERS, RATE_RPS, LASTS_S, closed, await _with_a_stall(service.port, _open))
    finally:
        await service.end()


def p99_ms(seen: Sequence[OpenClosed], kind: str) -> float | None:
    """The p99 that the closed or the open load reports, once it is measured."""
    return percentile(seen[0].closed_ms if kind == "closed" else seen[0].open_ms, 99) if seen else None


def says(seen: Sequence[OpenClosed]) -> str:
    """What each load makes of the same second."""
    closed, opened = seen[0].closed_ms, seen[0].open_ms
    slow = [sum(latency_ms > P95_OBJECTIVE_MS for latency_ms in found) for found in (closed, opened)]
    text = (
        f"The same stall of {STALL_S:g} s: the closed load reports a p99 of {percentile(closed, 99):.0f} ms and "
        f"{slow[0]} of {len(closed)} answers above {P95_OBJECTIVE_MS:.0f} ms, "
        f"the open one {percentile(opened, 99):.0f} ms and {slow[1]} of {len(opened)}"
    )
    if slow[1] > slow[0]:
        return f"{text}: users who wait do not send what would have been slow."
    return f"{text}: here both saw it alike, so the machine was slow at other times too. Measure again."


Load = Callable[[int, float], Awaitable[list[Asked]]]


async def _with_a_stall(port: int, load: Load) -> tuple[Asked, ...]:
    (connection,) = await connect(port, 1)
    stall = Request("POST", "/stall", {"after_s": STALL_AFTER_S, "for_s": STALL_S})
    await connection.send(stall.encoded("127.0.0.1"))
    connection.close()
    return tuple(await load(port, time.monotonic()))


async def _closed(port: int, began: float) -> list[Asked]:
    """Users who send, wait for the answer, think, and send again: while the service stalls, nobody sends."""
    connections = await connect(port, USERS)
    found: list[Asked] = []

    async def user(number: int) -> None:
        due = began + number * THINK_S / USERS
        while due < began + LASTS_S:
            await _until(due)
            found.append(await _ask(connections[number], began, due))
            due = time.monotonic() + THINK_S

    await asyncio.gather(*(user(number) for number in range(USERS)))
    _close(connections)
    return found


async def _open(port: int, began: float) -> list[Asked]:
    """Requests that come when they are due, whatever became of those before: as from people who do not know of it."""
    most = math.ceil(RATE_RPS * (STALL_S + 0.5))
    connections = list(await connect(port, most))
    free = list(connections)
    found: list[Asked] = []

    async def request(number: int) -> None:
        due = began + number / RATE_RPS
        await _until(due)
        connection = free.pop()
        found.append(await _ask(connection, began, due))
        free.append(connection)

    await asyncio.gather(*(request(number) for number in range(round(LASTS_S * RATE_RPS))))
    _close(connections)
    return sorted(found, key=lambda asked: asked.due_s)


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def _ask(connection: Connection, began: float, due: float) -> Asked:
    predict = Request("POST", "/predict", {"feature_1": 1.0, "feature_2": 2.0}).encoded("127.0.0.1")
    sent = time.monotonic()
    await connection.send(predict)
    if connection.error is not None:
        raise ConnectionError(f"the experiment's own service gave no answer: {connection.error}")
    return Asked(due - began, sent - began, time.monotonic() - began)


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.close()
