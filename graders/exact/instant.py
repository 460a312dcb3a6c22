"""The verdicts that virtual time can give at once: all bursts of an exercise in one forked child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graders.exact.launched import burst, judge
from graders.measuring.challenges import IN_EXACT_TIME
from graders.measuring.timeline import Timeline
from graders.running.launcher import Launcher
from graders.running.troubles import start_trouble
from graders.submission import Submission

Said = Literal["met", "missed", "unclear"]


@dataclass(frozen=True, slots=True)
class InstantVerdict:
    """What the exact judge says about one check; a hint at what the live judge will see, and no points."""

    check_id: str
    says: Said
    wall_s: float | None
    why: str = ""


async def instant_verdicts(launcher: Launcher, submission: Submission, exercise_id: str) -> list[InstantVerdict]:
    """The exact judge's word on each check of the exercise that it can decide."""
    challenges = IN_EXACT_TIME[exercise_id]
    bursts = tuple(burst(challenge.requests(), name) for name, challenge in challenges.items())
    result = await judge(launcher, submission, bursts)
    if result.trouble is not None:
        trouble = start_trouble({**result.trouble, "event": result.trouble.get("event", "broken")}, "", 0.0)
        return [InstantVerdict("starts", "missed", None, trouble.saw)]
    verdicts = []
    for name, challenge in challenges.items():
        found = result.burst(name)
        if found is None:
            verdicts.append(InstantVerdict(name, "unclear", None, result.cannot_judge or result.never_ends or ""))
            continue
        if found.cannot_judge:
            verdicts.append(InstantVerdict(name, "unclear", None, found.cannot_judge))
            continue
        answered = all(answer.status == 200 for answer in found.timeline.answers)
        met = answered and challenge.is_met(found.timeline)
        why = "" if met else _why(found.timeline, answered)
        verdicts.append(InstantVerdict(name, "met" if met else "missed", challenge.wall(found.timeline), why))
    return verdicts


def _why(timeline: Timeline, answered: bool) -> str:
    if not answered:
        wrong = next(a for a in timeline.answers if a.status != 200)
        return f"{wrong.label} was answered {wrong.status}" if wrong.status else str(wrong.error)
    if worst := timeline.blocking_line():
        return f"{worst.file}, line {worst.line} held the event loop: {worst.code}"
    return ""
