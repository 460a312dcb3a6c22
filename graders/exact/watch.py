"""A real thread beside the virtual world: ends what takes too long in real time, and sees where the time goes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from graders.exact import real
from graders.exact.world import WORLD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LOOK_EVERY_S = 0.01
BUSY_SHARE = 0.2
IDLE_SHARE = 0.02
"""From this share of a processor on, a step that does not end is computing; below that, it waits for something real."""

PATIENCE = 3
"""In between, and where steps do end, the machine may be slow: only after so many times the limit is it given up."""


class Watch:
    """Looks at the running thread every 10 ms; takes no part in the world and uses none of its locks."""

    def __init__(
        self,
        where: Callable[[FrameType | None], Mapping[str, Any] | None],
        stop: Callable[[str, str], NoReturn],
    ) -> None:
        self._where = where
        self._stop = stop
        self._limit_s = 0.0
        self._until: float | None = None
        self._step = -1
        self._step_cpu_ns = 0
        self._step_since = 0.0

    def start(self) -> None:
        """Begin to look."""
        real.start_new_thread(self._run, ())

    def allow(self, seconds: float | None) -> None:
        """From now on so many real seconds may pass; `None`: as many as it takes."""
        self._limit_s = seconds or 0.0
        self._until = None if seconds is None else real.monotonic() + seconds

    def _run(self) -> None:
        while True:
            real.sleep(LOOK_EVERY_S)
            step = WORLD.meter.steps
            if step != self._step:
                self._step, self._step_cpu_ns, self._step_since = step, real.process_time_ns(), real.monotonic()
            else:
                with contextlib.suppress(Exception):  # a look at a running thread may fail; the watch must not
                    WORLD.meter.sample = step, self._where(frame_of_running())
            until = self._until
            if until is not None and (late_s := real.monotonic() - until) > 0:
                self._expire(step, late_s)

    def _expire(self, step: int, late_s: float) -> None:
        limit_s = self._limit_s
        is_patient = late_s < (PATIENCE - 1) * limit_s
        computed_s = (real.process_time_ns() - self._step_cpu_ns) / 1e9
        lasts_s = real.monotonic() - self._step_since
        if WORLD.meter.steps != step or lasts_s < BUSY_SHARE * limit_s:
            if not is_patient:
                self._stop("waits", f"was not done after {PATIENCE * limit_s:g} s of real time")
        elif computed_s > BUSY_SHARE * limit_s:
            if WORLD.others_can_act():
                self._stop("spins", f"computed for {computed_s:.1f} s without a pause")
            self._stop("real", f"computed for {computed_s:.1f} s without a pause, and would never have ended")
        elif computed_s < IDLE_SHARE * limit_s or not is_patient:
            self._stop("waits", "waits for something that is not in the virtual world")


def frame_of_running() -> FrameType | None:
    """What the running thread does at this moment."""
    return sys._current_frames().get(WORLD.running.ident)
