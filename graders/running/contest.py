"""Bursts at the learner's service and at the reference service in turn: what the graded suite calls a race."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from graders.exact.launched import burst, judge
from graders.expect import Unmet
from graders.measuring.challenges import Challenge
from graders.measuring.crowd import Crowd, HttpxCrowd, WireCrowd
from graders.measuring.race import Exact, Race, race
from graders.measuring.timeline import Answer, Timeline
from graders.measuring.wire import Request
from graders.running.confine import Confinement
from graders.running.launcher import Launcher
from graders.running.service import NEXT_LIMIT_S, Service
from graders.running.troubles import last_place, traceback_of

TYPICAL_CPU_MS = 1.0
MAX_CPU_MS = 1.5
PATIENCE = 3  # floors: a burst that is not over by then has missed by far, and the exact picture shows the rest


class Contest:
    """The learner's service against a floor, with the lab's reference service as the measure of the machine."""

    def __init__(self, service: Service, launcher: Launcher) -> None:
        self._service = service
        self._launcher = launcher
        self._reference: Service | None = None
        self._cpu_ms = TYPICAL_CPU_MS
        self._is_strangers = Confinement.from_environment(os.environ).kind != "open"

    async def __call__(
        self,
        challenge: Challenge,
        *,
        client: Literal["httpx", "wire"] = "wire",
    ) -> Race:
        """Send the challenge's burst until it is met or missed for certain; see `measuring.race`.

        Raises `Unmet` where a request is answered by something else than 200, or the service dies.
        """
        crowds: dict[str, tuple[Service, Crowd, int]] = {}

        async def send(service: Service, wanted: Sequence[Request]) -> tuple[float, Timeline]:
            await service.ready()
            key = "reference" if service is self._reference else "learner"
            if key not in crowds or crowds[key][2] != service.port:
                if key in crowds:
                    await crowds[key][1].leave()
                crowd: Crowd = HttpxCrowd(service.url) if client == "httpx" else WireCrowd(service.port)
                crowds[key] = (service, crowd, service.port)
            limit_s = PATIENCE * challenge.floor_s
            known = any(service.is_known_silent(request.label) for request in wanted)
            return await crowds[key][1].burst(wanted, min(limit_s, NEXT_LIMIT_S) if known else limit_s)

        async def attempt() -> Timeline:
            wanted = challenge.requests()
            await self._service.ready()
            before_s = await self._service.cpu_s()
            began, timeline = await send(self._service, wanted)
            if challenge.is_met(timeline):
                await self._only_200(timeline)
                return timeline
            return await self._explained(began, timeline, before_s)

        async def reference() -> Timeline:
            if self._reference is None:
                self._reference = Service(self._launcher, None)
                self._reference.start()
            spin = {"x-lab-spin-ms": f"{self._cpu_ms:.2f}"}
            return (await send(self._reference, [replace(r, headers=spin) for r in challenge.requests()]))[1]

        try:
            return await race(
                attempt,
                reference,
                challenge,
                in_exact_time=lambda: self._in_exact_time(challenge),
                is_certain=lambda timeline: timeline.loop_cpu_s >= challenge.floor_s,
            )
        finally:
            for _, crowd, _ in crowds.values():
                await crowd.leave()

    async def _in_exact_time(self, challenge: Challenge) -> Exact:
        """The burst on a virtual clock, which runs in one process with the learner's code.

        Where somebody else's work is graded, its word explains a miss and never excuses one: code that is graded
        could speak for the judge.
        """
        assert self._service.submission is not None
        result = await judge(self._launcher, self._service.submission, (burst(challenge.requests()),))
        found = result.burst("burst")
        if found is None:
            return Exact(None, result.cannot_judge or "the submission did not start on a virtual clock")
        cannot = result.cannot_judge or ""
        if not cannot and self._is_strangers and challenge.is_met(found.timeline):
            cannot = "somebody else's work is passed on a live clock alone"
        return Exact(found.timeline, cannot)

    async def _explained(self, began: float, timeline: Timeline, before_s: tuple[float, float] | None) -> Timeline:
        """A missed attempt with what was seen inside the service, which is then fit for the next attempt."""
        blocked, pool = await self._service.evidence(began, time.monotonic())
        timeline = replace(timeline, blocked=blocked, pool=pool)
        await self._only_200(timeline)
        after_s = await self._service.cpu_s()
        if before_s is not None and after_s is not None:
            timeline = replace(timeline, loop_cpu_s=after_s[1] - before_s[1])
            spent_ms = 1000 * (after_s[0] - before_s[0]) / len(timeline.answers)
            self._cpu_ms = min(MAX_CPU_MS, max(self._cpu_ms, spent_ms))
        if any(answer.done_s is None for answer in timeline.answers):
            await self._service.restart()  # it still works on what was given up
        return timeline

    async def _only_200(self, timeline: Timeline) -> None:
        silent = {a.label for a in timeline.answers} - {a.label for a in timeline.answers if a.done_s is not None}
        for label in silent:
            if self._service.is_known_silent(label):
                raise await self._service.no_answer(label)  # once more is no news, and costs the learner seconds
        for answer in timeline.answers:
            if answer.error is not None:
                raise await self._service.no_answer(answer.label, answer.error)
            if answer.done_s is not None and answer.status != 200:
                raise await wrong_status(self._service, answer)

    async def end(self) -> None:
        """End the reference service."""
        if self._reference is not None:
            await self._reference.end()


async def wrong_status(service: Service, answer: Answer, did: str = "", wanted: str = "status 200") -> Unmet:
    """What to tell about an answer of another status than wanted; behind a 500 the learner's own traceback."""
    label = answer.label
    path = label.split()[1]
    saw = f"{label} was answered {answer.status}"
    look_at = {
        307: f"app/main.py: is the path of the route {path}, to the last character?",
        404: f"app/main.py: is there a route for {label}?",
        405: f"app/main.py: which methods does the route {path} accept?",
        422: f"{label}: what does it ask of the request that this one does not have?",
    }.get(answer.status or 0, f"the handler of {label}: why this status?")
    if answer.status == 500 and (raised := await service.raised(label)):
        saw += ", because your code raised:\n" + traceback_of(raised)
        look_at = f"{last_place(raised) or f'the handler of {label}'}: what does it need?"
    elif elsewhere := answer.headers.get("location"):
        saw += f": ask {urlsplit(elsewhere).path} instead"
    elif answer.status not in (404, 405):
        saw += f" with {answer.excerpt()}"
    return Unmet(did or f"sent {label}", saw, wanted, look_at, cause=f"{label} {answer.status}")
