"""How many calls of the model a crowd of batched predictions took: answers on one side, MODEL_LOG on the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from graders.measuring.attempts import Sight
from graders.measuring.timeline import Answer, Timeline
from graders.measuring.tuning_pictures import Batches
from graders.measuring.wire import Request
from graders.running.model_log import Call

if TYPE_CHECKING:
    from graders.running.program import Program

PATH = "/predict/batched"
LIMIT_S = 8.0
EVERY_S = 0.02
BAD = 3
STEP = 1.3
"""Neighbouring items differ by this factor, so that their scores, which grow like logarithms, lie clearly apart."""


@dataclass(frozen=True, slots=True)
class Batched:
    """One crowd at /predict/batched and the calls of the model that it caused."""

    timeline: Timeline
    calls: tuple[Call, ...]

    @property
    def answers(self) -> Sequence[Answer]:
        """In the order of the requests, whose features grow."""
        return sorted(self.timeline.answers, key=lambda answer: answer.user)

    def other_than(self, status: int) -> Answer | None:
        """The first answer of another status, if there is one."""
        return next((answer for answer in self.answers if answer.status != status), None)

    @property
    def largest(self) -> int:
        """The most items of one call; 0 without any."""
        return max((call.items for call in self.calls), default=0)

    @property
    def mixed_up(self) -> int | None:
        """The first request whose answer does not follow the one before, as the model's scores do; `None` if none."""
        last = -float("inf")
        for at, answer in enumerate(self.answers):
            if answer.status != 200:
                continue
            score = answer.json()["prediction"]
            if score <= last:
                return at
            last = score
        return None

    @property
    def first_done_s(self) -> float:
        """When the first answer was there; infinity without any."""
        return min((answer.done_s for answer in self.timeline.answers if answer.done_s is not None), default=math.inf)

    @property
    def last_sent_s(self) -> float:
        """When the last request was sent."""
        return max(answer.sent_s for answer in self.timeline.answers)

    @property
    def longest_gap_s(self) -> float:
        """The longest time in which nobody sent a request, of a crowd that comes one by one."""
        sent_s = sorted(answer.sent_s for answer in self.timeline.answers)
        return max(after - before for before, after in pairwise(sent_s))

    @property
    def picture(self) -> Batches:
        """Items per call, and how long the crowd took."""
        wall_s = max((answer.done_s or 0.0 for answer in self.timeline.answers), default=0.0)
        return Batches(len(self.answers), tuple(call.items for call in self.calls), round(wall_s, 3))


def shares_calls(seen: Batched, calls: int) -> Sight:
    """Whether a crowd took at most so many calls; more prove nothing: on a busy machine it may come in too slowly."""
    if seen.other_than(200) is not None or not seen.calls:
        return Sight.REFUTED
    return Sight.SHOWN if len(seen.calls) <= calls else Sight.UNCLEAR


def closes_in_time(seen: Batched, wait_s: float) -> Sight:
    """Whether batches were closed while requests still came one by one, none of them late by the wait itself.

    A batch that waits anew for each request is never closed meanwhile, unless a pause of the machine closes it; two
    such pauses in one crowd are taken for none.
    """
    if seen.other_than(200) is not None or not seen.calls:
        return Sight.REFUTED
    was_early = seen.first_done_s < seen.last_sent_s and seen.longest_gap_s < wait_s
    return Sight.SHOWN if was_early and len(seen.calls) >= 3 else Sight.UNCLEAR


def growing(count: int, offset: float = 0.0) -> list[Request]:
    """So many requests whose features grow."""
    return [Request("POST", PATH, {"feature_1": STEP**at + offset, "feature_2": 2.0}) for at in range(count)]


def spoilt(count: int, offset: float = 0.0) -> list[Request]:
    """The same requests, but that the one numbered `BAD` has a negative feature, and the last two are alike."""
    requests = growing(count, offset)
    requests[BAD] = replace(requests[BAD], json={"feature_1": -1.0, "feature_2": 2.0})
    return [*requests[:-1], requests[-2]]


def trickling(count: int, offset: float = 0.0) -> list[Request]:
    """Requests whose features grow, one each 20 ms."""
    return [replace(request, at_s=EVERY_S * at) for at, request in enumerate(growing(count, offset))]


async def crowd(program: Program, count: int, kind: Callable[[int, float], list[Request]] = growing) -> Batched:
    """Send `count` batched predictions of a kind."""
    await program.ready()
    mark = program.model_log.mark()
    timeline = await program.burst(kind(count, mark / 1000), LIMIT_S)  # no payload of an earlier crowd
    return Batched(timeline, tuple(program.model_log.since(mark, "infer_batch")))
