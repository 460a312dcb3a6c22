"""How far a class is: a bar with the time left in a terminal, a line per submission elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from graders.classroom.ledger import Entry
from graders.tame import tame

STYLES = {"graded": "green", "inconclusive": "yellow", "refused": "red", "timeout": "red", "died": "red"}


def estimate_s(done: int, total: int, elapsed_s: float) -> float | None:
    """Seconds left if the rest takes as long as what was done in this run; `None` before the first."""
    return None if done == 0 else elapsed_s / done * max(0, total - done)


def left_text(seconds: float | None) -> str:
    """A time left in words that do not pretend to know it to the second."""
    if seconds is None:
        return "time left unknown"
    if seconds < 90:
        return f"about {max(5, round(seconds / 5) * 5)} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


class Display:
    """Tells the teacher, in whichever way the output can show."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._todo = self._done = self._again = 0
        self._bar: Progress | None = None

    def warn(self, text: str) -> None:
        """See `Audience`."""
        self._console.print(Text(f"note: {tame(text)}", "yellow"), soft_wrap=True)

    def begin(self, todo: int, kept: int, refused: int, width: int) -> None:
        """See `Audience`."""
        self._began, self._todo = self._clock(), todo
        parts = [f"{todo} to grade, {width} at a time"]
        parts += [f"{kept} graded in an earlier run"] if kept else []
        parts += [f"{refused} refused"] if refused else []
        self._console.print(f"Submissions: {'; '.join(parts)}", soft_wrap=True)
        if self._console.is_terminal and self._todo:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task("grading", total=self._todo, left=left_text(None))
            self._bar.start()

    def done(self, entry: Entry, is_last_word: bool) -> None:
        """See `Audience`."""
        self._done += entry.attempts == 1
        self._again += not is_last_word
        left = left_text(estimate_s(self._done, self._todo, self._clock() - self._began))
        text = f"[{self._done}/{self._todo}] {tame(entry.student, 60)}: {entry.total} of {entry.max_points} points"
        again = "" if is_last_word else ", to be graded once more, alone"
        line = Text(f"{text}, {entry.status}{again}, {entry.seconds:.1f} s", STYLES.get(entry.status, ""))
        if self._bar is not None:
            self._bar.update(self._bar.tasks[0].id, completed=self._done, left=left)
            self._bar.console.print(line, soft_wrap=True)
        else:
            self._console.print(Text.assemble(line, f"; {left}"), soft_wrap=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
