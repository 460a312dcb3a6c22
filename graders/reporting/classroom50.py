"""Classroom 50's result.json, version 1 (foundation50/classroom50, schemas/result-v1.schema.json).

A score may not exceed its maximum there, so bonus checks are listed without points.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from graders.reporting.plain_words import name, text
from graders.verdict import CheckResult, ReportCard, State

SCHEMA = "classroom50/result/v1"
UNKNOWN = "unknown"
KINDS = ("individual", "group")


def classroom50(card: ReportCard, environment: Mapping[str, str] = os.environ, at: datetime | None = None) -> str:
    """The card as result.json; who and what is graded comes from the runner's environment variables."""
    moment = (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kind = environment.get("ASSIGNMENT_TYPE", "")
    commit = environment.get("COMMIT_URL") or UNKNOWN
    tag = environment.get("SUBMISSION_TAG") or UNKNOWN
    tests = [_test(result) for e in card.exercises for result in e.results if result.counts]
    result = {
        "schema": SCHEMA,
        "classroom": environment.get("CLASSROOM") or UNKNOWN,
        "assignment": environment.get("ASSIGNMENT") or UNKNOWN,
        "assignment_type": kind if kind in KINDS else KINDS[0],
        "owner": environment.get("OWNER") or UNKNOWN,
        "submission": tag if tag.startswith("submit/") else f"submit/{tag}",
        "commit": commit,
        "release": environment.get("RELEASE_URL") or commit,
        "review": environment.get("REVIEW_URL") or commit,
        "datetime": moment,
        "graded_at": moment,
        "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }
    return json.dumps(result, indent=2, allow_nan=False) + "\n"


def _test(result: CheckResult) -> dict[str, Any]:
    is_bonus = result.check.bonus
    return {
        "test-name": f"{result.check.exercise}.{result.check.id}: {name(result)}",
        "passed": result.outcome.state is State.PASSED,
        "score": 0 if is_bonus else result.points,
        "max-score": 0 if is_bonus else result.check.points,
        "message": text(result),
        "state": result.outcome.state.value,
        **({"bonus": result.points} if is_bonus else {}),
    }
