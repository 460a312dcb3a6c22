"""Exercise 4 in exact time: `python -m app` on a virtual clock, asked where the live clock could not tell.

A live pass stands, and so does a miss on a quiet machine; of that one the virtual clock draws what has no noise in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from graders.exact.launched import burst, judge_program, why_it_did_not_start
from graders.exact.result import Unjudged
from graders.exact.scenario import Upstream
from graders.exact.trust import STRANGERS, may_excuse
from graders.expect import Expect
from graders.measuring.attempts import LEAST_QUIET, Decided, Finding, Sight
from graders.measuring.shedding import Shed
from graders.measuring.timeline import Answer, Timeline
from graders.measuring.wire import Request
from graders.running.launcher import Launcher
from graders.running.model_log import Call
from graders.running.tuning import limits, require, store_crowd
from graders.running.tuning.batches import Batched
from graders.running.tuning.faults import Told
from graders.running.tuning.threads import Threaded
from graders.submission import Submission

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.quiet import Machine

DEFAULT_TIMEOUT_S = 1.0
"""What FEATURE_STORE_TIMEOUT is where it is not set (contract)."""
ENTITY = "in-exact-time"

Seen = TypeVar("Seen")
Look = Callable[[], Awaitable[Seen | Unjudged]]


@dataclass(frozen=True)
class DecidedTwice(Decided[Seen]):
    """What both judges say; `why_not` is what keeps the exact one from deciding."""

    why_not: str = ""

    @property
    def busy_text(self) -> str:
        """Why nobody can tell."""
        return f"{super().busy_text} The exact judge cannot tell either: {self.why_not}."


@dataclass(frozen=True, slots=True)
class Virtual:
    """A burst at a program in virtual time, and the calls of the model that it caused."""

    timeline: Timeline
    calls: tuple[Call, ...]


class InExactTime:
    """The second judge of one check."""

    def __init__(self, launcher: Launcher, submission: Submission, expect: Expect) -> None:
        self._launcher = launcher
        self._submission = submission
        self._expect = expect
        self.said = ""
        """To be added to what was done: whether it was done in exact time, the last time that this judge was asked."""

    async def decided(
        self,
        live: Decided[Seen],
        look: Look[Seen],
        sight: Callable[[Seen], Sight],
        passes: Collection[Finding] = (Finding.SHOWN,),
    ) -> Decided[Seen]:
        """The live finding where it is one; else what virtual time shows. `sight` judges a look at exact times.

        `passes` are the live findings that need no second judge.
        """
        self.said = ""
        if live.finding in passes:
            return live
        seen = await look()
        if isinstance(seen, Unjudged):
            return self._without(live, seen.why)
        seen_as = sight(seen)
        if seen_as is Sight.SHOWN:
            if not live.is_busy:
                return live
            if not may_excuse():
                return self._without(live, STRANGERS)
        elif live.finding is Finding.REFUTED and seen_as is not Sight.REFUTED:
            return live  # what proves it happened live
        finding = Finding.MISSED if seen_as is Sight.UNCLEAR else Finding(seen_as.value)
        self._expect.show(judge="exact" if live.is_busy else "live, explained in exact time")
        self.said = ", in exact time"
        return Decided(finding, seen, live.looks, live.quiet)

    def _without(self, live: Decided[Seen], why: str) -> Decided[Seen]:
        return DecidedTwice(live.finding, live.seen, live.looks, live.quiet, why) if live.is_busy else live

    async def burst(
        self, program: Program, requests: Sequence[Request], upstream: Upstream | None = None
    ) -> Virtual | Unjudged:
        """One burst at a fresh start with the program's settings, in virtual time."""
        bursts = (burst(requests),)
        result, log = await judge_program(self._launcher, self._submission, bursts, program.settings, upstream)
        found = result.burst("burst")
        if result.cannot_judge or found is None:
            return Unjudged(
                result.cannot_judge or why_it_did_not_start(result) or "it did not start on a virtual clock"
            )
        return Virtual(found.timeline, tuple(log.calls("infer_batch")))

    async def threaded(self, program: Program, requests: Sequence[Request]) -> Threaded | Unjudged:
        """Predictions at plain `def` handlers."""
        found = await self.burst(program, requests)
        if isinstance(found, Unjudged):
            return found
        return _only_200(found.timeline) or Threaded(found.timeline, new_threads=0, were_waiting=True)

    async def limited(
        self, program: Program, requests: Sequence[Request], takes_s: dict[str, float]
    ) -> Shed | Unjudged:
        """Predictions at a service with a limit, with what is never shed behind them; see `limits.limited_burst`."""
        found = await self.burst(program, limits.with_open_ones(requests), Upstream(program.store.reply))
        if isinstance(found, Unjudged):
            return found
        return Shed(found.timeline, limits.LIMIT, {request.label: takes_s[request.path] for request in requests})

    async def alone(self, program: Program, requests: Sequence[Request]) -> Answer | Unjudged:
        """One request by itself."""
        found = await self.burst(program, requests)
        if isinstance(found, Unjudged):
            return found
        (answer,) = found.timeline.answers
        return answer if answer.is_complete else Unjudged("it was never answered on the virtual clock")

    async def without_noise(self, told: Sequence[Told], machine: Machine) -> list[Told]:
        """What the service told of each fault; a 504 for a store that was fast enough is asked about in exact time.

        Such a 504 stands where the reference service answers in half of the time that the store had left. Raises
        `Inconclusive` where nobody can tell.
        """
        return [await self._again(each, machine) if _may_be_noise(each) else each for each in told]

    async def _again(self, told: Told, machine: Machine) -> Told:
        question = [Request("GET", "/health")]
        quiet = [await machine.answers_within(_left_s(told) / 2, question) for _ in range(LEAST_QUIET)]
        live = Decided(Finding.MISSED if all(quiet) else Finding.BUSY, told, len(quiet), sum(quiet))

        async def look() -> Told | Unjudged:
            request = Request("POST", store_crowd.PATH, {"entity_id": ENTITY})
            found = await self.burst(told.program, [request], Upstream(replies={ENTITY: told.fault.reply}))
            return found if isinstance(found, Unjudged) else replace(told, answer=found.timeline.answers[0])

        decided = await self.decided(live, look, lambda each: Sight.SHOWN if each.is_right else Sight.REFUTED)
        return require.conclusive(decided).seen

    async def crowd(self, program: Program, requests: Sequence[Request]) -> Batched | Unjudged:
        """Batched predictions."""
        found = await self.burst(program, requests)
        if isinstance(found, Unjudged):
            return found
        return _only_200(found.timeline) or Batched(found.timeline, found.calls)


def _left_s(told: Told) -> float:
    """The time that the store had left when it answered, in seconds."""
    timeout_s = float(told.program.settings.get("FEATURE_STORE_TIMEOUT", DEFAULT_TIMEOUT_S))
    return timeout_s - told.fault.reply.delay_s


def _may_be_noise(told: Told) -> bool:
    return (told.fault.status, told.answer.status) == (200, 504) and _left_s(told) > 0


def is_under(wall_s: float, floor_s: float) -> bool:
    """Whether an exact time is below a floor: in whole microseconds, because exact times hit a floor exactly."""
    return round(wall_s, 6) < round(floor_s, 6)


def _only_200(timeline: Timeline) -> Unjudged | None:
    wrong = next((answer for answer in timeline.answers if answer.status not in (200, None)), None)
    return Unjudged(f"{wrong.label} was answered {wrong.status} on the virtual clock") if wrong else None
