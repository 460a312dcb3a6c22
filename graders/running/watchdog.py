"""A thread inside the service that sees what holds the event loop, and answers the lab's questions.

The loop beats every 10 ms. While a beat is late, this thread looks at the loop thread's stack; the learner's
innermost frame that is seen most often is the line that blocked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from graders.running.culprit import LearnersCode, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio import CapacityLimiter

    from graders.running.control import Control

BEAT_S = 0.01
LATE_S = 0.04
REST_S = 0.5
MIN_SAMPLES = 2  # one look may catch a handler that merely lost its processor for a moment


class Watchdog(threading.Thread):
    """Watches one thread: at first the import of the learner's code, then the event loop."""

    rests = False
    """Whether the loop computes on the lab's own behalf: looking at it all the time would make that a sixth slower."""

    def __init__(self, control: Control, code: LearnersCode, import_limit_s: float) -> None:
        super().__init__(name="lab-watchdog", daemon=True)
        self._control = control
        self._code = code
        self._watched = threading.get_ident()
        self._stage = "import"
        self._stage_limit_s = import_limit_s
        self._stage_since = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limiter: CapacityLimiter | None = None
        self._last_beat = self._held_since = 0.0
        self._samples: Counter[tuple[tuple[str, Any], ...]] = Counter()
        self._pool = (0, 0)
        self._max_waiting = 0
        self._stop: Callable[[], None] = lambda: None

    def enter(self, stage: str, limit_s: float) -> None:
        """From now on the watched thread is in another stage, which may take so many seconds."""
        self._stage, self._stage_limit_s, self._stage_since = stage, limit_s, time.monotonic()

    def attach(self, limiter: CapacityLimiter, stop: Callable[[], None]) -> None:
        """Start to watch the running loop; called inside it once the service is up."""
        self._loop = asyncio.get_running_loop()
        self._limiter = limiter
        self._stop = stop
        self._stage = "serve"
        self._beat()

    def _beat(self) -> None:
        assert self._loop is not None
        self._last_beat = time.monotonic()
        if self._limiter is not None:
            waiting = self._limiter.statistics().tasks_waiting
            if waiting > self._max_waiting:
                self._max_waiting = waiting
                self._pool = (int(self._limiter.total_tokens), waiting)
        self._loop.call_later(BEAT_S, self._beat)

    def run(self) -> None:
        """Look, answer, look again, until the lab goes away; then end the whole service."""
        while True:
            commands = self._control.receive(timeout_s=REST_S if Watchdog.rests else BEAT_S)
            if commands is None:
                with contextlib.suppress(OSError, AttributeError):
                    os.killpg(os.getpgid(0), signal.SIGKILL)
                os._exit(1)
            self._look()
            for command in commands:
                self._answer(command)

    def _look(self) -> None:
        if self._stage != "serve":
            if time.monotonic() - self._stage_since > self._stage_limit_s:
                where = self._code.innermost(frame_of(self._watched)) or self._waiting_tasks()
                self._control.send("stuck", stage=self._stage, limit_s=self._stage_limit_s, where=where)
                self._stage_limit_s = float("inf")
            return
        if time.monotonic() - self._last_beat > LATE_S:
            seen = self._code.innermost(frame_of(self._watched))
            if seen is not None:
                self._held_since = self._last_beat
                self._samples[tuple(seen.items())] += 1
        elif self._samples:
            self._report_block(self._last_beat)

    def _report_block(self, until: float) -> None:
        (items, _), total = self._samples.most_common(1)[0], self._samples.total()
        if total >= MIN_SAMPLES:
            self._control.send("blocked", start=self._held_since, end=until, samples=total, **dict(items))
        self._samples.clear()

    def _answer(self, command: dict[str, Any]) -> None:
        match command.get("command"):
            case "sync":
                if self._samples:
                    self._report_block(time.monotonic())
                threads, waiting = self._pool
                self._control.send(
                    "synced",
                    token=command.get("token"),
                    cpu_s=time.process_time(),
                    loop_cpu_s=self._loop_cpu_s(),
                    pool={"threads": threads, "waiting": waiting} if waiting else None,
                    where=self._where() if command.get("where") else None,
                )
                self._pool, self._max_waiting = (0, 0), 0
            case "stop":
                self._stop()

    def _loop_cpu_s(self) -> float:
        """Processor time of the event loop's thread so far, in seconds; 0 where the platform does not tell."""
        if not hasattr(time, "pthread_getcpuclockid"):
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(self._watched))

    def _where(self) -> dict[str, Any] | None:
        """Where the learner's code stands now: the blocked loop first, then waiting tasks, then pool threads."""
        if time.monotonic() - self._last_beat > LATE_S:
            blocked = self._code.innermost(frame_of(self._watched))
            if blocked is not None:
                return {**blocked, "how": "blocks the event loop"}
        return self._waiting_tasks() or self._busy_threads()

    def _waiting_tasks(self) -> dict[str, Any] | None:
        if self._loop is None:
            return None
        with contextlib.suppress(RuntimeError):  # the set of tasks changed while it was read
            found = Counter(
                tuple(here.items())
                for task in asyncio.all_tasks(self._loop)
                if (here := self._code.suspended(task)) is not None
            )
            if found:
                return {**dict(found.most_common(1)[0][0]), "how": "waits"}
        return None

    def _busy_threads(self) -> dict[str, Any] | None:
        for thread in threading.enumerate():
            if thread.ident in (self._watched, threading.get_ident(), None):
                continue
            here = self._code.innermost(frame_of(thread.ident))
            if here is not None:
                return {**here, "how": "runs in a pool thread"}
        return None
