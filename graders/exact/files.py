"""Waiting for files in virtual time: pipes between threads are exact, and whatever else writes is not judged."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any

from graders.exact import real
from graders.exact.world import WORLD

Ready = list[tuple[selectors.SelectorKey, int]]
Select = Callable[[Any, float | None], Ready]
KINDS = ("SelectSelector", "PollSelector", "EpollSelector", "DevpollSelector", "KqueueSelector")


def virtual_select(look: Select) -> Select:
    """A selector's `select`, which looks at its files at once and then whenever the world stands still."""

    def select(self: Any, timeout: float | None = None) -> Ready:
        ready = look(self, 0)
        if ready or (timeout is not None and timeout <= 0):
            return ready

        def is_ready() -> bool:
            ready[:] = look(self, 0)
            return bool(ready)

        WORLD.park_at_files(is_ready, WORLD.until(timeout))
        return ready

    return select


def install() -> None:
    """Replace the waiting of every kind of selector that this platform has."""
    for name in KINDS:
        kind = getattr(selectors, name, None)
        if kind is not None:
            kind.select = virtual_select(kind.select)


def select(
    readers: Any, writers: Any, errors: Any, timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """`select.select`; without files it is but another way to sleep."""
    found: tuple[list[Any], list[Any], list[Any]] = [], [], []

    def is_ready() -> bool:
        nonlocal found
        if readers or writers or errors:
            found = real.select_ready(readers, writers, errors, 0)
        return any(found)

    if timeout is not None:
        timeout = float(timeout)
        if timeout < 0:
            raise ValueError("timeout must be non-negative")
    if not is_ready() and timeout != 0:
        WORLD.park_at_files(is_ready, WORLD.until(timeout))
    return found
