"""`lab watch`: the current exercise graded at every save, by exact time at once and by the real server right after.

What takes long is done before the learner saves: this process has pytest and the graders imported and the warm
process has the web framework. A save forks a child of this process, which grades and ends. Where processes cannot
be forked, each save runs the same command that the learner would type.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from rich.text import Text

from graders.commands.common import card, console, current_exercise, find_exercise, find_submission, grading_of
from graders.curriculum import EXERCISES, LAB, SUITE, Exercise
from graders.exact.instant import INSTANT
from graders.grading import state_folder
from graders.running.launcher import CAN_FORK, Launcher
from graders.submission import Submission

PRELOAD = ("pytest", "pytest_asyncio.plugin", "httpx", "anyio._backends._asyncio", "graders.plugin", "graders.session",
           "graders.reporting.terminal", "graders.reporting.reports", "graders.running.contest")  # fmt: skip


LIVE_REPORT = "live.json"
LOOK_EVERY_MS = 1000
EVERYTHING = ("**",)
PAGE_PORT = 8642
"""Where the page is served, if nothing else is there: the same every time, so that an open tab finds it again."""


def watch(name: str | None, poll: bool, folder: Path | None, page: bool = False) -> None:
    """Grade, wait for a save, grade again; never moves on to the next exercise by itself."""
    submission = find_submission(folder)
    exercise = find_exercise(name) if name else current_exercise(grading_of(submission), first=1)
    out = console()
    with Launcher() if CAN_FORK else contextlib.nullcontext() as warm:
        if warm is not None:
            preload()
        run = Run(submission, exercise, warm, page)
        server = PageServer(submission) if page else None
        try:
            if server is not None:
                out.print(Text(f"The page: {server.url}", "bold"))
            graded = submission.fingerprint(EVERYTHING)
            run.start(time.monotonic())
            out.print(Text(f"Watching {submission.root} for {exercise.id}; Ctrl-C stops.", "dim"))
            for changed_at in saves(submission, poll, graded):
                run.cancel()
                run.start(changed_at)
        except KeyboardInterrupt:
            out.print("\nStopped.")
        finally:
            run.cancel()
            if server is not None:
                server.end()


def preload() -> None:
    """Import and read what every grading needs, so that a child is forked with it."""
    sys.path.insert(0, str(SUITE))  # as pytest does, which then finds the suite imported
    for module in (*PRELOAD, *(exercise.suite.stem for exercise in EXERCISES)):
        importlib.import_module(module)
    for exercise in EXERCISES:
        _ = exercise.checks, exercise.hints  # read once
    gc.freeze()  # or each child would look through all of it


class PageServer:
    """The page that refreshes itself, served by a process of its own (see `commands.live`)."""

    def __init__(self, submission: Submission) -> None:
        state = state_folder(LAB)
        state.mkdir(parents=True, exist_ok=True)
        (state / LIVE_REPORT).unlink(missing_ok=True)  # of an earlier watch
        command = [sys.executable, "-P", "-m", "graders.commands.live", str(state), str(submission.root)]
        self._process = subprocess.Popen(
            [*command, str(PAGE_PORT)], cwd=LAB, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}/"

    def end(self) -> None:
        """Stop serving."""
        self._process.terminate()
        self._process.wait()


def saves(submission: Submission, poll: bool, before: str) -> Generator[float]:
    """The moment (`time.monotonic()`) of each change to a file that counts, compared to the fingerprint `before`.

    What no event tells of, because it was saved while the watcher was being set up, or on a file system that has no
    events, is found by looking once a second.
    """
    from watchfiles import DefaultFilter, watch

    watched = [str(submission.root / part) for part in submission.parts()]
    for _ in watch(
        *watched,
        watch_filter=DefaultFilter(),
        step=10,
        debounce=200,
        rust_timeout=LOOK_EVERY_MS,
        yield_on_timeout=True,
        force_polling=poll or None,
        raise_interrupt=True,
    ):
        now = time.monotonic()
        try:
            after = submission.fingerprint(EVERYTHING)
        except OSError:
            continue  # an editor's file that went while it was read; the next look is a second away at most
        if after != before:
            before = after
            yield now


class Run:
    """One grading in progress, in a child; a new save ends it."""

    def __init__(
        self, submission: Submission, exercise: Exercise, warm: Launcher | None, live_report: bool = False
    ) -> None:
        self._submission = submission
        self._exercise = exercise
        self._warm = warm
        # pytest wants to rewrite the asserts of its plugins; these are loaded, and have none.
        self._arguments = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
        self._arguments += ["-k", exercise.id, f"--submission={submission.root}"]
        if live_report:
            self._arguments.append(f"--lab-report=json={state_folder(LAB).resolve() / LIVE_REPORT}")
        self._pid: int | None = None
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, saved_at: float) -> None:
        """Begin; the child prints as it goes."""
        rule = "---" if card().is_plain else "───"
        console().print(Text(f"\n{rule} {self._exercise.id}, {time.strftime('%H:%M:%S')} {rule}", "dim"))
        sys.stdout.flush()
        if self._warm is None:
            command = [sys.executable, "-P", "-m", "pytest", *self._arguments]
            self._popen = subprocess.Popen(command, cwd=LAB)
            return
        self._pid = os.fork()
        if self._pid == 0:
            self._grade(saved_at)

    def _grade(self, saved_at: float) -> None:
        """In the child: the exact verdicts, then the suite itself; never returns."""
        status = 1
        try:
            os.setpgid(0, 0)
            os.chdir(LAB)
            assert self._warm is not None
            self._warm.lend()
            if self._exercise.id in INSTANT:
                self._say_exact(saved_at)
            import pytest

            status = int(pytest.main(self._arguments))
            console().print(Text(f"{time.monotonic() - saved_at:.1f} s after the save", "dim"))
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt | SystemExit):
                console().print(f"the lab itself broke: {type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _say_exact(self, saved_at: float) -> None:
        assert self._warm is not None
        verdicts = asyncio.run(INSTANT[self._exercise.id](self._warm, self._submission))
        shown = card()
        lines = [shown.instant_line(verdict) for verdict in verdicts]
        head = Text(
            f"In exact time ({time.monotonic() - saved_at:.2f} s after the save); the real server follows:", "dim"
        )
        sys.stdout.write(shown.text([head, *lines]))
        sys.stdout.flush()

    def cancel(self) -> None:
        """End the grading, if one is still going on, and wait for its end."""
        if self._pid is not None:
            done, _ = os.waitpid(self._pid, os.WNOHANG)
            if not done:
                try:
                    os.killpg(self._pid, signal.SIGKILL)
                except ProcessLookupError:
                    os.kill(self._pid, signal.SIGKILL)  # it has not come to have a group of its own yet
                os.waitpid(self._pid, 0)
            self._pid = None
        if self._popen is not None:
            self._popen.terminate()
            self._popen.wait()
            self._popen = None
