"""Threads that join the virtual world as they start, and leave it as they end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from graders.exact import real
from graders.exact.virtual_thread import VirtualThread
from graders.exact.world import WORLD

MARK = "_exact_thread"


def starter(start: Callable[..., Any]) -> Callable[..., Any]:
    """One of Python's ways to start a thread, made to admit the thread to the world first."""

    def start_admitted(function: Callable[..., Any], *rest: Any, **options: Any) -> Any:
        thread = VirtualThread()
        owner = getattr(function, "__self__", None)
        if isinstance(owner, threading.Thread):
            setattr(owner, MARK, thread)

        def run(*arguments: Any, **keywords: Any) -> None:
            thread.gate.acquire()
            thread.ident = real.get_ident()
            thread.cpu_from_ns = real.thread_time_ns()
            WORLD.threads[thread.ident] = thread
            try:
                function(*arguments, **keywords)
            finally:
                WORLD.leave(thread)

        WORLD.admit(thread)
        try:
            return start(run, *rest, **options)
        except BaseException:
            WORLD.expel(thread)
            raise

    return start_admitted


def join(self: threading.Thread, timeout: float | None = None) -> None:
    """`Thread.join` in virtual time."""
    thread: VirtualThread | None = getattr(self, MARK, None)
    if thread is None or self is threading.current_thread():
        real.join(self, timeout)
        return
    if WORLD.wait_for_end(thread, None if timeout is None else max(timeout, 0)):
        real.join(self)
