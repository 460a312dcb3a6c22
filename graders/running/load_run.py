"""One run of the learner's locustfile against one service of the zoo, and what both sides have to say about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graders.files import read_regular
from graders.measuring.load_record import Reported, Served, windows
from graders.measuring.load_test import LoadTest
from graders.measuring.schedule import SHORTEST_STEP_S, UNLIMITED
from graders.running.launcher import Launcher
from graders.running.locust_process import LocustLauncher, LocustProcess
from graders.running.locust_troubles import last_exception
from graders.running.zoo_service import ZooService
from graders.submission import Submission

FIRST_REQUEST_LIMIT_S = 10.0
ERRORS_TO_GIVE_UP = 3
MAX_REPORT_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class LoadRun:
    """A run that is over: Locust's raw events, the service's record, and how it ended.

    `is_over` says that it ended by itself; `where` is the line in which it hung; `raised` is the first exception that
    a task let through; `left` is what ended the program early; `printed` is the last exception in its output, and
    `exited` how the process ended; `users` sums up what the users did, and `weights` are those of their tasks.
    """

    events: tuple[Reported, ...]
    record: tuple[Served, ...]
    ticks: tuple[tuple[float, int | None], ...]
    is_over: bool
    where: dict[str, Any] | None
    raised: dict[str, Any] | None
    left: dict[str, Any] | None
    printed: str
    exited: dict[str, Any] | None
    users: dict[str, Any]
    weights: dict[str, int] | None
    report: Any
    report_trouble: str
    seconds: float

    def load_test(self, capacity: int) -> LoadTest:
        """The run as a load test with steps."""
        steps = tuple(windows(self.ticks))
        return LoadTest(capacity, steps, self.events, self.record, SHORTEST_STEP_S, self.report)


Enough = Callable[[LocustProcess, ZooService], bool]


async def run_load(
    launchers: tuple[Launcher, LocustLauncher],
    submission: Submission,
    kind: str,
    *,
    factor: float,
    limit_s: float,
    is_enough: Enough = lambda process, service: False,
    wrong_answers: int = 1,
    capacity: int = UNLIMITED,
) -> LoadRun:
    """Run it until it ends by itself, there is enough to judge by, or the time is over; nothing is left running.

    Raises `Unmet` where the locustfile cannot be loaded.
    """
    process = LocustProcess(launchers[1], submission, "run")
    service = ZooService(launchers[0], kind, capacity=capacity, enough=wrong_answers)
    try:
        await service.start(process.crowd)
        process.start(service.url, factor=factor)
        await process.loaded()
        began = time.monotonic()
        has_begun = await process.until(lambda: bool(process.rows) or _only_raises(process), FIRST_REQUEST_LIMIT_S)
        in_time = has_begun and await process.until(
            lambda: _only_raises(process) or is_enough(process, service), limit_s
        )
        seconds = time.monotonic() - began
        where = None if in_time else await process.where()
        is_over = process.is_over
        await process.end()
        report, trouble = _read_report(process) if is_over else (None, "the run was ended")
        users = process.told("users")
        tasks = process.told("tasks")
        return LoadRun(
            events=tuple(process.requests),
            record=tuple(await service.record()),
            ticks=tuple(process.ticks),
            is_over=is_over,
            where=where,
            raised=process.raised(),
            left=next(iter(process.told("left")), None),
            printed=last_exception(process.output, process.root),
            exited=process.child.last("exited") if process.child and is_over else None,
            users=users[-1] if users else {},
            weights=tasks[-1]["weights"] if tasks else None,
            report=report,
            report_trouble=trouble,
            seconds=seconds,
        )
    finally:
        await process.end()
        await service.end()


def _only_raises(process: LocustProcess) -> bool:
    """Whether the users' tasks raise exceptions and no request ever comes out of them."""
    return not process.rows and len(process.told("raised")) >= ERRORS_TO_GIVE_UP


def _read_report(process: LocustProcess) -> tuple[Any, str]:
    """What the learner's load test wrote, read as data, or why there is nothing to read."""
    if not process.report.is_file():
        return None, "no file was there"
    if process.report.stat().st_size > MAX_REPORT_BYTES:
        return None, f"a file of more than {MAX_REPORT_BYTES >> 20} MiB was there"
    text = read_regular(process.report, MAX_REPORT_BYTES).decode("utf-8", "replace")
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError):
        return None, f"a file was there that is not JSON; it begins with {text[:60]!r}"
