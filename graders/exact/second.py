"""The second judge of exercise 2: asked where the live clock could not tell, and where a failure is to be explained."""

from __future__ import annotations

from typing import Any

from graders.exact.result import Unjudged
from graders.exact.traffic import ExactTraffic, exact_traffic
from graders.exact.trust import STRANGERS, may_excuse
from graders.expect import Expect, Inconclusive, Unmet
from graders.running.known_traffic import Known
from graders.running.launcher import Launcher
from graders.running.traffic import Traffic
from graders.submission import Submission


class SecondJudge:
    """Judges the known traffic of one check in virtual time; the requirements are those of the live run.

    What is missed there fails the check. What is met there passes it, except where somebody else's work is graded: code
    that is graded runs in one process with this judge, and could speak for it.
    """

    def __init__(self, launcher: Launcher, submission: Submission, expect: Expect) -> None:
        self._launcher = launcher
        self._submission = submission
        self._expect = expect
        self.why_not = ""
        """Why it could not decide, the last time it was asked."""

    async def settled(self, traffic: Traffic, known: Known) -> dict[str, Any]:
        """The live metrics once they meet the requirements; a failure is told with what virtual time shows of it."""
        try:
            return await traffic.settled(lambda told: known.requirements(self._expect, told, traffic))
        except Unmet as unmet:
            raise await self._explained(unmet, known) from None

    async def passes(self, known: Known) -> ExactTraffic | None:
        """The traffic in virtual time where it passes the check; raises `Unmet` where it fails it.

        `None` where virtual time cannot tell, or must not.
        """
        found = await exact_traffic(self._launcher, self._submission, known.plan, known.env)
        if isinstance(found, Unjudged):
            self.why_not = found.why
            return None
        try:
            known.requirements(self._expect, found.told, found)
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

    async def _explained(self, live: Unmet, known: Known) -> Unmet:
        pictures = self._expect.pictures
        found = await exact_traffic(self._launcher, self._submission, known.plan, known.env)
        if isinstance(found, Unjudged):
            return live
        try:
            known.requirements(self._expect, found.told, found)
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
