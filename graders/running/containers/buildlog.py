"""How long each step of a build took and which were kept from before: told by the engine's own progress lines.

This serves pictures and explanations. No verdict hangs on it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

MAKE_FILES = ("RUN ", "COPY ", "ADD ")
OLD_STEP = re.compile(r"^(?:\[\d+/\d+\] )?(?:STEP|Step) \d+/\d+ ?: (.+)$")  # Podman, and Docker without BuildKit
OLD_KEPT = re.compile(r"^ ?-+> Using cache")
NEW_STEP = re.compile(r"^#(\d+) \[(?:[^\]]* )?\d+/\d+\] (.+)$")  # BuildKit
NEW_KEPT = re.compile(r"^#(\d+) CACHED$")
NEW_DONE = re.compile(r"^#(\d+) DONE ([\d.]+)s$")


@dataclass(frozen=True, slots=True)
class BuiltStep:
    """One step of a build: its text, how long it took in seconds, whether it was kept from an earlier build."""

    text: str
    seconds: float = 0.0
    is_kept: bool = False


class BuildLog:
    """Reads the progress of a build line by line as it comes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: dict[str, BuiltStep] = {}
        self._current: tuple[str, float] | None = None

    def line(self, text: str) -> None:
        """Take up one line."""
        if found := OLD_STEP.match(text):
            self.end()
            key = f"old-{len(self._steps)}"
            self._steps[key] = BuiltStep(found[1])
            self._current = (key, self._clock())
        elif self._current and OLD_KEPT.match(text):
            self._mark(self._current[0], is_kept=True)
        elif found := NEW_STEP.match(text):
            self._steps.setdefault(found[1], BuiltStep(found[2]))
        elif found := NEW_KEPT.match(text):
            self._mark(found[1], is_kept=True)
        elif found := NEW_DONE.match(text):
            self._mark(found[1], seconds=float(found[2]))

    def end(self) -> None:
        """The step that is under way has ended."""
        if self._current:
            key, since = self._current
            self._mark(key, seconds=self._clock() - since)
            self._current = None

    def _mark(self, key: str, seconds: float | None = None, is_kept: bool = False) -> None:
        if step := self._steps.get(key):
            seconds = step.seconds if seconds is None else seconds
            self._steps[key] = replace(step, seconds=seconds, is_kept=step.is_kept or is_kept)

    @property
    def steps(self) -> tuple[BuiltStep, ...]:
        """The steps so far that may put files into the image, in order."""
        return tuple(s for s in self._steps.values() if s.text.upper().startswith(MAKE_FILES))

    @property
    def last(self) -> BuiltStep | None:
        """The step that was under way last."""
        return next(reversed(self._steps.values()), None)
