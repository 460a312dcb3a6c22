"""The functions of `time` in virtual time."""

from __future__ import annotations

import operator
import select
from collections.abc import Callable
from typing import Any

from graders.exact import real
from graders.exact.world import NS, START_NS, WORLD

MAX_READS = 20_000
WALL_OFFSET_NS = real.time_ns() // NS * NS - START_NS
"""The wall clock starts at the real date, so that time stamps look like today's."""


def now_ns() -> int:
    """The virtual clock. Code that reads it again and again without waiting would never see it move."""
    meter = WORLD.meter
    meter.clock_reads += 1
    if meter.clock_reads > MAX_READS:
        WORLD.stop("spins", "computes, or spins, until a clock has moved on")
    return WORLD.now_ns


def sleep(seconds: Any, /) -> None:
    """`time.sleep`: the calling thread waits, nothing else does."""
    if not isinstance(seconds, float):
        seconds = operator.index(seconds)
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if seconds > 2**33:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    WORLD.sleep(seconds)


def monotonic() -> float:
    """`time.monotonic`."""
    return now_ns() / NS


def monotonic_ns() -> int:
    """`time.monotonic_ns`."""
    return now_ns()


def perf_counter() -> float:
    """`time.perf_counter`."""
    return now_ns() / NS


def perf_counter_ns() -> int:
    """`time.perf_counter_ns`."""
    return now_ns()


def time() -> float:
    """`time.time`."""
    return (now_ns() + WALL_OFFSET_NS) / NS


def time_ns() -> int:
    """`time.time_ns`."""
    return now_ns() + WALL_OFFSET_NS


def select_or_sleep(
    readers: Any, writers: Any, errors: Any, timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """`select.select`, which without files is but another way to sleep."""
    if timeout is not None and not (readers or writers or errors):
        sleep(float(timeout))
        return [], [], []
    return real.select_ready(readers, writers, errors, timeout)


CLOCKS: tuple[Callable[..., Any], ...] = (
    sleep,
    monotonic,
    monotonic_ns,
    perf_counter,
    perf_counter_ns,
    time,
    time_ns,
)


def originals() -> dict[int, Callable[..., Any]]:
    """What stands for what: the identity of each real function, and the virtual one."""
    import time as machine

    found: dict[int, Callable[..., Any]] = {id(getattr(machine, f.__name__)): f for f in CLOCKS}
    found[id(select.select)] = select_or_sleep
    return found
