"""The second judge of exercise 2: asked where the live clock could not tell, and where a failure is to be explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from graders.exact.result import Unjudged
from graders.exact.traffic import ExactTraffic, Plan, exact_traffic
from graders.exact.trust import STRANGERS, may_excuse
from graders.expect import Expect, Inconclusive, Unmet
from graders.measuring.ledger import Exchange
from graders.measuring.sandwich import Sandwich
from graders.running.launcher import Launcher
from graders.running.reported import Bounded
from graders.running.traffic import Traffic
from graders.submission import Submission


class Judged(Bounded, Protocol):
    """Traffic of either kind."""

    def sandwich(self, row: str | None = None, blur: int = 0) -> Sandwich:
        """What the latencies of a row, or of all, must lie between."""
        ...

    def counted(self, row: str | None = None) -> list[Exchange]:
        """The requests that the metrics must count, of one row or all."""
        ...


Requirements = Callable[[Mapping[str, Any], Judged], None]
"""What must hold of the metrics and of the traffic; raises `Unmet`."""


class SecondJudge:
    """Judges planned traffic of one check in virtual time; the plan and the requirements are those of the live run.

    What is missed there fails the check. What is met there passes it, except where somebody else's work is graded: code
    that is graded runs in one process with this judge, and could speak for it.
    """

    def __init__(self, launcher: Launcher, submission: Submission, expect: Expect) -> None:
        self._launcher = launcher
        self._submission = submission
        self._expect = expect
        self.why_not = ""
        """Why it could not decide, the last time it was asked."""

    async def settled(self, traffic: Traffic, plan: Plan, requirements: Requirements) -> dict[str, Any]:
        """The live metrics once they meet the requirements; a failure is told with what virtual time shows of it."""
        try:
            return await traffic.settled(lambda told: requirements(told, traffic))
        except Unmet as unmet:
            raise await self._explained(unmet, plan, requirements) from None

    async def passes(
        self, plan: Plan, requirements: Requirements, env: Mapping[str, str] | None = None
    ) -> ExactTraffic | None:
        """The traffic in virtual time where it passes the check; raises `Unmet` where it fails it.

        `None` where virtual time cannot tell, or must not.
        """
        found = await exact_traffic(self._launcher, self._submission, plan, env)
        if isinstance(found, Unjudged):
            self.why_not = found.why
            return None
        try:
            requirements(found.told, found)
        except Unmet as unmet:
            self._expect.show(judge="exact")
            raise in_exact_words(unmet) from None
        if not may_excuse():
            self.why_not = STRANGERS
            return None
        self._expect.show(judge="exact")
        return found

    def inconclusive(self, why: str) -> Inconclusive:
        """Neither judge can tell: the live one for this reason, the exact one for its own."""
        return Inconclusive(f"{why} The exact judge cannot tell either: {self.why_not}.")

    async def _explained(self, live: Unmet, plan: Plan, requirements: Requirements) -> Unmet:
        pictures = self._expect.pictures
        found = await exact_traffic(self._launcher, self._submission, plan)
        if isinstance(found, Unjudged):
            return live
        try:
            requirements(found.told, found)
        except Unmet as exact:
            if _figure(exact) != _figure(live):
                self._expect.pictures = pictures
                return live
            if exact.saw == live.saw:
                return live
            saw = f"{live.saw}\nin exact time, without noise: {exact.saw.splitlines()[0]} (wanted: {exact.wanted})"
            return Unmet(live.did, saw, live.wanted, live.look_at, live.cause)
        self._expect.pictures = pictures
        return live


def in_exact_words(unmet: Unmet) -> Unmet:
    """A failure that the virtual clock saw, told as such."""
    return Unmet(f"{unmet.did}, in exact time", unmet.saw, unmet.wanted, unmet.look_at, unmet.cause)


def _figure(unmet: Unmet) -> str:
    return unmet.saw.split(" ", 1)[0]
