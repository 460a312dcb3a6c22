"""Both sides of a load test: what Locust's own events say, what the service says, and the steps that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graders.measuring.objective import P95_OBJECTIVE_MS, LoadStep, breaking_index, p95


@dataclass(frozen=True, slots=True)
class Reported:
    """One raw request event of Locust's: moments on the machine's monotonic clock, in seconds.

    `answer` is the number that the service gave its answer, `None` where it has none.
    """

    ended_s: float
    latency_ms: float
    method: str
    path: str
    status: int | None
    failed: bool
    why: str
    answer: int | None = None

    @property
    def began_s(self) -> float:
        """When it was sent."""
        return self.ended_s - self.latency_ms / 1000


@dataclass(frozen=True, slots=True)
class Served:
    """One request as the service saw it; `fault` where it was answered wrongly on purpose, `answer` its number."""

    began_s: float
    ended_s: float
    method: str
    path: str
    status: int
    fault: bool
    answer: int = 0

    @property
    def latency_ms(self) -> float:
        """From the request's arrival to the end of the answer."""
        return 1000 * (self.ended_s - self.began_s)

    @property
    def failed(self) -> bool:
        """Whether the service knows that it failed."""
        return self.status >= 500


@dataclass(frozen=True, slots=True)
class Window:
    """The real time in which a step of the shape was in force, in seconds."""

    users: int
    start_s: float
    end_s: float

    def holds(self, moment_s: float) -> bool:
        """Whether a moment lies in it."""
        return self.start_s <= moment_s < self.end_s


def windows(ticks: Sequence[tuple[float, int | None]]) -> list[Window]:
    """The steps that a run really made, from the moments at which its shape changed its answer (`None`: the end)."""
    return [
        Window(users, at, until)
        for (at, users), (until, _) in pairwise(ticks)
        if users  # a pause with no users is no step
    ]


def measured(steps: Iterable[Window], requests: Sequence[Reported | Served], *, by_end: bool) -> list[LoadStep]:
    """What each step saw, its requests counted where they began or where they ended."""
    found = []
    for step in steps:
        inside = [r for r in requests if step.holds(r.ended_s if by_end else r.began_s)]
        failures = sum(r.failed for r in inside)
        rps = len(inside) / (step.end_s - step.start_s)
        found.append(LoadStep(step.users, rps, p95(r.latency_ms for r in inside), failures / max(1, len(inside))))
    return found


def named_indexes(steps: Sequence[LoadStep]) -> set[int]:
    """The steps that a record names: by all of them, and by those up to the peak; what comes after may be left out."""
    if not steps:
        return {-1}
    peak = max(range(len(steps)), key=lambda i: steps[i].users)
    return {breaking_index([s.meets for s in part]) for part in (steps, steps[: peak + 1])}


def nearest_index(steps: Sequence[LoadStep], users: float | None) -> set[int]:
    """The steps that a reported number of users means: the nearest ones; -1 for `None`."""
    if users is None or not steps:
        return {-1}
    distance = min(abs(step.users - users) for step in steps)
    return {i for i, step in enumerate(steps) if abs(step.users - users) == distance}


def is_neighbour(steps: Sequence[LoadStep], users: float | None, named: Iterable[int]) -> bool:
    """Whether a reported breaking point is one of the named steps or a direct neighbour of one."""
    return any(abs(found - index) <= 1 for found in nearest_index(steps, users) for index in named)


def disturbances(steps: Sequence[Window], up_to: int, events: Sequence[Reported]) -> list[Reported]:
    """Requests in the steps up to that index, all served in time, whose answers the client got late: noise."""
    calm_until_s = steps[up_to].end_s if 0 <= up_to < len(steps) else 0.0
    return [e for e in events if e.ended_s < calm_until_s and e.latency_ms > P95_OBJECTIVE_MS]
