"""Step outputs for GitHub Classroom's autograding reporter (classroom-resources/autograding-grading-reporter, v1).

One line per exercise, `exercise1=<base64>`, ready to be appended to the file that GITHUB_OUTPUT names. The reporter
reads each from an environment variable, `EXERCISE1_RESULTS`. It shows two totals: the share of tests that passed, and
the sum of the scores; it passes on the sum, which is ours.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from graders.reporting.plain_words import command, is_outside_run, name, text
from graders.verdict import CheckResult, ExerciseResult, ReportCard, State


def github(card: ReportCard) -> str:
    """The card as lines of step outputs; exercises without points have none."""
    lines = [f"{e.id}={encoded(e)}" for e in card.exercises if any(r.check.points for r in e.results)]
    return "".join(f"{line}\n" for line in lines)


def encoded(exercise: ExerciseResult) -> str:
    """One exercise as the reporter wants it: base64, on one line, of JSON."""
    return base64.b64encode(json.dumps(runner(exercise), allow_nan=False).encode()).decode("ascii")


def runner(exercise: ExerciseResult) -> dict[str, Any]:
    """One exercise as a runner's result; what nothing here can judge is left out, unless nothing else is there."""
    counted = [r for r in exercise.results if r.counts]
    return {
        "version": 1,
        "status": _status(exercise, counted),
        "max_score": exercise.max_points,
        "tests": [_test(result) for result in counted or exercise.results],
    }


def _status(exercise: ExerciseResult, counted: list[CheckResult]) -> str:
    if not counted:
        return "error"
    return "pass" if exercise.state is State.PASSED else "fail"


def _test(result: CheckResult) -> dict[str, Any]:
    state = result.outcome.state
    status = {State.PASSED: "pass", State.NOT_RUN: "error"}.get(state, "fail")
    said = text(result)
    return {
        "name": f"{result.check.id}: {name(result)}",
        "status": status,
        "score": result.points,
        "line_no": 0,
        "message": said if not is_outside_run(result) else "nobody asked for it in this run",
        "test_code": f"{command(result)}\n{said}".rstrip(),
    }
