"""Locks and queues whose waiting takes virtual time: the parts from which the standard library builds the rest.

`threading.Condition`, `Event`, `Semaphore`, `Barrier`, `queue.Queue`, executors and AnyIO's worker threads are made
of these, so replacing them is enough.
"""

from __future__ import annotations

import types
from collections import deque
from queue import Empty
from typing import Any

from graders.exact import real
from graders.exact.virtual_thread import VirtualThread
from graders.exact.world import WORLD

POLL_S = 0.0005


class Lock:
    """`threading.Lock`; whoever has waited longest gets it next."""

    __slots__ = ("__weakref__", "_is_locked", "_waiting")

    def __init__(self) -> None:
        self._is_locked = False
        self._waiting: deque[VirtualThread] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; false if it is held and the caller cannot wait, or not so long."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if not self._is_locked:
            self._is_locked = True
            return True
        if not blocking or timeout == 0:
            return False
        if not WORLD.has_turn():
            return self._acquire_from_outside(timeout)
        me = WORLD.running
        self._waiting.append(me)
        if WORLD.park(WORLD.until(None if timeout == -1 else timeout)):
            return True
        if me in self._waiting:
            self._waiting.remove(me)
        return False

    def _acquire_from_outside(self, timeout: float) -> bool:
        """For a thread that native code started, of which this world knows nothing."""
        deadline = float("inf") if timeout == -1 else real.monotonic() + timeout
        while self._is_locked:
            if real.monotonic() >= deadline:
                return False
            real.sleep(POLL_S)
        self._is_locked = True
        return True

    def release(self) -> None:
        """Hand the lock to the next in line, or open it."""
        if not self._is_locked:
            raise RuntimeError("release unlocked lock")
        while self._waiting:
            if WORLD.wake(self._waiting.popleft()):
                return
        self._is_locked = False

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._is_locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._is_locked = False
        self._waiting.clear()


class RLock:
    """`threading.RLock`: its owner may take it again."""

    __slots__ = ("__weakref__", "_count", "_lock", "_owner")

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner: int | None = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, or take it once more."""
        me = real.get_ident()
        if self._owner == me:
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    def release(self) -> None:
        """Undo one acquire; the last one opens it."""
        if self._owner != real.get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._lock.release()

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()
        self._owner, self._count = None, 0

    def _is_owned(self) -> bool:
        return self._owner == real.get_ident()

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _release_save(self) -> tuple[int, int | None]:
        state = self._count, self._owner
        self._owner, self._count = None, 0
        self._lock.release()
        return state

    def _acquire_restore(self, state: tuple[int, int | None]) -> None:
        self._lock.acquire()
        self._count, self._owner = state


class SimpleQueue:
    """`queue.SimpleQueue`."""

    __slots__ = ("__weakref__", "_items", "_waiting")
    __class_getitem__: classmethod[Any, Any, types.GenericAlias] = classmethod(types.GenericAlias)

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: deque[VirtualThread] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item; never waits."""
        self._items.append(item)
        while self._waiting:
            if WORLD.wake(self._waiting.popleft()):
                return

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest item; `Empty` where there is none and the caller cannot wait, or not so long."""
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        until_ns = WORLD.until(timeout)
        while not self._items:
            if not block or (until_ns is not None and WORLD.now_ns >= until_ns):
                raise Empty
            me = WORLD.running
            self._waiting.append(me)
            if not WORLD.park(until_ns) and me in self._waiting:
                self._waiting.remove(me)
        return self._items.popleft()

    def put_nowait(self, item: Any) -> None:
        """The same as `put`."""
        self.put(item)

    def get_nowait(self) -> Any:
        """The oldest item, or `Empty`."""
        return self.get(block=False)

    def empty(self) -> bool:
        """Whether it holds nothing."""
        return not self._items

    def qsize(self) -> int:
        """How many items it holds."""
        return len(self._items)
