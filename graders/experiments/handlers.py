"""Experiment 1: three handlers that take 0.1 s, with 5 and with 100 requests at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from graders.exact.launched import burst, judge
from graders.expect import Picture
from graders.experiments.shape import Question, Tell
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
Burst = tuple[Case, Timeline]


async def measure(launcher: Launcher, tell: Tell) -> AsyncGenerator[Burst, None]:
    """Each case with its best burst of three: noise only ever adds time. A case that takes seconds is run once."""
    service = Service(launcher, Submission.at(FOLDER))
    try:
        await service.ready()
        for case in CASES:
            tell(case.text)
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


async def exactly(launcher: Launcher, of: Burst) -> Timeline | None:
    """The case on a virtual clock; `None` where that could not be had."""
    result = await judge(launcher, Submission.at(FOLDER), (burst(_requests(of[0])),))
    return result.bursts[0].timeline if result.bursts else None


def wall_s(bursts: Sequence[Burst], letter: str, users: int) -> float | None:
    """How long one handler took for so many requests, once it is measured."""
    return next((t.wall_s for case, t in bursts if (case.letter, case.users) == (letter, users)), None)


def questions() -> tuple[Question[Burst], ...]:
    """One for each case."""

    def asked(case: Case) -> Question[Burst]:
        return Question(case.text, "s", lambda bursts: wall_s(bursts, case.letter, case.users))

    return tuple(asked(case) for case in CASES)


def each(of: Burst) -> tuple[str, Picture]:
    """One case, as it is measured."""
    case, timeline = of
    return f"{case.text}   {timeline.wall_s:.2f} s", timeline


def notes(bursts: Sequence[Burst]) -> list[str]:
    """What the learner copies."""
    rows = [f"  {case.name:30} {timeline.wall_s:.2f}" for case, timeline in bursts if case.name]
    return ["For app/observations.py (yours to copy):", *rows] if rows else []


def says(bursts: Sequence[Burst]) -> str:
    """What the largest crowd took at each handler, against the one that awaits."""
    most = max(case.users for case, _ in bursts)
    found = {case.letter: timeline.wall_s for case, timeline in bursts if case.users == most}
    a, b, c = (found[letter] for letter in "ABC")
    text = f"{most} requests at once took {a:.2f} s with A, {c / a:.1f} times as long with C and {b / a:.1f} with B"
    if b > c > a:
        return f"{text}: an await lets others go on, a thread lets as many go on as there are threads, B lets nobody."
    return f"{text}: theory says A, then C, then B. Measure again when the machine is less busy."


def _requests(case: Case) -> list[Request]:
    return [Request("POST", f"/{case.letter.lower()}", {}) for _ in range(case.users)]
