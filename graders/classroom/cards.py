"""Report cards from their JSON, and cards for work of which nothing, or not all, could be graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from graders.curriculum import EXERCISES
from graders.verdict import Check, CheckResult, ExerciseResult, Outcome, ReportCard, State

NOT_REACHED = "the run ended before this check was graded"


def card_of(data: Mapping[str, Any]) -> ReportCard:
    """The card that `ReportCard.to_json` made this of. Raises `KeyError`, `TypeError` or `ValueError` for others."""
    exercises = tuple(
        ExerciseResult(e["id"], e["title"], tuple(_result(e["id"], c) for c in e["checks"])) for e in data["exercises"]
    )
    return ReportCard(str(data["submission"]), exercises, dict(data["environment"]))


def _result(exercise_id: str, data: Mapping[str, Any]) -> CheckResult:
    check = Check(data["id"], exercise_id, data["title"], int(data["max_points"]), bool(data["bonus"]))
    evidence = dict(data["evidence"])
    figure = str(evidence.get("figure", ""))
    outcome = Outcome(State(data["state"]), data["message"], figure, "", evidence, float(data["seconds"]))
    return CheckResult(check, outcome, data["hint"])


def empty_card(name: str, why: str, facts: Mapping[str, Any]) -> ReportCard:
    """Every check of the course, none of them judged, each with the reason."""
    outcome = Outcome(State.INCONCLUSIVE, why)
    exercises = tuple(
        ExerciseResult(e.id, e.title, tuple(CheckResult(check, outcome) for check in e.checks)) for e in EXERCISES
    )
    return ReportCard(name, exercises, facts)


def cut_short(card: ReportCard, why: str) -> ReportCard:
    """The card of a run that was ended: the checks that it did not reach say why."""
    exercises = tuple(replace(e, results=tuple(_told(result, why) for result in e.results)) for e in card.exercises)
    return replace(card, exercises=exercises)


def _told(result: CheckResult, why: str) -> CheckResult:
    if result.outcome.state is State.INCONCLUSIVE and result.outcome.message == NOT_REACHED:
        return replace(result, outcome=replace(result.outcome, message=f"{NOT_REACHED}: {why}"))
    return result


def has_inconclusive(card: ReportCard) -> bool:
    """Whether some check could not be judged, though it was reached."""
    return any(
        r.outcome.state is State.INCONCLUSIVE and not r.outcome.message.startswith(NOT_REACHED)
        for e in card.exercises
        for r in e.results
    )
