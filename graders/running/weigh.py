"""In the child process: how much the learner's code keeps, weighed by what the interpreter holds in memory.

The size of the process would not do: it moves in steps of pages and arenas. Here the sizes of all Python objects are
added up, and a store that keeps every request grows with every request, be it a list of floats or an array.
"""

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Iterator, Sized
from types import FrameType
from typing import Any

STORES = (list, deque, dict, set, tuple, bytearray)


class Scales:
    """Weighs everything that was made since the process was forked, again and again."""

    def __init__(self) -> None:
        self.weights: list[tuple[int, int]] = []
        """How many requests there had been, and the bytes kept."""

    def weigh(self, requests: int) -> None:
        """Add up the sizes of all objects now."""
        self.weights.append((requests, sum(sys.getsizeof(kept, 0) for kept in _kept())))

    def largest(self) -> str:
        """The store with the most entries, and the name under which it is kept, where that can be seen."""
        stores = (kept for kept in _kept() if isinstance(kept, STORES) and _is_data(kept))
        largest = max(stores, key=len, default=[])
        name = _name_of(largest)
        return f"a {type(largest).__name__} with {len(largest):,} entries" + (f" ({name})" if name else "")


def _kept() -> Iterator[Any]:
    """Every object that the garbage collector knows, and those that they hold: numbers, texts, arrays.

    A dictionary or a tuple of such things is itself unknown to the collector, so what it holds is looked at, too.
    """
    gc.collect()
    tracked = gc.get_objects()
    seen = {id(tracked)} | _tables_of_the_loop()
    for known in tracked:
        waiting = [known]
        while waiting:
            kept = waiting.pop()
            has_its_turn = kept is not known and gc.is_tracked(kept)
            if has_its_turn or id(kept) in seen or isinstance(kept, type | FrameType):
                continue
            seen.add(id(kept))
            yield kept
            waiting += gc.get_referents(kept)


def _tables_of_the_loop() -> set[int]:
    """Where asyncio and AnyIO note tasks and generators: as wide as the widest crowd was, whoever keeps what."""
    anyio_on_asyncio = sys.modules.get("anyio._backends._asyncio")
    noted: list[Any] = [
        getattr(asyncio.tasks, "_all_tasks", None),  # Python 3.11
        getattr(asyncio.tasks, "_scheduled_tasks", None),  # from 3.12 on
        getattr(asyncio._get_running_loop(), "_asyncgens", None),
        getattr(anyio_on_asyncio, "_task_states", None),
    ]
    return {id(weak.data) for weak in noted if hasattr(weak, "data")}


def _is_data(store: Sized) -> bool:
    return not (isinstance(store, dict) and "__builtins__" in store)


def _name_of(store: Any) -> str:
    """`samples of Metrics` for an attribute, `samples` for a variable."""
    for holder in gc.get_referrers(store):
        if isinstance(holder, dict):
            names = [key for key, value in holder.items() if value is store and isinstance(key, str)]
            owners = [o for o in gc.get_referrers(holder) if getattr(o, "__dict__", None) is holder]
            if names:
                return f"{names[0]} of {type(owners[0]).__name__}" if owners else names[0]
        elif hasattr(holder, "__dict__") and not isinstance(holder, type):
            names = [key for key, value in vars(holder).items() if value is store]
            if names:
                return f"{names[0]} of {type(holder).__name__}"
    return ""
