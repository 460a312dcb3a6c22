"""What a burst says about a limit of predictions in flight: who was let in, who was turned away, and in which order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graders.measuring.timeline import Answer, Timeline
from graders.measuring.tuning_pictures import Shedding

RESOLUTION_S = 0.001  # a sleep may end so much early
SHED = 503


@dataclass(frozen=True, slots=True)
class Stay:
    """One accepted prediction as its client saw it: sent, done, and the least that it takes inside, in seconds."""

    sent_s: float
    done_s: float
    takes_s: float


@dataclass(frozen=True, slots=True)
class Excess:
    """More predictions than the limit can have let through: `count` of at least `takes_s` each within `window_s`."""

    count: int
    most: int
    window_s: float
    takes_s: float


def most_within(window_s: float, takes_s: float, limit: int) -> int:
    """How many predictions of at least `takes_s` seconds a limit lets through, begun and ended within a window.

    Each of the `limit` places serves one after another, so it serves floor(window / takes) of them; a window that is
    shorter than one prediction proves that it does not take its time, and is no reason to count fewer than one each.
    """
    return limit * max(1, math.floor(window_s / max(takes_s - RESOLUTION_S, RESOLUTION_S)))


def excess(stays: Iterable[Stay], limit: int) -> Excess | None:
    """The proof that more were in flight than the limit allows; `None` where there is none.

    Up to each moment at which one was done, two bounds must hold for those that were done by then: as many as the
    places can serve one after another (`most_within`), and not more time in places than there was, `limit` times the
    window. Noise cannot break them: what a client sees begins before the prediction does and ends after it, so every
    delay makes the window longer and the bounds larger.
    """
    by_end = sorted(stays, key=lambda stay: stay.done_s)
    for count in range(len(by_end), limit, -1):
        done = by_end[:count]
        for takes_s in {stay.takes_s for stay in done}:
            among = [stay for stay in done if stay.takes_s >= takes_s]
            window_s = among[-1].done_s - min(stay.sent_s for stay in among)
            most = min(most_within(window_s, takes_s, limit), _most_by_time(among, window_s, limit))
            if len(among) > most:
                return Excess(len(among), most, window_s, takes_s)
    return None


def _most_by_time(stays: list[Stay], window_s: float, limit: int) -> int:
    """How many of these, the shortest first, fit into the places for so long; never fewer than one for each place."""
    used_s = 0.0
    for count, takes_s in enumerate(sorted(max(stay.takes_s - RESOLUTION_S, 0.0) for stay in stays)):
        used_s += takes_s
        if count >= limit and used_s > limit * window_s:
            return count
    return len(stays)


@dataclass(frozen=True, slots=True)
class Shed:
    """A burst at a service with a limit: its predictions, and what else was asked meanwhile."""

    timeline: Timeline
    limit: int
    takes_s: Mapping[str, float]
    """Label to the least time that such a prediction takes; other labels are no predictions."""

    @property
    def predictions(self) -> Sequence[Answer]:
        """The requests that the limit is about."""
        return [a for a in self.timeline.answers if a.label in self.takes_s]

    @property
    def others(self) -> Sequence[Answer]:
        """The requests that must never be shed."""
        return [a for a in self.timeline.answers if a.label not in self.takes_s]

    @property
    def accepted(self) -> Sequence[Answer]:
        """The predictions that were answered 200."""
        return [a for a in self.predictions if a.is_complete and a.status == 200]

    @property
    def shed(self) -> Sequence[Answer]:
        """The predictions that were answered 503."""
        return [a for a in self.predictions if a.is_complete and a.status == SHED]

    @property
    def strange(self) -> Sequence[Answer]:
        """The predictions that were answered otherwise, or not at all."""
        return [a for a in self.predictions if a not in self.accepted and a not in self.shed]

    @property
    def excess(self) -> Excess | None:
        """The proof that the limit was exceeded, if there is one."""
        return excess(
            (Stay(a.sent_s, a.done_s, self.takes_s[a.label]) for a in self.accepted if a.done_s is not None), self.limit
        )

    @property
    def first_accepted_s(self) -> float:
        """When the first accepted prediction was done; infinite where none was."""
        return min((a.done_s for a in self.accepted if a.done_s is not None), default=math.inf)

    @property
    def last_shed_s(self) -> float:
        """When the last one was turned away; 0 where none was."""
        return max((a.done_s for a in self.shed if a.done_s is not None), default=0.0)

    @property
    def is_prompt(self) -> bool:
        """Whether everyone who was turned away knew it before the first accepted prediction was done."""
        return self.last_shed_s < self.first_accepted_s

    @property
    def window_s(self) -> float:
        """From the first accepted prediction sent to the last one done, in seconds; infinite where none was."""
        done = [a.done_s for a in self.accepted if a.done_s is not None]
        return max(done) - min(a.sent_s for a in self.accepted) if done else math.inf

    @property
    def waiting(self) -> int:
        """How many accepted predictions were in the service, not answered yet, at a moment when it had read them all.

        Such a moment is when a question was answered that was sent after the answer to another one, which was itself
        sent behind the predictions: the service takes up what has come in turn. Of those that were there, no more than
        `limit` can have been at work; the others waited. 0 where there was no such moment, or only after the first
        accepted one was done.
        """
        asked = sorted((a for a in self.others if a.done_s is not None), key=lambda a: a.sent_s)
        seconds = (b.done_s for a in asked for b in asked if a.done_s is not None and b.sent_s >= a.done_s)
        moment = min((s for s in seconds if s is not None and s < self.first_accepted_s), default=None)
        return 0 if moment is None else len(self.accepted)

    @property
    def is_exact(self) -> bool:
        """Whether the burst shows the limit: prompt, and as many accepted, at the same time, as it has places.

        At the same time: in such a window one place fewer could not have served as many.
        """
        if self.strange or not self.is_prompt or len(self.accepted) != self.limit:
            return False
        least_s = min(self.takes_s[a.label] for a in self.accepted)
        return most_within(self.window_s, least_s, self.limit - 1) < self.limit

    @property
    def picture(self) -> Shedding:
        """What to draw."""
        return Shedding.of(self.limit, self.timeline.answers)
