"""The verdict as data: what was checked, what came out, and the card that sums it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

OUTSIDE_RUN = "not part of this run"
"""Why a check was not run that nobody asked for."""


class State(StrEnum):
    """What became of a check (contract, 'json report')."""

    PASSED = "passed"
    FAILED = "failed"
    LOCKED = "locked"
    NOT_RUN = "not_run"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of an exercise: its id is the name of its test function without `test_`."""

    id: str
    exercise: str
    title: str
    points: int
    bonus: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one check.

    `message` is for a person and may span lines; `figure` is the number worth showing beside a mark, such as
    "0.11 s"; `cause` names the underlying fault, so that one cause is told once; `evidence` is JSON data.
    """

    state: State
    message: str = ""
    figure: str = ""
    cause: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check with its outcome, the points it earned and the first hint to it."""

    check: Check
    outcome: Outcome
    hint: str = ""

    @property
    def points(self) -> int:
        """All of the check's points or none."""
        return self.check.points if self.outcome.state is State.PASSED else 0

    @property
    def counts(self) -> bool:
        """Whether the check belongs to the total (one that nothing here could judge does not)."""
        return self.outcome.state is not State.NOT_RUN


@dataclass(frozen=True, slots=True)
class ExerciseResult:
    """One exercise with the results of all its checks."""

    id: str
    title: str
    results: tuple[CheckResult, ...]

    @property
    def state(self) -> State:
        """The worst state of the checks that are no bonus: failed, inconclusive, locked, not run, passed."""
        states = {r.outcome.state for r in self.results if not r.check.bonus}
        for state in (State.FAILED, State.INCONCLUSIVE, State.LOCKED):
            if state in states:
                return state
        return State.PASSED if State.PASSED in states else State.NOT_RUN

    @property
    def points(self) -> int:
        """Points earned, bonus included."""
        return sum(r.points for r in self.results)

    @property
    def max_points(self) -> int:
        """Points to be had from the checks that count; bonus points come on top."""
        return sum(r.check.points for r in self.results if r.counts and not r.check.bonus)

    @property
    def unjudged(self) -> dict[str, list[Check]]:
        """The checks that were asked for and that nothing here could judge, by the reason."""
        found: dict[str, list[Check]] = {}
        for result in self.results:
            if result.outcome.state is State.NOT_RUN and result.outcome.message not in ("", OUTSIDE_RUN):
                found.setdefault(result.outcome.message, []).append(result.check)
        return found

    @property
    def missing(self) -> tuple[CheckResult, ...]:
        """The checks that stand between here and the next exercise."""
        blocking = (State.FAILED, State.INCONCLUSIVE, State.LOCKED)
        return tuple(r for r in self.results if r.outcome.state in blocking and not r.check.bonus)


@dataclass(frozen=True, slots=True)
class ReportCard:
    """Everything one run found out about one submission."""

    submission: str
    exercises: tuple[ExerciseResult, ...]
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """Points earned in all exercises."""
        return sum(e.points for e in self.exercises)

    @property
    def max_points(self) -> int:
        """Points to be had in all exercises that count."""
        return sum(e.max_points for e in self.exercises)

    def exercise(self, exercise_id: str) -> ExerciseResult:
        """The exercise of that id; `KeyError` if there is none."""
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        raise KeyError(exercise_id)

    def to_json(self) -> dict[str, Any]:
        """The `json` report, version 1 (contract)."""
        return {
            "version": 1,
            "submission": self.submission,
            "points": self.points,
            "max_points": self.max_points,
            "exercises": [
                {
                    "id": e.id,
                    "title": e.title,
                    "state": e.state.value,
                    "points": e.points,
                    "max_points": e.max_points,
                    "checks": [_check_json(r) for r in e.results],
                }
                for e in self.exercises
            ],
            "environment": dict(self.environment),
        }


def _check_json(result: CheckResult) -> dict[str, Any]:
    check, outcome = result.check, result.outcome
    evidence = dict(outcome.evidence)
    if outcome.figure:
        evidence.setdefault("figure", outcome.figure)
    return {
        "id": check.id,
        "title": check.title,
        "state": outcome.state.value,
        "points": result.points,
        "max_points": check.points,
        "bonus": check.bonus,
        "message": outcome.message,
        "hint": result.hint,
        "evidence": evidence,
        "seconds": round(outcome.seconds, 3),
    }
