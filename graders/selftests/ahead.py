"""Calls that are started before their results are asked for: most of what the lab's own tests do is wait."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """Named calls, several at a time, in order; one that is asked for before its turn is made at once."""

    def __init__(self, calls: Mapping[str, Callable[[], Result]], at_once: int = max(2, os.cpu_count() or 1)) -> None:
        self._calls = calls
        self._pool = ThreadPoolExecutor(at_once)
        self._futures: dict[str, Future[Result]] = {name: self._pool.submit(call) for name, call in calls.items()}

    def __getitem__(self, name: str) -> Result:
        """What the call returned; what it raised is raised here."""
        future = self._futures[name]
        if future.cancel():
            again: Future[Result] = Future()
            self._futures[name] = again
            try:
                again.set_result(self._calls[name]())
            except BaseException as error:
                again.set_exception(error)
            return again.result()
        return future.result()

    def close(self) -> None:
        """Drop what nobody asked for; wait for what is under way."""
        self._pool.shutdown(cancel_futures=True)
