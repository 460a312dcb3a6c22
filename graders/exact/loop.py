"""asyncio's own event loop, whose idle waiting takes virtual time."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable
from typing import Any

from graders.exact import clock, network, outside
from graders.exact.virtual_thread import VirtualThread
from graders.exact.world import NS, WORLD

TURNS_BETWEEN_OTHERS = 64
OWN_FILES = 1  # the loop's own pipe to itself, which nobody writes to


class VirtualSelector(selectors.DefaultSelector):
    """Where the loop waits."""

    def __init__(self) -> None:
        super().__init__()
        self.on_idle: Callable[[], None] = lambda: None
        self._was_woken = False
        self._waiting: VirtualThread | None = None
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait so many virtual seconds, or until a thread calls."""
        if timeout is not None and timeout <= 0:
            WORLD.meter.lap(WORLD.running)
            WORLD.count_turn()
            self._turns += 1
            if self._turns % TURNS_BETWEEN_OTHERS == 0:
                WORLD.give_way()
        elif not self._was_woken:
            self.on_idle()
            self._waiting = WORLD.running
            if self._has_files():
                WORLD.park_at_files(lambda: bool(self._look()), WORLD.until(timeout), is_idle=True)
            else:
                WORLD.park(WORLD.until(timeout), is_idle=True)
            self._waiting = None
        self._was_woken = False
        return self._look() if self._has_files() else []

    def _has_files(self) -> bool:
        return len(self.get_map()) > OWN_FILES

    def _look(self) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(0)

    def wake(self) -> None:
        """End the waiting, now or as it begins."""
        self._was_woken = True
        if self._waiting is not None:
            WORLD.wake(self._waiting)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on the virtual clock; belongs to the thread that runs it."""

    def __init__(self) -> None:
        self.waiting_room = VirtualSelector()
        with outside.allowed():  # where pairs of sockets are made by connecting two
            super().__init__(self.waiting_room)
        self._clock_resolution = 1 / NS
        self._ready = _MeteredQueue()

    def time(self) -> float:
        """The virtual clock, in seconds."""
        return clock.monotonic()

    def _write_to_self(self) -> None:
        self.waiting_room.wake()

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """A connection: to a server of this world where one has that port, else to the world outside."""
        if options.get("sock") is not None or options.get("ssl") or not network.knows(host, port):
            return await super().create_connection(protocol_factory, host, port, **options)
        return await super().create_connection(protocol_factory, sock=network.connect(host, port))

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """A server of this world; only its own clients find it."""
        if options.get("sock") is None and not options.get("ssl"):
            server = network.listen(protocol_factory, host, port, self)
            if server is not None:
                return server
        return await super().create_server(protocol_factory, host, port, **options)


class _MeteredQueue(deque[Any]):
    """Callbacks that are ready; taking one ends the step of the one before."""

    def popleft(self) -> Any:
        WORLD.meter.lap(WORLD.running)
        return super().popleft()
