"""Requests to one service, kept in a ledger, and what the service says about them: its metrics and its request log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from graders.expect import Unmet
from graders.files import read_regular
from graders.measuring.ledger import Exchange, Waited, is_credible, latencies
from graders.measuring.metrics import shape_trouble
from graders.measuring.request_log import request_lines
from graders.measuring.sandwich import Interval, Latency, Sandwich
from graders.measuring.timeline import Answer
from graders.measuring.wire import Connection
from graders.running.asking import STDOUT, Ask
from graders.running.contest import wrong_status
from graders.running.service import Service

LIMIT_S = 3.0
SETTLE_S = 1.0
"""A figure may be read a second after the traffic (contract)."""
LOOK_EVERY_S = 0.05
MAX_PRINTED_BYTES = 64 * 2**20

METRICS = Ask("GET", "/metrics", "GET /metrics")


class Line(Connection):
    """A connection that keeps every header line: Server-Timing may come on several."""

    def header_lines(self) -> tuple[tuple[str, str], ...]:
        """Names in lower case and values, in order."""
        head = bytes(self._received).split(b"\r\n\r\n", 1)[0].decode("latin-1")
        pairs = (line.partition(":") for line in head.split("\r\n")[1:])
        return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


class Traffic:
    """One check's requests to a service."""

    is_exact: ClassVar[bool] = False

    def __init__(self, service: Service) -> None:
        self._service = service
        self._idle: list[Line] = []
        self.exchanges: list[Exchange] = []

    async def send(self, ask: Ask) -> Exchange:
        """Send one request and wait for its whole answer; raises `Unmet` where none comes.

        Connections are used again, except after a 500: uvicorn closes that one without saying so.
        """
        line = self._idle.pop() if self._idle else await self._connect(ask)
        limit_s = LIMIT_S + ask.patience_s + ask.delay_ms / 1000
        finished = line.send(ask.encoded(self._service.port))
        try:
            await asyncio.wait_for(finished, limit_s)
        except TimeoutError:
            line.close()
            raise await self._service.no_answer(ask.label, f"no answer within {limit_s:.1f} s") from None
        if line.error is not None or line.done is None:
            raise await self._service.no_answer(ask.label, line.error)
        exchange = _exchange(ask, line)
        self.exchanges.append(exchange)
        if exchange.status < 500 and exchange.header("connection") != "close":
            self._idle.append(line)
        else:
            line.close()
        return exchange

    async def _connect(self, ask: Ask) -> Line:
        loop = asyncio.get_running_loop()
        try:
            _, line = await loop.create_connection(Line, "127.0.0.1", self._service.port)
        except OSError:
            raise await self._service.no_answer(ask.label, "the connection was refused") from None
        return line

    async def one_by_one(self, asks: Iterable[Ask]) -> list[Exchange]:
        """Send requests one after another, on one connection as long as it lasts."""
        return [await self.send(ask) for ask in asks]

    async def together(self, timed: Iterable[tuple[float, Ask]], connections: int = 0) -> list[Exchange]:
        """Send each request at its moment (seconds from now), whatever became of the others.

        So many connections are opened beforehand (default: one per request).
        """
        plan = list(timed)
        while len(self._idle) < (connections or len(plan)):
            self._idle.append(await self._connect(plan[0][1]))
        began_s = time.monotonic()

        async def at(moment_s: float, ask: Ask) -> Exchange:
            if (early_s := began_s + moment_s - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            return await self.send(ask)

        tasks = [asyncio.ensure_future(at(moment_s, ask)) for moment_s, ask in plan]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def metrics(self) -> dict[str, Any]:
        """What `GET /metrics` says now; raises `Unmet` where that has not the shape of the contract."""
        return _shaped(await self.read_metrics())

    async def read_metrics(self) -> Exchange:
        """The answer to `GET /metrics`, of whatever shape: figures may come a second after the traffic."""
        answer = await self.send(METRICS)
        if answer.status != 200:
            raise await self.unexpected(answer)
        return answer

    async def unexpected(self, exchange: Exchange, wanted: str = "status 200") -> Unmet:
        """What to tell about an answer of another status than wanted."""
        answer = Answer(0, exchange.label, 0.0, None, exchange.done_s, exchange.status, exchange.body)
        return await wrong_status(self._service, answer, wanted=wanted)

    async def settled(self, judge: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The metrics once they satisfy the judge; a second after the traffic its `Unmet` stands."""
        deadline_s = time.monotonic() + SETTLE_S
        while True:
            asked_s = time.monotonic()
            answer = await self.read_metrics()
            try:
                told = _shaped(answer)  # a figure that is refreshed now and then is null beside a count for a while
                judge(told)
            except Unmet:
                if asked_s >= deadline_s:
                    raise
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                return told

    async def logged(self, judge: Callable[[list[dict[str, Any]]], None]) -> None:
        """Read the request log until it satisfies the judge; a second after the traffic its `Unmet` stands.

        A last request, which needs no line, bounds the latencies of the others (see `ledger.latencies`).
        """
        await self.send(METRICS)
        deadline_s = time.monotonic() + SETTLE_S
        while True:
            looked_s = time.monotonic()
            try:
                judge(request_lines(self.stdout()))
            except Unmet:
                if looked_s >= deadline_s:
                    raise
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                return

    def stdout(self) -> bytes:
        """What the service wrote to standard output since it was started."""
        return read_regular(self._service.output.with_name(STDOUT), MAX_PRINTED_BYTES)

    def stderr(self) -> bytes:
        """What it wrote to standard error."""
        return read_regular(self._service.output, MAX_PRINTED_BYTES)

    def counted(self, row: str | None = None) -> list[Exchange]:
        """The requests that the metrics must count, of one row or all."""
        return [e for e in self.exchanges if e.counts and row in (None, e.row)]

    def sandwich(self, row: str | None = None, blur: int = 0) -> Sandwich:
        """What the latencies of a row, or of all, must lie between."""
        return Sandwich(latencies(self.exchanges, self.counted(row)), blur)

    def bounds(self, exchange: Exchange) -> Latency:
        """What the latency of one request must lie between."""
        return latencies(self.exchanges, [exchange])[0]

    def interval(self, exchange: Exchange) -> Interval:
        """Where a latency reported for one request must lie."""
        bounds = self.bounds(exchange)
        return Interval(bounds.low_ms, bounds.high_ms)

    def hang_up(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop().close()


def _shaped(answer: Exchange) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        told, trouble = {}, "the answer is not JSON"
    else:
        trouble = shape_trouble(told)
    if trouble:
        raise Unmet(
            "sent GET /metrics",
            f"200, but {trouble}:\n{answer.body[:300].decode(errors='replace')}",
            "count, errors, min_ms, max_ms, avg_ms, p50_ms, p95_ms, p99_ms and routes, as the lesson shows them",
            "the handler of /metrics: what does it answer?",
            cause=f"metrics {trouble}",
        )
    return dict(told)


def _exchange(ask: Ask, line: Line) -> Exchange:
    status, _, body = line.answer()
    done_s = line.done or line.sent
    return Exchange(
        method=ask.method,
        path=ask.path,
        row=ask.row,
        sent_s=line.sent,
        done_s=done_s,
        status=status or 0,
        delay_s=ask.delay_ms / 1000,
        waited=_waited(ask, body, line.sent, done_s),
        headers=line.header_lines(),
        body=body,
        counts=ask is not METRICS,
    )


def _waited(ask: Ask, body: bytes, sent_s: float, done_s: float) -> Waited | None:
    """The wait that the lab's handler told, if it told one that can be true."""
    if not ask.path.startswith("/_lab/"):
        return None
    try:
        told = json.loads(body.split(b"\n")[-1])
        told = told.get("detail", told)
        waited = Waited(float(told["began_s"]), float(told["ended_s"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return waited if is_credible(waited, sent_s, done_s, ask.delay_ms / 1000) else None
