"""A load shape as a plan: how many users, from when, for how long, in seconds of its own run time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

SHORTEST_STEP_S = 2.0
"""How long the shortest step lasts when the clock is compressed, in real seconds (contract, `steps_up`)."""

UNLIMITED = 1_000_000
"""A capacity that no crowd of this lab reaches."""

APART = 3


@dataclass(frozen=True, slots=True)
class Step:
    """So many users from `start_s` on, held for `hold_s`."""

    users: int
    start_s: float
    hold_s: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a load shape; `end_s` is `None` where it never ended in the time that it was watched."""

    steps: tuple[Step, ...]
    end_s: float | None
    watched_s: float

    @classmethod
    def from_changes(cls, changes: Sequence[tuple[float, int]], end_s: float | None, watched_s: float) -> Schedule:
        """From each moment at which the number of users changed; a start with no users at all is left out."""
        while changes and changes[0][1] == 0:
            changes = changes[1:]
        until = watched_s if end_s is None else end_s
        steps = tuple(Step(users, at, after - at) for (at, users), (after, _) in pairwise([*changes, (until, 0)]))
        return cls(steps, end_s, watched_s)

    @property
    def rising(self) -> tuple[Step, ...]:
        """Everything up to the peak, the peak included."""
        if not self.steps:
            return ()
        peak = max(range(len(self.steps)), key=lambda i: self.steps[i].users)  # the first one of several
        return self.steps[: peak + 1]

    @property
    def heights(self) -> tuple[int, ...]:
        """The users of each step up to the peak that has more of them than any before: what a service may break at."""
        users = [step.users for step in self.rising]
        return tuple(now for at, now in enumerate(users) if now > max(users[:at], default=0))

    @property
    def falls_after_its_peak(self) -> bool:
        """Whether the load shape goes on after its peak."""
        return len(self.rising) < len(self.steps)

    @property
    def factor(self) -> float:
        """How many seconds of run time may pass in a real one so that the shortest rising step still lasts 2 s."""
        return max(1.0, min((step.hold_s for step in self.rising), default=0.0) / SHORTEST_STEP_S)

    @property
    def real_s(self) -> float:
        """How long a run takes on the compressed clock, in real seconds."""
        return (self.watched_s if self.end_s is None else self.end_s) / self.factor

    def described(self, with_times: bool = False) -> str:
        """The numbers of users in order: 10, 20, 40, or with the run times at which they begin."""
        shown = [f"{s.users} at {s.start_s:.0f} s" if with_times else str(s.users) for s in self.steps]
        return ", ".join(shown if len(shown) <= 16 else [*shown[:12], "...", *shown[-3:]]) or "nothing"


def dips(steps: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    """Neighbours of which the later has fewer users."""
    return ((before, after) for before, after in pairwise(steps) if after.users <= before.users)


def leaps(steps: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    """Neighbours of which the later has more than double the users."""
    return ((before, after) for before, after in pairwise(steps) if after.users > 2 * before.users)


def two_places(steps: int, falls: bool, random_: random.Random) -> tuple[int, int]:
    """Draw the last steps, as indexes, that a weaker and a stronger service hold: at least three steps apart.

    The stronger one leaves two steps beyond it where there are enough, so that no single miss at the very end decides
    (it would be a blip if the shape falls afterwards); else it leaves one, else none. The weaker one holds one step or
    two: the fewer users there are, the less a busy machine disturbs. On fewer than four steps it does not hold even
    the first.
    """
    last = steps - 1
    if last - 2 >= APART:
        high = random_.randint(APART, last - 2)
    elif last - 1 >= APART and not falls:
        high = last - 1
    else:
        high = last
    return (min(random_.randint(0, 1), high - APART) if high >= APART else -1), high


def capacity_at(users: Sequence[int], index: int, random_: random.Random) -> int:
    """Draw a number of users that step `index` does not exceed and the next one does."""
    if index + 1 >= len(users):
        return UNLIMITED
    return random_.randint(users[index] if index >= 0 else 0, users[index + 1] - 1)
