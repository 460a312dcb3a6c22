"""Experiment 3: the same service, the same stall, seen by a closed and by an open load test side by side."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
BINS = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """One request, in seconds since the load began: when it was due, when it was sent and when it was answered."""

    due_s: float
    sent_s: float
    done_s: float

    @property
    def measured_ms(self) -> float:
        """The latency from the moment of sending: what most load tests report."""
        return 1000 * (self.done_s - self.sent_s)

    @property
    def waited_ms(self) -> float:
        """The latency from the moment at which it was due: what somebody waited."""
        return 1000 * (self.done_s - self.due_s)


@dataclass(frozen=True, slots=True)
class OpenClosed:
    """What both kinds of load saw; the closed one is judged by what it measured, the open one by what was due."""

    closed: tuple[Sample, ...]
    open: tuple[Sample, ...]

    @property
    def closed_ms(self) -> list[float]:
        """The latencies that the closed load reports."""
        return [sample.measured_ms for sample in self.closed]

    @property
    def open_ms(self) -> list[float]:
        """The latencies that the open load reports."""
        return [sample.waited_ms for sample in self.open]

    def to_json(self) -> dict[str, Any]:
        """Both, as numbers for a page: [due, sent, done] in seconds."""
        return {
            "kind": "open_closed",
            **{
                name: [[round(s.due_s, 4), round(s.sent_s, 4), round(s.done_s, 4)] for s in samples]
                for name, samples in (("closed", self.closed), ("open", self.open))
            },
        }


async def measure(launcher: Launcher) -> OpenClosed:
    """Run both loads against one service, one after the other; it stalls once for a second in each. Takes 13 s."""
    service = ZooService(launcher, "StallsOnDemand")
    try:
        await service.start()
        return OpenClosed(await _with_a_stall(service.port, _closed), await _with_a_stall(service.port, _open))
    finally:
        await service.end()


Load = Callable[[int, float], Awaitable[list[Sample]]]


async def _with_a_stall(port: int, load: Load) -> tuple[Sample, ...]:
    (connection,) = await connect(port, 1)
    stall = Request("POST", "/stall", {"after_s": STALL_AFTER_S, "for_s": STALL_S})
    await connection.send(stall.encoded("127.0.0.1"))
    connection.close()
    return tuple(await load(port, time.monotonic()))


async def _closed(port: int, began: float) -> list[Sample]:
    """Users who send, wait for the answer, think, and send again: while the service stalls, nobody sends."""
    connections = await connect(port, USERS)
    found: list[Sample] = []

    async def user(number: int) -> None:
        due = began + number * THINK_S / USERS
        while due < began + LASTS_S:
            await _until(due)
            found.append(await _ask(connections[number], began, due))
            due = time.monotonic() + THINK_S

    await asyncio.gather(*(user(number) for number in range(USERS)))
    _close(connections)
    return found


async def _open(port: int, began: float) -> list[Sample]:
    """Requests that come when they are due, whatever became of those before: as from people who do not know of it."""
    most = math.ceil(RATE_RPS * (STALL_S + 0.5))
    connections = list(await connect(port, most))
    free = list(connections)
    found: list[Sample] = []

    async def request(number: int) -> None:
        due = began + number / RATE_RPS
        await _until(due)
        connection = free.pop()
        found.append(await _ask(connection, began, due))
        free.append(connection)

    await asyncio.gather(*(request(number) for number in range(round(LASTS_S * RATE_RPS))))
    _close(connections)
    return sorted(found, key=lambda sample: sample.due_s)


async def _until(moment: float) -> None:
    loop = asyncio.get_running_loop()
    due: asyncio.Future[None] = loop.create_future()
    loop.call_later(max(0.0, moment - time.monotonic()), due.set_result, None)
    await due


async def _ask(connection: Connection, began: float, due: float) -> Sample:
    predict = Request("POST", "/predict", {"feature_1": 1.0, "feature_2": 2.0}).encoded("127.0.0.1")
    sent = time.monotonic()
    await connection.send(predict)
    if connection.error is not None:
        raise ConnectionError(f"the experiment's own service gave no answer: {connection.error}")
    return Sample(due - began, sent - began, time.monotonic() - began)


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.close()


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def draw(result: OpenClosed, width: int = 84, is_plain: bool = False) -> list[str]:
    """Both latency curves, over time and by percentile, in lines of at most `width` characters."""
    levels, bar = (" .:-=+*#%@", "#") if is_plain else (" ▁▂▃▄▅▆▇█", "█")
    bins = max(20, min(BINS, width - 16))
    top = max(*result.closed_ms, *result.open_ms)
    closed = [(s.sent_s, s.measured_ms) for s in result.closed]
    opened = [(s.due_s, s.waited_ms) for s in result.open]
    lines = [
        f"closed: {USERS} users who wait for their answers, {len(closed)} requests",
        f"open:   {RATE_RPS} requests a second, whatever happens, {len(opened)} requests",
        "",
        f"{'':8}the slowest answer to what was sent then; a gap: nothing was sent",
        f"{'closed':8}{_over_time(closed, bins, top, levels)}",
        f"{'open':8}{_over_time(opened, bins, top, levels)}",
        f"{'':8}{_axis(bins)}",
        "",
    ]
    columns = max(10, (width - 32) // 2)
    lines.append(f"{'ms':8}{'closed':<{columns + 10}}open")
    for percent in (*PERCENTILES, 100.0):
        name = "max" if percent == 100 else f"p{percent:g}"
        parts = []
        for values in (result.closed_ms, result.open_ms):
            value = percentile(values, percent)
            parts.append(f"{value:>6.0f} {bar * max(1, round(columns * value / top)):<{columns + 3}}")
        lines.append(f"{name:8}{''.join(parts)}".rstrip())
    return lines


def _over_time(samples: Sequence[tuple[float, float]], bins: int, top: float, levels: str) -> str:
    found: list[list[float]] = [[] for _ in range(bins)]
    for at_s, latency_ms in samples:
        found[min(bins - 1, int(at_s / LASTS_S * bins))].append(latency_ms)
    steps = len(levels) - 1
    return "".join(levels[max(1, math.ceil(steps * max(inside) / top))] if inside else levels[0] for inside in found)


def _axis(bins: int) -> str:
    marks = [" "] * (bins + 4)
    for second in range(int(LASTS_S) + 1):
        text = f"{second} s" if second == int(LASTS_S) else f"{second}"
        at = round(second / LASTS_S * bins)
        marks[at : at + len(text)] = list(text)
    return "".join(marks).rstrip()
