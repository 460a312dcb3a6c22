"""What was measured, worked out in the background: whoever reads it never waits for a sort."""

import asyncio
from collections import defaultdict, deque
from math import ceil
from typing import Any

WINDOW = 10_000
EVERY_S = 0.3
EMPTY = dict.fromkeys(["min_ms", "max_ms", "avg_ms", "p50_ms", "p95_ms", "p99_ms"])


class Metrics:
    """Every request of the service, in total and by route."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, float, bool]] = deque()
        self._counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._latest: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
        self._answer: dict[str, Any] = {"count": 0, "errors": 0, **EMPTY, "routes": {}}

    def record(self, route: str, duration_ms: float, is_error: bool) -> None:
        """Take one request in; it is looked at later."""
        self._waiting.append((route, duration_ms, is_error))

    def snapshot(self) -> dict[str, Any]:
        """What was worked out last."""
        return self._answer

    async def work(self) -> None:
        """Work out the figures, again and again."""
        while True:
            self._take_in()
            routes = {route: self._row(route) for route in self._counts if route}
            if routes:
                self._answer = {**self._row(""), "routes": routes}
            await asyncio.sleep(EVERY_S)

    def _take_in(self) -> None:
        while self._waiting:
            route, duration_ms, is_error = self._waiting.popleft()
            for name in ("", route):
                self._counts[name][0] += 1
                self._counts[name][1] += is_error
                self._latest[name].append(duration_ms)

    def _row(self, route: str) -> dict[str, Any]:
        ordered = sorted(self._latest[route])
        count, errors = self._counts[route]
        return {
            "count": count,
            "errors": errors,
            "min_ms": ordered[0],
            "max_ms": ordered[-1],
            "avg_ms": sum(ordered) / len(ordered),
            "p50_ms": ordered[ceil(0.50 * len(ordered)) - 1],
            "p95_ms": ordered[ceil(0.95 * len(ordered)) - 1],
            "p99_ms": ordered[ceil(0.99 * len(ordered)) - 1],
        }
