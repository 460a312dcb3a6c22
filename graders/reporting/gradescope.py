"""Gradescope's results.json (gradescope/autograder_samples, docs/specs.md).

The score is our own total, so that extra credit and what could not be judged are counted as the contract says; the
sum of `max_score` is what there was to be had. A check that nothing here can judge has a text and no score.
"""

from __future__ import annotations

import json
from typing import Any

from graders.reporting.plain_words import name, text
from graders.verdict import CheckResult, ExerciseResult, ReportCard, State

WORDS = {
    State.PASSED: "passed",
    State.FAILED: "failed",
    State.LOCKED: "locked",
    State.INCONCLUSIVE: "unclear",
    State.NOT_RUN: "not run",
}


def gradescope(card: ReportCard) -> str:
    """The card as results.json."""
    seconds = sum(r.outcome.seconds for e in card.exercises for r in e.results)
    unjudged = [r.check.id for e in card.exercises for r in e.results if not r.counts]
    output = [f"{card.points} of {card.max_points} points."]
    if unjudged:
        output.append(f"Not judged here, and not counted: {', '.join(unjudged)}.")
    results = {
        "score": card.points,
        "execution_time": round(seconds, 1),
        "output": "\n".join(output),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "tests": [_test(e, n, r) for e in card.exercises for n, r in enumerate(e.results, 1)],
        "extra_data": {"isolation": card.environment.get("isolation", ""), "max_points": card.max_points},
    }
    return json.dumps(results, indent=2, allow_nan=False) + "\n"


def _test(exercise: ExerciseResult, number: int, result: CheckResult) -> dict[str, Any]:
    state = result.outcome.state
    test: dict[str, Any] = {
        "name": f"{exercise.id}.{result.check.id}: {name(result)}",
        "number": f"{exercise.id.removeprefix('exercise')}.{number}",
        "output": text(result),
        "tags": [exercise.id, WORDS[state]],
        "visibility": "visible",
    }
    if state is not State.NOT_RUN:
        test["status"] = "passed" if state is State.PASSED else "failed"
        test["score"] = result.points
        test["max_score"] = 0 if result.check.bonus else result.check.points
    return test
