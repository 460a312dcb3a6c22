"""Who may run beside whom: many first attempts together, a repeated one alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets runs share the machine, or have it to themselves."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()
        self._together = 0
        self._is_alone = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Run beside others; waits while somebody runs alone."""
        async with self._news:
            await self._news.wait_for(lambda: not self._is_alone)
            self._together += 1
        try:
            yield
        finally:
            async with self._news:
                self._together -= 1
                self._news.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Run when nobody else does."""
        async with self._news:
            await self._news.wait_for(lambda: not self._is_alone and self._together == 0)
            self._is_alone = True
        try:
            yield
        finally:
            async with self._news:
                self._is_alone = False
                self._news.notify_all()
