"""The machine's own clocks and threads, kept from before anything was made virtual."""

from __future__ import annotations

import _thread
import queue
import select
import threading
import time
from typing import Any

sleep = time.sleep
monotonic = time.monotonic
time_ns = time.time_ns
thread_time_ns = time.thread_time_ns
process_time_ns = time.process_time_ns
clock_gettime_ns: Any = getattr(time, "clock_gettime_ns", None)  # not on Windows
allocate_lock = _thread.allocate_lock
get_ident = _thread.get_ident
start_new_thread = _thread.start_new_thread
join = threading.Thread.join
select_ready = select.select
SimpleQueue = queue.SimpleQueue
Lock = type(_thread.allocate_lock())
RLock = _thread.RLock


def clocks_named(*names: str) -> set[int]:
    """The numbers of the system's clocks, as far as this platform has them."""
    return {getattr(time, name) for name in names if hasattr(time, name)}
