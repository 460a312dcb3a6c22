"""Puts the virtual clock, locks and threads in the place of the real ones, wherever modules already hold them."""

from __future__ import annotations

import _thread
import asyncio
import queue
import select
import sys
import threading
import warnings
from typing import Any

from graders.exact import clock, files, locks, outside, real, threads
from graders.exact.loop import VirtualLoop

OURS = "graders"
UNTOUCHED = {"_thread", "_frozen_importlib", "_frozen_importlib_external", "_imp"}
"""Python's import system keeps its own locks: it holds them for no longer than an import takes."""

LOCKS: dict[type, type] = {real.Lock: locks.Lock, real.RLock: locks.RLock}
"""The module `threading` keeps its own few, which guard no waiting."""


def install() -> None:
    """Make time virtual in this process, for good; call it before anything of the learner's is imported."""
    _replace(_replacements())
    threading.Thread.join = threads.join  # type: ignore[method-assign]
    files.install()
    outside.guard_forks()
    _offer_virtual_loops()


def _offer_virtual_loops() -> None:
    """Give a virtual loop to everybody who asks for one, `asyncio.run` in a thread included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # policies, from Python 3.14 on

        class VirtualPolicy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> asyncio.AbstractEventLoop:
                return VirtualLoop()

        asyncio.set_event_loop_policy(VirtualPolicy())


def _replacements() -> dict[int, Any]:
    found: dict[int, Any] = dict(clock.originals())
    for lock in (_thread.allocate_lock, threading.Lock):
        found[id(lock)] = locks.Lock
    for rlock in (_thread.RLock, threading.RLock):
        found[id(rlock)] = locks.RLock
    found[id(queue.SimpleQueue)] = locks.SimpleQueue
    found[id(select.select)] = files.select
    for name in ("start_new_thread", "start_joinable_thread"):
        start = getattr(_thread, name, None)
        if start is not None:
            found[id(start)] = threads.starter(start)
    return found


def _replace(replacements: dict[int, Any]) -> None:
    """In every imported module: the functions themselves, and locks that modules made for their own use."""
    for start in ("start_new_thread", "start_joinable_thread"):
        if hasattr(_thread, start):
            setattr(_thread, start, replacements[id(getattr(_thread, start))])
    made: dict[int, tuple[Any, Any]] = {}  # old and new: a lock that two modules share stays one lock
    for name, module in list(sys.modules.items()):
        if name in UNTOUCHED or name.partition(".")[0] == OURS:
            continue
        namespace = getattr(module, "__dict__", None)
        if type(namespace) is not dict:
            continue
        for key, value in list(namespace.items()):
            if id(value) in replacements:
                namespace[key] = replacements[id(value)]
            elif name != "threading" and type(value) in LOCKS and _is_free(value):
                namespace[key] = made.setdefault(id(value), (value, LOCKS[type(value)]()))[1]


def _is_free(lock: Any) -> bool:
    return not (type(lock) is real.Lock and lock.locked())
