"""Sends one burst through the application and tells what came of it, as data for the lab."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graders.exact.client import Asgi, Exchange
from graders.exact.world import NS, WORLD

if TYPE_CHECKING:
    from anyio import CapacityLimiter

BACKGROUND_SHARE = 0.05
"""Heartbeats and the like may use this much of a processor and delay nobody."""

MARGIN_NS = 1_000  # the limit itself must not be reached: it would end the run
Hold = tuple[int, int, Mapping[str, Any]]


class BurstRun:
    """One burst in flight, with all that is known of it so far."""

    def __init__(self, burst: Mapping[str, Any], limits: Mapping[str, float], state: Mapping[str, Any]) -> None:
        self.name: str = burst["name"]
        self._limits = limits
        self.began_ns = WORLD.now_ns
        self.holds: list[Hold] = []
        self.waiting_for_pool = 0
        self._limiter: CapacityLimiter | None = None
        self._exchanges = [Exchange(request, self.began_ns, state) for request in burst["requests"]]
        self._tasks: list[asyncio.Task[None]] = []
        WORLD.limit_ns = self.began_ns + round(limits["virtual_s"] * NS)
        WORLD.meter.reset()

    async def run(self, app: Asgi, limiter: CapacityLimiter) -> None:
        """Send every request at its moment; return when all are answered."""
        self._limiter = limiter
        moments: dict[float, list[Exchange]] = {}
        for exchange in self._exchanges:
            if exchange.request["after"] is None:
                moments.setdefault(exchange.request["at_s"], []).append(exchange)
            else:
                self._send_after(self._exchanges[exchange.request["after"]], exchange, app)
        for at_s, group in sorted(moments.items()):
            self._send_at(self.began_ns, at_s, group, app)
        await asyncio.wait([exchange.answered for exchange in self._exchanges])

    def _send_after(self, earlier: Exchange, exchange: Exchange, app: Asgi) -> None:
        def go_on(_: object) -> None:
            since_ns = earlier.done_ns if earlier.done_ns is not None else WORLD.now_ns
            exchange.sent_ns = since_ns + round(exchange.request["at_s"] * NS)
            self._send_at(since_ns, exchange.request["at_s"], [exchange], app)

        earlier.answered.add_done_callback(go_on)

    def _send_at(self, since_ns: int, at_s: float, group: Sequence[Exchange], app: Asgi) -> None:
        if at_s <= 0:
            self._send(group, app)
        else:
            asyncio.get_running_loop().call_at(since_ns / NS + at_s, self._send, group, app)

    def _send(self, group: Sequence[Exchange], app: Asgi) -> None:
        self._tasks += [asyncio.ensure_future(exchange.run(app)) for exchange in group]

    async def settle(self) -> None:
        """Wait for what goes on after the answers, such as background tasks, within the burst's limit."""
        assert WORLD.limit_ns is not None
        left_ns = WORLD.limit_ns - WORLD.now_ns - MARGIN_NS
        if left_ns > 0:
            await asyncio.wait(self._tasks, timeout=left_ns / NS)

    def look_at_pool(self) -> None:
        """Note how many requests wait for one of the framework's threads."""
        if self._limiter is not None:
            self.waiting_for_pool = max(self.waiting_for_pool, self._limiter.statistics().tasks_waiting)

    def to_json(self, stopped: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The burst as it stands."""
        unanswered = stopped["reason"] if stopped else "never answered"
        pool = None
        if self._limiter is not None and self.waiting_for_pool:
            pool = {"threads": int(self._limiter.total_tokens), "waiting": self.waiting_for_pool}
        return {
            "name": self.name,
            "answers": [exchange.to_json(unanswered) for exchange in self._exchanges],
            "blocked": [
                {"start_s": (start - self.began_ns) / NS, "end_s": (end - self.began_ns) / NS, **place}
                for start, end, place in self.holds
            ],
            "pool": pool,
            "cannot_judge": None if stopped else self.too_much_computing(),
            "computing": self.computing(),
            "stopped": stopped,
        }

    def computing(self) -> float:
        """The processor time that the virtual clock left out, as a multiple of what may be left out."""
        return max(WORLD.meter.longest_ns / NS / self._limits["step_cpu_s"], self._total_s() / self._allowed_s())

    def too_much_computing(self) -> str | None:
        """What the virtual clock left out, if it is too much to be left out."""
        if self.computing() <= 1:
            return None
        longest_s = WORLD.meter.longest_ns / NS
        if longest_s > self._limits["step_cpu_s"]:
            at = WORLD.meter.longest_at
            where = f" ({at['file']}, line {at['line']}, in {at['function']})" if at else ""
            return f"computes for {longest_s * 1e3:.0f} ms without a pause{where}, which virtual time leaves out"
        return (
            f"computes for {self._total_s() * 1e3:.0f} ms on {len(self._exchanges)} requests, "
            "which virtual time leaves out"
        )

    def _total_s(self) -> float:
        return WORLD.meter.total_ns / NS

    def _allowed_s(self) -> float:
        beside_s = BACKGROUND_SHARE * (WORLD.now_ns - self.began_ns) / NS
        return self._limits["step_cpu_s"] + len(self._exchanges) * self._limits["request_cpu_s"] + beside_s
