"""The verdicts that virtual time can give at once: a hint at what the live judge will see, and no points."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from graders.exact.launched import burst, judge, why_it_did_not_start
from graders.exact.result import ExactBurst, InstantVerdict, Unjudged
from graders.exact.traffic import exact_traffic
from graders.expect import Expect, Unmet
from graders.measuring.challenges import IN_EXACT_TIME, Challenge
from graders.measuring.timeline import Timeline
from graders.running.launcher import Launcher
from graders.submission import Submission

Instant = Callable[[Launcher, Submission], Coroutine[Any, Any, list[InstantVerdict]]]


# --- exercise 1: bursts, all of them in one child --------------------------------------------------------------------


async def of_bursts(launcher: Launcher, submission: Submission) -> list[InstantVerdict]:
    """The checks with a floor."""
    challenges = IN_EXACT_TIME["exercise1"]
    bursts = tuple(burst(challenge.requests(), name) for name, challenge in challenges.items())
    result = await judge(launcher, submission, bursts)
    if trouble := why_it_did_not_start(result):
        return [InstantVerdict("starts", "missed", why=trouble)]
    why_not = result.cannot_judge or result.never_ends or ""
    return [_of_burst(name, challenge, result.burst(name), why_not) for name, challenge in challenges.items()]


def _of_burst(name: str, challenge: Challenge, found: ExactBurst | None, why_not: str) -> InstantVerdict:
    if found is None or found.cannot_judge:
        return InstantVerdict(name, "unclear", why=(found and found.cannot_judge) or why_not)
    wall_s = challenge.wall(found.timeline)
    figure = f"{wall_s:.2f} s" if math.isfinite(wall_s) else ""
    answered = all(answer.status == 200 for answer in found.timeline.answers)
    if answered and challenge.is_met(found.timeline):
        return InstantVerdict(name, "met", figure)
    return InstantVerdict(name, "missed", figure, _why(found.timeline, answered))


def _why(timeline: Timeline, answered: bool) -> str:
    if not answered:
        wrong = next(a for a in timeline.answers if a.status != 200)
        return f"{wrong.label} was answered {wrong.status}" if wrong.status else str(wrong.error)
    if worst := timeline.blocking_line():
        return f"{worst.file}, line {worst.line} held the event loop: {worst.code}"
    return ""


# --- exercise 2: known traffic, a fresh start for each ---------------------------------------------------------------


async def of_known_traffic(launcher: Launcher, submission: Submission) -> list[InstantVerdict]:
    """The checks of what the middleware says about latencies that are known."""
    from graders.running import known_traffic as known

    checks = {
        "percentiles": (known.spread(1), lambda told: f"p95 {told['routes'][known.ROW]['p95_ms']:.1f} ms"),
        "overlapping_requests": (known.overlapping(1), lambda told: f"{told['max_ms']:.0f} ms"),
        "server_timing": (known.of_all_kinds(), lambda told: "6 headers"),
        "stages": (known.stages(known.StageDelays.stretched(1)), lambda told: "3 stages"),
    }

    async def verdict(name: str, traffic: known.Known, figure: Callable[[Mapping[str, Any]], str]) -> InstantVerdict:
        found = await exact_traffic(launcher, submission, traffic.plan, traffic.env)
        if isinstance(found, Unjudged):
            return InstantVerdict(name, "unclear", why=found.why)
        try:
            traffic.requirements(Expect(), found.told, found)
        except Unmet as unmet:
            return InstantVerdict(name, "missed", why=f"{unmet.saw.splitlines()[0]} (wanted: {unmet.wanted})")
        return InstantVerdict(name, "met", figure(found.told))

    return _each_reason_once(await asyncio.gather(*(verdict(name, *of) for name, of in checks.items())))


# --- exercise 4: `python -m app` with a few settings -----------------------------------------------------------------


async def of_programs(launcher: Launcher, submission: Submission) -> list[InstantVerdict]:
    """The checks of limits: on threads, on predictions in flight, on patience with a store, on calls of the model."""
    from graders.running.tuning.instantly import of_programs

    return _each_reason_once(await of_programs(launcher, submission))


def _each_reason_once(verdicts: Sequence[InstantVerdict]) -> list[InstantVerdict]:
    """All of them, or one in their place where the same thing keeps each of them from being judged."""
    first = verdicts[0]
    if first.says == "unclear" and all(verdict.why == first.why for verdict in verdicts):
        return [InstantVerdict("(all of them)", "unclear", why=first.why)]
    return list(verdicts)


INSTANT: Mapping[str, Instant] = {"exercise1": of_bursts, "exercise2": of_known_traffic, "exercise4": of_programs}
"""Per exercise, what the exact judge can say within tenths of a second."""
