"""Exercism's results.json, version 3 (exercism/docs, building/tooling/test-runners/interface.md)."""

from __future__ import annotations

import json
from typing import Any

from graders.reporting.plain_words import is_outside_run, name, source, text
from graders.verdict import CheckResult, ReportCard, State

MAX_MESSAGE = 65_535
TRIED = (State.PASSED, State.FAILED)


def exercism(card: ReportCard) -> str:
    """The card as results.json: `error` only where not one check could be judged."""
    results = [r for e in card.exercises for r in e.results if r.counts and not is_outside_run(r)]
    tests = [_test(result) for result in results]
    judged = [result for result in results if result.outcome.state in TRIED]
    whole: dict[str, Any] = {"version": 3}
    if not judged:
        said = next((text(result) for result in results), "") or "Nothing was graded."
        whole |= {"status": "error", "message": said[:MAX_MESSAGE], "tests": tests}
    else:
        whole |= {"status": "fail" if _has_failed(results) else "pass", "message": None, "tests": tests}
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def _has_failed(results: list[CheckResult]) -> bool:
    return any(result.outcome.state is not State.PASSED for result in results)


def _test(result: CheckResult) -> dict[str, Any]:
    state = result.outcome.state
    test: dict[str, Any] = {
        "name": name(result),
        "status": "pass" if state is State.PASSED else "error" if state is State.INCONCLUSIVE else "fail",
        "test_code": source(result),
        "task_id": int(result.check.exercise.removeprefix("exercise")),
    }
    if state is not State.PASSED:
        test["message"] = text(result)
    return test
