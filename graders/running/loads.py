"""Everything that exercise 3 runs: once, beside the rest, and again alone where it was disturbed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from graders.expect import GraderFaultError, Unmet
from graders.measuring.load_record import Reported
from graders.measuring.load_test import LoadTest, report_trouble
from graders.measuring.objective import P95_OBJECTIVE_MS
from graders.measuring.schedule import APART, Schedule, capacity_at, two_places
from graders.running.launcher import Launcher
from graders.running.load_run import Enough, LoadRun, run_load
from graders.running.locust_process import LocustLauncher, LocustProcess
from graders.running.locust_troubles import ended_early, hanging, tick_trouble
from graders.running.turns import Turns
from graders.submission import Submission

HEALTHY = "Service"
FAULTS = {
    "AnswersWith500": "500",
    "LeavesOutThePrediction": "200 without a prediction",
    "PredictsNull": "200 with prediction null",
    "AnswersNoJson": "200 with a body that is not JSON",
    "SlowTail": f"every second answer later than {P95_OBJECTIVE_MS:.0f} ms",
}
"""The broken services that a load test must notice, and what each answers (contract, `notices_wrong_answers`)."""

ENOUGH_REQUESTS = 120
LEAST_REQUESTS = 100
ENOUGH_WRONG = 12
TICK_EVERY_S = (0.1, 1.0)
WATCHED_S = 3600.0
REHEARSAL_LIMIT_S = 8.0
ARITHMETIC_LIMIT_S = 5.0
RUN_LIMIT_S = 60.0
ATTEMPTS = 3
FEW = 3  # a check that is wrong fails more answers than this; a process that was stopped between two clocks does not
LATE_MS = 150.0  # a healthy answer takes 100 ms; later than this, the machine was in the way


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The load shape, driven through its run time without any user; `raised` is what `tick()` raised at `at_s`."""

    name: str | None
    schedule: Schedule
    raised: dict[str, Any] | None
    at_s: float


@dataclass(frozen=True, slots=True)
class Breaking:
    """A run through the whole shape against a service that breaks, as a run and as a load test."""

    run: LoadRun
    test: LoadTest
    attempts: int


class Loads:
    """Runs the learner's locustfile as often as the checks need it."""

    def __init__(self, launcher: Launcher, submission: Submission, checks: Collection[str]) -> None:
        self._launcher = launcher
        self._submission = submission
        self._checks = checks
        self._warm: LocustLauncher | None = None
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._turns = Turns()
        self.seed = random.SystemRandom().randrange(2**32)

    @property
    def _locust(self) -> LocustLauncher:
        """The process that has Locust imported, started when it is first needed."""
        if self._warm is None:
            self._warm = LocustLauncher()
        return self._warm

    def _begin(self) -> None:
        """Start whatever the checks will ask for."""
        starts: dict[str, Callable[[], object]] = {
            "runs_headless": self._healthy,
            "mixes_endpoints": self._healthy,
            "notices_wrong_answers": lambda: [self._broken(kind) for kind in FAULTS],
            "steps_up": lambda: [self._rehearsal(every_s) for every_s in TICK_EVERY_S],
            "breaking_point_found": lambda: [self._breaking(i) for i in (0, 1)],
        }
        for check in self._checks:
            starts.get(check, lambda: None)()

    def _once(self, name: str, make: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        is_first = not self._tasks
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(make(), name=name)
        if is_first:
            self._begin()
        return self._tasks[name]

    # --- what the locustfile is, without any load ---------------------------------------------------------------------

    async def rehearsal(self, every_s: float = TICK_EVERY_S[0]) -> Rehearsal:
        """The shape, asked every so many seconds of run time. Raises `Unmet` where that hangs or cannot be loaded."""
        found: Rehearsal = await self._rehearsal(every_s)
        return found

    def _rehearsal(self, every_s: float) -> asyncio.Task[Any]:
        return self._once(f"rehearsal {every_s}", lambda: self._rehearse(every_s))

    async def _rehearse(self, every_s: float) -> Rehearsal:
        process = LocustProcess(self._locust, self._submission, "rehearse")
        try:
            child = process.start(every_s=every_s, watched_s=WATCHED_S)
            await process.loaded()
            told = await child.wait_for("rehearsed", "exited", timeout_s=REHEARSAL_LIMIT_S)
            if told is None or told["event"] != "rehearsed":
                raise hanging(
                    "called StepLoad.tick() once for every tenth of a second of run time",
                    "the calls did not end",
                    await process.where(),
                    REHEARSAL_LIMIT_S,
                    "tick() answers at once: it reads self.get_run_time() and returns",
                )
        finally:
            await process.end()
        changes = [(at, users) for at, users in told["changes"]]
        schedule = Schedule.from_changes(changes, told["end_s"], told.get("at_s", WATCHED_S))
        return Rehearsal(told["name"], schedule, told.get("raised"), told.get("at_s", 0.0))

    async def arithmetic(self, cases: Sequence[Sequence[Sequence[float]]]) -> dict[str, Any] | None:
        """What `find_breaking_point` answers to each case; `None` where there is no such function."""
        process = LocustProcess(self._locust, self._submission, "arithmetic")
        try:
            child = process.start(cases=cases)
            if not (await process.loaded())["has_arithmetic"]:
                return None
            told = await child.wait_for("answered", "exited", timeout_s=ARITHMETIC_LIMIT_S)
            if told is None or told["event"] != "answered":
                raise hanging(
                    "called find_breaking_point(steps)",
                    "it did not return",
                    await process.where(),
                    ARITHMETIC_LIMIT_S,
                    "an answer",
                )
            return told
        finally:
            await process.end()

    # --- runs under load ----------------------------------------------------------------------------------------------

    async def trouble(self, did: str, run: LoadRun) -> Unmet | None:
        """Why a run did not get as far as it should, where it did not."""
        rehearsal = await self.rehearsal()
        if rehearsal.raised and not run.events:
            return tick_trouble(rehearsal.raised, rehearsal.at_s)
        return ended_early(did, run)

    async def healthy(self) -> LoadRun:
        """A run against the healthy service, until there are requests enough to judge by."""
        found: LoadRun = await self._healthy()
        return found

    def _healthy(self) -> asyncio.Task[Any]:
        return self._once("healthy", self._run_healthy)

    async def _run_healthy(self) -> LoadRun:
        schedule = (await self.rehearsal()).schedule
        factor = schedule.factor
        for attempt in range(ATTEMPTS):
            run = await self._run(HEALTHY, attempt, schedule, factor, _has_requests)
            if run.is_over and len(run.events) < LEAST_REQUESTS and factor > 1:
                # A crowd that thinks long may need more time than the compressed clock gave it.
                factor = 1.0
                run = await self._run(HEALTHY, attempt, schedule, factor, _has_requests)
            unexcused = sum(event.failed and not is_excused(event) for event in run.events)
            if unexcused == 0 or unexcused > FEW:
                break
        return run

    async def broken(self, kind: str) -> LoadRun:
        """A run against a service with that fault, until it has shown it often enough."""
        found: LoadRun = await self._broken(kind)
        return found

    def _broken(self, kind: str) -> asyncio.Task[Any]:
        return self._once(kind, lambda: self._run_broken(kind))

    async def _run_broken(self, kind: str) -> LoadRun:
        schedule = (await self.rehearsal()).schedule
        return await self._run(kind, 0, schedule, schedule.factor, _has_wrong_answers, wrong_answers=ENOUGH_WRONG)

    async def breaking(self, which: int) -> Breaking:
        """A run through the whole shape, against the lower (0) or the higher (1) of two capacities."""
        found: Breaking = await self._breaking(which)
        return found

    def _breaking(self, which: int) -> asyncio.Task[Any]:
        return self._once(f"breaking {which}", lambda: self._run_breaking(which))

    async def _run_breaking(self, which: int) -> Breaking:
        rehearsal = await self.rehearsal()
        schedule = rehearsal.schedule
        if rehearsal.name != "StepLoad" or rehearsal.raised or not schedule.steps or schedule.end_s is None:
            raise GraderFaultError("there is no shape to be run from its first step to its end")
        for attempt in range(ATTEMPTS):
            random_ = random.Random(self.seed)  # the same for both runs, so that their places lie apart
            users = schedule.heights
            low, high = two_places(len(users), schedule.falls_after_its_peak, random_)
            if attempt and low >= 0:
                high = low + APART  # fewer users are disturbed less
            capacity = capacity_at(users, (low, high)[which], random.Random(self.seed + attempt))
            run = await self._run("LimitedCapacity", attempt, schedule, schedule.factor, capacity=capacity)
            test = run.load_test(capacity)
            if not test.is_disturbed or run.report_trouble or report_trouble(test.report) or test.fits_report:
                break
        return Breaking(run, test, attempt + 1)

    async def _run(
        self,
        kind: str,
        attempt: int,
        schedule: Schedule,
        factor: float,
        is_enough: Enough = lambda process, service: False,
        **more: Any,
    ) -> LoadRun:
        limit_s = min(1.5 * schedule.real_s * schedule.factor / factor, RUN_LIMIT_S * 5) + 10
        async with self._turns.alone() if attempt else self._turns.together():
            return await run_load(
                (self._launcher, self._locust),
                self._submission,
                kind,
                factor=factor,
                limit_s=limit_s,
                is_enough=is_enough,
                **more,
            )

    async def close(self) -> None:
        """Leave nothing running."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._warm is not None:
            self._warm.close()


def _has_requests(process: LocustProcess, service: Any) -> bool:
    """Enough requests to both endpoints that did not fail because this machine was late."""
    in_time = [event for event in process.requests if not is_excused(event)]
    return len(in_time) >= ENOUGH_REQUESTS and {"/predict", "/health"} <= {event.path for event in in_time}


def is_excused(event: Reported) -> bool:
    """Whether a failure can be the machine's doing: a healthy answer that came late is rightly reported as one."""
    return event.failed and event.latency_ms > LATE_MS


def _has_wrong_answers(process: LocustProcess, service: Any) -> bool:
    """Enough wrong answers given, and most of them reported by Locust (or its tasks raised instead)."""
    if not service.was_wrong_often_enough:
        return False
    reported = sum(event.path == "/predict" for event in process.requests)
    return reported >= ENOUGH_WRONG - 2 or process.raised() is not None
