"""The functions of `time` in virtual time."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from graders.exact import real
from graders.exact.world import NS, START_NS, WORLD

WALL_CLOCKS = real.clocks_named("CLOCK_REALTIME", "CLOCK_TAI")
STEADY_CLOCKS = real.clocks_named("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW")
STILL_READS = 16
MAX_READS = 20_000
WALL_OFFSET_NS = real.time_ns() // NS * NS - START_NS
"""The wall clock starts at the real date, so that time stamps look like today's."""


def now_ns() -> int:
    """The virtual clock, which stands still while code runs.

    Loops such as `multiprocessing`'s wait until they see a moment pass, so a step that reads on and on is shown one
    nanosecond more each time; one that waits for more than that is spinning.
    """
    meter = WORLD.meter
    meter.clock_reads += 1
    if meter.clock_reads > STILL_READS:
        if meter.clock_reads > MAX_READS:
            WORLD.stop("spins", "computes, or spins, until a clock has moved on")
        WORLD.now_ns += 1
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


def clock_gettime(which: int, /) -> float:
    """`time.clock_gettime`; clocks of the processor stay real."""
    return clock_gettime_ns(which) / NS


def clock_gettime_ns(which: int, /) -> int:
    """`time.clock_gettime_ns`."""
    if which in WALL_CLOCKS:
        return time_ns()
    return now_ns() if which in STEADY_CLOCKS else real.clock_gettime_ns(which)


CLOCKS: tuple[Callable[..., Any], ...] = (
    sleep,
    monotonic,
    monotonic_ns,
    perf_counter,
    perf_counter_ns,
    time,
    time_ns,
    *((clock_gettime, clock_gettime_ns) if real.clock_gettime_ns is not None else ()),
)


def originals() -> dict[int, Callable[..., Any]]:
    """What stands for what: the identity of each real function, and the virtual one."""
    import time as machine

    return {id(getattr(machine, clock.__name__)): clock for clock in CLOCKS}
