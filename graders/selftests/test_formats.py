"""Every report format keeps to its specification, whatever the card, and agrees with the card on the points."""

from __future__ import annotations

import base64
import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from graders.classroom.cards import card_of
from graders.curriculum import EXERCISES
from graders.reporting.classroom50 import classroom50
from graders.reporting.exercism import exercism
from graders.reporting.github import github
from graders.reporting.gradescope import gradescope
from graders.reporting.reports import FORMATS
from graders.selftests.cards import CARDS
from graders.verdict import ReportCard, State

CHECKS = sum(len(e.checks) for e in EXERCISES)
cards = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())


def strict(text: str) -> Any:
    """JSON read as a strict reader does: no NaN, no infinity."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def is_count(value: object) -> bool:
    """Whether it is a whole number, not negative, and no boolean."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@cards
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_every_card(name: str, card: ReportCard) -> None:
    """No card, however it came about, breaks a report."""
    text = FORMATS[name](card)

    assert text.encode("utf-8")


@cards
def test_a_card_survives_its_json(card: ReportCard) -> None:
    """What the grading process tells is all that a report needs."""
    assert card_of(strict(FORMATS["json"](card))).to_json() == card.to_json()


@cards
def test_gradescope(card: ReportCard) -> None:
    """results.json has the keys and types of docs/specs.md; score and maxima are the card's."""
    found = strict(gradescope(card))

    assert set(found) <= {
        "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility",
        "stdout_visibility", "extra_data", "tests", "leaderboard",
    }  # fmt: skip
    formats = {"text", "html", "simple_format", "md", "ansi"}
    assert {found["output_format"], found["test_output_format"], found["test_name_format"]} <= formats
    assert found["score"] == card.points
    assert len(found["tests"]) == CHECKS
    for test in found["tests"]:
        assert set(test) <= {
            "score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags",
            "visibility", "extra_data",
        }  # fmt: skip
        assert isinstance(test["number"], str)
        assert re.fullmatch(r"\d+\.\d+", test["number"])
        assert test.get("status", "passed") in ("passed", "failed")
        assert test["visibility"] in ("hidden", "after_due_date", "after_published", "visible")
        assert "\r" not in test["output"]
        assert all(isinstance(tag, str) for tag in test["tags"])
    assert sum(test.get("max_score", 0) for test in found["tests"]) == card.max_points
    assert sum(test.get("score", 0) for test in found["tests"]) == card.points
    passed = sum(r.outcome.state is State.PASSED for e in card.exercises for r in e.results)
    assert sum(test.get("status") == "passed" for test in found["tests"]) == passed


def reporters_view(lines: str) -> dict[str, Any]:
    """What the reporter's published code does with the outputs, re-read rule by rule.

    It takes the base64 of `<ID>_RESULTS`, reads `tests.length`, adds up each test's `score` (a missing one makes
    NaN), and takes the share of tests that passed, times `max_score`, for its table.
    """
    outputs = dict(line.split("=", 1) for line in lines.splitlines())
    runners = ",".join(outputs)
    assert re.fullmatch(r"([a-zA-Z0-9]+,)*[a-zA-Z0-9]+", runners)
    results = {}
    for runner in runners.split(","):
        environment = {f"{runner.strip().upper()}_RESULTS": outputs[runner]}
        results[runner] = strict(base64.b64decode(environment[f"{runner.upper()}_RESULTS"], validate=True).decode())
    total = most = 0.0
    shares = {}
    for runner, result in results.items():
        tests = result["tests"]
        passed = sum(test["status"] == "pass" for test in tests)
        shares[runner] = passed / len(tests) * (result.get("max_score") or 0)
        if result.get("max_score"):
            most += result["max_score"]
            total += sum(test.get("score", math.nan) for test in tests)
    failed = any(r["status"] == "fail" for r in results.values())
    errored = any(r["status"] == "error" for r in results.values())
    return {"points": total, "max": most, "shares": shares, "red": failed or errored, "results": results}


@cards
def test_github(card: ReportCard) -> None:
    """The reporter reads our outputs, adds up our points, and is red unless everything passed."""
    seen = reporters_view(github(card))

    assert list(seen["results"]) == [e.id for e in EXERCISES if e.number > 0]
    assert seen["points"] == sum(e.points for e in card.exercises if e.max_points)
    assert seen["max"] == card.max_points
    assert all(math.isfinite(share) for share in seen["shares"].values())
    graded = [e for e in card.exercises if e.id != "exercise0"]
    assert seen["red"] == any(e.state is not State.PASSED for e in graded)
    for result in seen["results"].values():
        assert set(result) == {"version", "status", "max_score", "tests"}
        assert result["version"] == 1
        assert result["status"] in ("pass", "fail", "error")
        for test in result["tests"]:
            assert test["status"] in ("pass", "fail", "error")
            assert is_count(test["score"])
            assert test["line_no"] == 0
            assert test["test_code"].startswith("uv run pytest -k exercise")


def test_github_outputs_stay_on_their_lines() -> None:
    """A message with line breaks cannot add an output of its own."""
    for line in github(CARDS["all failed"]).splitlines():
        assert re.fullmatch(r"exercise\d=[A-Za-z0-9+/]+=*", line)


RUNNER = {
    "CLASSROOM": "cs-101",
    "ASSIGNMENT": "inference-lab",
    "OWNER": "alice",
    "ASSIGNMENT_TYPE": "group",
    "SUBMISSION_TAG": "submit/2026-01-02T03-04-05Z-0123abc",
    "COMMIT_URL": "https://example.org/commit",
    "RELEASE_URL": "https://example.org/release",
    "REVIEW_URL": "https://example.org/review",
}


@cards
@pytest.mark.parametrize("environment", [RUNNER, {}], ids=["runner", "bare"])
def test_classroom50(card: ReportCard, environment: dict[str, str]) -> None:
    """result.json keeps to result-v1: its keys and no others, its patterns, no score above its maximum."""
    found = strict(classroom50(card, environment, datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC)))

    texts = {"classroom", "assignment", "owner", "submission", "commit", "release", "review"}
    required = {"schema", "assignment_type", "datetime", "score", "max-score", "tests", *texts}
    assert required <= set(found) <= required | {"graded_at", "submitted_by"}
    assert found["schema"] == "classroom50/result/v1"
    assert all(isinstance(found[key], str) and found[key] for key in texts)
    assert found["assignment_type"] == environment.get("ASSIGNMENT_TYPE", "individual")
    assert found["submission"].startswith("submit/")
    assert found["datetime"] == found["graded_at"] == "2026-01-02T03:04:05Z"
    assert is_count(found["score"])
    assert found["score"] <= found["max-score"] == card.max_points
    for test in found["tests"]:
        assert isinstance(test["test-name"], str)
        assert test["test-name"]
        assert isinstance(test["passed"], bool)
        assert is_count(test["score"])
        assert is_count(test["max-score"])
        assert test["score"] <= test["max-score"]


@cards
def test_exercism(card: ReportCard) -> None:
    """results.json keeps to version 3; it is an error only where nothing could be judged."""
    found = strict(exercism(card))

    states = [r.outcome.state for e in card.exercises for r in e.results if r.counts]
    assert set(found) == {"version", "status", "message", "tests"}
    assert found["version"] == 3
    assert (found["status"] == "error") == (not {State.PASSED, State.FAILED} & set(states))
    assert (found["status"] == "pass") == (set(states) == {State.PASSED})
    assert found["message"] if found["status"] == "error" else found["message"] is None
    assert len(found["tests"]) == len(states)
    for test in found["tests"]:
        assert set(test) <= {"name", "status", "message", "test_code", "output", "task_id"}
        assert test["status"] in ("pass", "fail", "error")
        assert test["status"] == "pass" or test["message"]
        assert test["test_code"]
        assert len(test.get("output", "")) <= 500
        assert is_count(test["task_id"])


def test_exercism_shows_the_code_that_grades() -> None:
    """A learner sees the body of the check, and no other."""
    tests = strict(exercism(CARDS["all passed"]))["tests"]

    health = next(test for test in tests if "GET /health says" in test["name"])
    assert health["test_code"].startswith("answer = await service.get(")
    assert "def test_" not in health["test_code"]
