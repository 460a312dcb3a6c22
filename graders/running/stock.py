"""Services that are started before they are asked for, so that a check need not wait for its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from graders.running.service import Service


class Stock:
    """Fresh services of one kind: whoever takes one lets the next one start meanwhile, and gives it back."""

    def __init__(self, make: Callable[[], Service], ahead: int = 1) -> None:
        self._make = make
        self._ahead = ahead
        self._waiting: deque[Service] = deque()
        self._ending: list[asyncio.Task[None]] = []

    async def take(self) -> Service:
        """A service that nobody has asked anything yet; raises `Unmet` where it does not start."""
        self._fill(1)
        service = self._waiting.popleft()
        await service.ready()
        self._fill(self._ahead)
        return service

    def _fill(self, count: int) -> None:
        while len(self._waiting) < count:
            self._waiting.append(self._make())
            self._waiting[-1].start()

    def give_back(self, services: Iterable[Service]) -> None:
        """Have services that were taken ended; only `end` waits for it, the next check does not."""
        self._ending += [asyncio.ensure_future(service.end()) for service in services]

    async def end(self) -> None:
        """End what waits; wait for what was given back."""
        self.give_back(self._waiting)
        self._waiting.clear()
        await asyncio.gather(*self._ending)
