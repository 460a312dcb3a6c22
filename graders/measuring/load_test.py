"""One load test from both sides, and whether a reported breaking point fits what the service saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graders.measuring.load_record import (
    Reported,
    Served,
    Window,
    disturbances,
    is_neighbour,
    measured,
    named_indexes,
)
from graders.measuring.mix import is_prediction
from graders.measuring.objective import LoadStep

SHORT_STEP = 0.5
"""A step that lasted less than this part of what was planned was cut by a machine that had other things to do."""


@dataclass(frozen=True, slots=True)
class LoadTest:
    """What a run did: its steps, Locust's raw events, the service's own record, the learner's report as found."""

    capacity: int
    steps: tuple[Window, ...]
    events: tuple[Reported, ...]
    record: tuple[Served, ...]
    shortest_s: float
    report: Any = None

    @property
    def recorded(self) -> list[LoadStep]:
        """What the service itself saw in each step."""
        return measured(self.steps, self.record, by_end=False)

    @property
    def named(self) -> set[int]:
        """The steps that the service's own record names, requests counted where they began or where they ended."""
        return {i for by_end in (False, True) for i in named_indexes(measured(self.steps, self.record, by_end=by_end))}

    def fits(self, users: float | None) -> bool:
        """Whether a reported breaking point is a step that the record names, or a direct neighbour of it."""
        return is_neighbour(self.recorded, users, self.named)

    @property
    def fits_report(self) -> bool:
        """Whether the report, which must be sound, fits."""
        return self.fits(self.report["breaking_point_users"])

    @property
    def is_disturbed(self) -> bool:
        """Whether the machine was in the way: answers that came late in steps that were served well, or a cut step."""
        lasted = [step.end_s - step.start_s for step in self.steps]
        is_cut = any(seconds < SHORT_STEP * self.shortest_s for seconds in lasted)
        return is_cut or bool(disturbances(self.steps, min(self.named), self.events))

    @property
    def breaking_users(self) -> int | None:
        """The breaking point by the service's own record, in users."""
        index = min(self.named)
        return self.steps[index].users if index >= 0 else None


@dataclass(frozen=True, slots=True)
class LoadPicture:
    """Users against throughput and p95, with the objective and both breaking points."""

    steps: tuple[LoadStep, ...]
    reported: float | None
    recorded: int | None

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports."""
        return {
            "kind": "load_steps",
            "steps": [step.to_json() for step in self.steps],
            "reported": self.reported,
            "recorded": self.recorded,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LoadPicture:
        """The picture again from what `to_json` made of it."""
        return cls(tuple(LoadStep.from_json(s) for s in data["steps"]), data["reported"], data["recorded"])


FIELDS = ("users", "rps", "p95_ms", "failure_ratio")


def report_trouble(report: Any) -> str:
    """What a report lacks (contract, `breaking_point_found`), in words; empty where it lacks nothing."""
    if not isinstance(report, dict):
        return f"it is a {type(report).__name__}, and not an object with breaking_point_users and steps"
    for name in ("breaking_point_users", "steps"):
        if name not in report:
            return f"it has no {name}; it has {', '.join(map(str, report)) or 'nothing'}"
    users, steps = report["breaking_point_users"], report["steps"]
    if users is not None and not _is_number(users):
        return f"breaking_point_users is {users!r:.60}, which is no number of users and not null"
    if not isinstance(steps, list):
        return f"steps is {steps!r:.60}, which is no list of steps"
    if not steps:
        return "steps is an empty list"
    for i, step in enumerate(steps, start=1):
        if trouble := _step_trouble(step):
            return f"step {i} {trouble}"
    if not any(step["rps"] > 0 for step in steps):
        return "rps is 0 in every step: requests a second were not counted"
    return ""


def unit_trouble(report: Any, record: Sequence[Served]) -> str:
    """What proves that the latencies of a sound report are no milliseconds; empty where nothing does.

    A p95 of a step with predictions in it is at least as long as the fastest of them took in the service itself.
    """
    fastest_ms = min((served.latency_ms for served in record if is_prediction(served.method, served.path)), default=0.0)
    longest_ms = max((step["p95_ms"] or 0.0 for step in report["steps"]), default=0.0)
    if longest_ms >= fastest_ms:
        return ""
    return (
        f"the longest p95_ms of its steps is {longest_ms:g}; the fastest prediction took {fastest_ms:.0f} ms, by the "
        "service's own record"
    )


def _step_trouble(step: Any) -> str:
    if not isinstance(step, dict):
        return f"is {step!r:.60}, which is no object with {', '.join(FIELDS)}"
    for name in FIELDS:
        if name not in step:
            return f"has no {name}; it has {', '.join(map(str, step)) or 'nothing'}"
        # Where nothing was answered there is no p95, and no share of failures either.
        if not _is_number(step[name]) and not (step[name] is None and name in ("p95_ms", "failure_ratio")):
            return f"has {name} = {step[name]!r:.60}, which is no number"
        if step[name] is not None and not step[name] >= 0:
            return f"has {name} = {step[name]!r:.60}, which is less than nothing"
    if (step["failure_ratio"] or 0.0) > 1:
        return f"has failure_ratio = {step['failure_ratio']!r:.60}: a ratio is a part of all requests, and at most 1"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
