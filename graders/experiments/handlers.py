"""Experiment 1: three handlers that take 0.1 s, with 5 and with 100 requests at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from graders.exact.launched import burst, judge
from graders.measuring.crowd import WireCrowd
from graders.measuring.timeline import Timeline
from graders.measuring.wire import Request
from graders.running.launcher import Launcher
from graders.running.service import Service
from graders.submission import Submission

FOLDER = Path(__file__).with_name("three_handlers")
ATTEMPTS = 3
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """One handler under one number of requests; `name` is where the learner notes the result, if anywhere."""

    letter: str
    kind: str
    users: int
    name: str = ""

    @property
    def text(self) -> str:
        """What is done, in a few words."""
        return f"{self.letter}  {self.kind}, {self.users} requests at once"


A, B, C = "async def + await asyncio.sleep(0.1)", "async def + time.sleep(0.1)", "def + time.sleep(0.1)"
CASES = (
    Case("A", A, 5, "FIVE_ASYNC_SLEEP"),
    Case("B", B, 5, "FIVE_TIME_SLEEP_IN_ASYNC_DEF"),
    Case("C", C, 5, "FIVE_TIME_SLEEP_IN_DEF"),
    Case("A", A, 100),
    Case("C", C, 100, "HUNDRED_TIME_SLEEP_IN_DEF"),
    Case("B", B, 100),
)


async def measure(launcher: Launcher, cases: tuple[Case, ...] = CASES) -> AsyncGenerator[tuple[Case, Timeline], None]:
    """Each case with its best burst of three: noise only ever adds time. A case that takes seconds is run once."""
    service = Service(launcher, Submission.at(FOLDER))
    try:
        await service.ready()
        for case in cases:
            crowd = WireCrowd(service.port)
            best: Timeline | None = None
            for _ in range(ATTEMPTS):
                _, timeline = await crowd.burst(_requests(case), LIMIT_S)
                if best is None or timeline.wall_s < best.wall_s:
                    best = timeline
                if timeline.wall_s > 1:
                    break
            await crowd.leave()
            assert best is not None
            yield case, best
    finally:
        await service.end()


async def measure_exactly(launcher: Launcher, case: Case) -> Timeline | None:
    """The case on a virtual clock; `None` where that could not be had."""
    result = await judge(launcher, Submission.at(FOLDER), (burst(_requests(case)),))
    return result.bursts[0].timeline if result.bursts else None


def _requests(case: Case) -> list[Request]:
    return [Request("POST", f"/{case.letter.lower()}", {}) for _ in range(case.users)]
