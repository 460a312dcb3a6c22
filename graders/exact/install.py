"""Puts the virtual clock, locks and threads in the place of the real ones, wherever modules already hold them."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import queue
import sys
import threading
import warnings
from typing import Any

from graders.exact import clock, locks, outside, real, threads
from graders.exact.loop import VirtualLoop

OURS = "graders"
UNTOUCHED = {"_thread", "_frozen_importlib", "_frozen_importlib_external", "_imp"}
"""Python's import system keeps its own locks: it holds them for no longer than an import takes."""


def install() -> None:
    """Make time virtual in this process, for good; call it before anything of the learner's is imported."""
    _replace(_replacements())
    threading.Thread.join = threads.join  # type: ignore[method-assign]
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
    for name in ("start_new_thread", "start_joinable_thread"):
        start = getattr(_thread, name, None)
        if start is not None:
            found[id(start)] = threads.starter(start)
    with contextlib.suppress(ImportError):
        import _posixsubprocess

        found[id(_posixsubprocess.fork_exec)] = outside.process_starter(_posixsubprocess.fork_exec)
    return found


def _replace(replacements: dict[int, Any]) -> None:
    """In every imported module: the functions themselves, and locks that the module made for its own use."""
    for name, module in list(sys.modules.items()):
        if name in UNTOUCHED or name.partition(".")[0] == OURS:
            continue
        namespace = getattr(module, "__dict__", None)
        if not isinstance(namespace, dict):
            continue
        for key, value in list(namespace.items()):
            if id(value) in replacements:
                namespace[key] = replacements[id(value)]
            elif name == "threading":
                continue  # its own few locks guard no waiting
            elif isinstance(value, real.Lock) and not value.locked():
                namespace[key] = locks.Lock()
            elif isinstance(value, real.RLock):
                namespace[key] = locks.RLock()
