"""How much processor time each step takes: what a virtual clock cannot see, and so must not judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graders.exact import real

if TYPE_CHECKING:
    from graders.exact.virtual_thread import VirtualThread


class Meter:
    """Processor time of a burst, step by step.

    A step is what one thread does between two waits; on an event loop, one callback.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.clock_reads = 0
        self.sample: tuple[int, Mapping[str, Any] | None] = (-1, None)
        self.reset()

    def reset(self) -> None:
        """Forget what was measured: a new burst begins."""
        self.total_ns = 0
        self.longest_ns = 0
        self.longest_at: Mapping[str, Any] | None = None

    def lap(self, thread: VirtualThread) -> None:
        """The running thread ends a step."""
        now_ns = real.thread_time_ns()
        spent_ns = now_ns - thread.cpu_from_ns
        thread.cpu_from_ns = now_ns
        self.total_ns += spent_ns
        if spent_ns > self.longest_ns:
            self.longest_ns = spent_ns
            step, place = self.sample
            self.longest_at = place if step == self.steps else None
        self.steps += 1
        self.clock_reads = 0
