"""How long a block of code took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds since it was started, or until it was stopped."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ended: float | None = None

    @property
    def s(self) -> float:
        """The seconds so far, or in all."""
        return (time.monotonic() if self._ended is None else self._ended) - self._began

    def stop(self) -> None:
        """Keep the time as it is."""
        self._ended = time.monotonic()


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time a block: `with stopwatch() as taken: ...`, then `taken.s`."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stop()
