"""Facts about what the page says: the path, what is open, what opens the next, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from graders.curriculum import EXERCISES
from graders.grading import Grading
from graders.reporting.html import html
from graders.reporting.html.render import render
from graders.reporting.html.view import NOT_REACHED, Page, view
from graders.reporting.reports import FORMATS
from graders.selftests.page_samples import HOSTILE, PICTURES, STAIRCASE, card_with
from graders.submission import Submission
from graders.unlocking import Memory
from graders.verdict import OUTSIDE_RUN, CheckResult, ExerciseResult, Outcome, ReportCard, State

LIMIT_BYTES = 500_000
PASSED, FAILED, LOCKED = State.PASSED, State.FAILED, State.LOCKED


def page_of(card: ReportCard) -> Page:
    return view(card.to_json())


def states(page: Page) -> list[str]:
    return [step.state for step in page.steps]


def test_the_page_is_a_report_format() -> None:
    """`--lab-report html=` writes it."""
    assert FORMATS["html"] is html
    assert html(card_with(PASSED)).startswith("<!doctype html>")


def test_the_first_exercise_that_is_not_passed_is_open_and_the_rest_locked() -> None:
    """The path: passed, passed, open, locked, however the later ones were reported."""
    page = page_of(card_with(PASSED, PASSED, FAILED, LOCKED))

    assert states(page)[:4] == ["passed", "passed", "open", "locked"]
    assert page.current is page.steps[2]


def test_a_locked_exercise_says_what_opens_it() -> None:
    """How many checks are missing, and where."""
    page = page_of(card_with(PASSED, FAILED, LOCKED))
    missing = len([c for c in EXERCISES[1].checks if not c.bonus])

    assert page.steps[1].note == f"{missing} checks to go, then exercise 2 opens"
    assert page.steps[2].note == f"opens when exercise 1 passes: {missing} checks to go there"
    assert page.verdict == f"Exercise 1 is open; {missing} checks to go."


def test_an_exercise_that_passes_opens_the_next_one() -> None:
    """Exercise 2 is open although this run did not grade it."""
    card = card_with(PASSED, PASSED, State.NOT_RUN)
    left_out = [
        ExerciseResult(
            e.id, e.title, tuple(CheckResult(r.check, Outcome(State.NOT_RUN, OUTSIDE_RUN)) for r in e.results)
        )
        for e in card.exercises[2:]
    ]
    page = page_of(ReportCard("app", (*card.exercises[:2], *left_out)))

    assert states(page)[:4] == ["passed", "passed", "open", "locked"]
    assert {"elsewhere"} == {check.state for check in page.steps[2].checks}


def test_a_check_that_nothing_here_can_judge_does_not_keep_an_exercise_open() -> None:
    """Without a container engine the last exercise can still be passed."""
    card = card_with(PASSED)
    last = card.exercises[-1]
    results = [
        r if i else CheckResult(r.check, Outcome(State.NOT_RUN, "no engine")) for i, r in enumerate(last.results)
    ]
    page = page_of(ReportCard("app", (*card.exercises[:-1], ExerciseResult(last.id, last.title, tuple(results)))))

    assert page.steps[-1].state == "passed"
    assert page.verdict == "Every check passes on these files."


def test_a_run_in_progress_says_what_is_still_to_come() -> None:
    """Checks that the run has not reached are neither passed nor failed."""
    card = card_with(PASSED)
    first = card.exercises[1]
    waiting = [CheckResult(r.check, Outcome(State.INCONCLUSIVE, NOT_REACHED)) for r in first.results]
    page = page_of(ReportCard("app", (card.exercises[0], ExerciseResult(first.id, first.title, tuple(waiting)))))

    assert {"waiting"} == {check.state for check in page.steps[1].checks}
    assert page.verdict == f"{len(waiting)} checks still to be graded."


def test_the_words_for_what_was_not_graded_are_the_graders() -> None:
    """The page knows those checks by the very sentences that a run reports."""
    grading = Grading(Submission.at(EXERCISES[0].lesson.parents[1]), Memory(EXERCISES[0].lesson))
    plan = grading.plan(EXERCISES[1].checks)
    result = {r.check: r.outcome.message for e in grading.card().exercises for r in e.results}

    assert {NOT_REACHED} == {result[check] for check in plan}
    assert {OUTSIDE_RUN} == {result[check] for check in EXERCISES[-1].checks}


def test_a_failed_check_tells_its_story_once() -> None:
    """Did, saw, wanted, look at; the message, which repeats them, is left out."""
    check = page_of(card_with(PASSED, FAILED)).steps[1].checks[0]

    assert [label for label, _ in check.story] == ["Did", "Saw", "Wanted", "Look at"]
    assert check.message == ""
    assert check.is_open


def test_a_hint_belongs_to_a_failure_and_a_reason_to_a_success() -> None:
    """What would give it away is not shown before, and what nobody needs any more is not shown after."""
    page = page_of(card_with(PASSED, PASSED, FAILED, LOCKED))

    assert page.steps[2].checks[0].hint
    assert not page.steps[2].checks[0].why
    assert page.steps[1].checks[0].why
    assert not page.steps[1].checks[0].hint


@pytest.mark.parametrize("state", list(State))
def test_everything_of_the_learners_is_escaped(state: State) -> None:
    """Name, messages, evidence and environment arrive as text, in every state."""
    card = card_with(PASSED, state, text=HOSTILE, name=HOSTILE)
    staircase = dict(STAIRCASE.to_json(), requests=[
        {"label": f"GET /{HOSTILE}", "sent_s": 0.0, "done_s": 0.1, "status": 200},
        {"label": f"POST /{HOSTILE}", "sent_s": 0.0, "done_s": 0.2, "status": 500, "error": HOSTILE},
    ], blocked=[{"start_s": 0, "end_s": 0.1, "where": HOSTILE + ":3", "function": "f", "code": HOSTILE}])  # fmt: skip
    report: dict[str, Any] = card.to_json()
    for check in report["exercises"][1]["checks"]:
        check["evidence"] |= {"timeline": staircase, "figure": HOSTILE}

    text = render(report)

    assert "&lt;img src=x onerror=" in text
    assert "<img" not in text
    assert text.count("<script") == 1
    assert "{{" not in text.replace("{{7*7}}", "")


def test_the_fullest_page_stays_small() -> None:
    """Every check with the largest pictures that there are: under 500 KB, failures drawn before successes."""
    crowd = {
        "clock": "live",
        "watched_s": 9.0,
        "blocked": [],
        "requests": [
            {"label": "POST /predict", "sent_s": 0.0, "done_s": 0.1 * i, "status": 200} for i in range(1, 2_001)
        ],
    }
    report: dict[str, Any] = card_with(PASSED, PASSED, FAILED, LOCKED, pictures=0).to_json()
    for exercise in report["exercises"]:
        for check in exercise["checks"]:
            check["evidence"]["timeline"] = crowd

    text, page = render(report), view(report)

    assert len(text.encode()) < LIMIT_BYTES
    assert page.steps[2].checks[0].pictures
    assert not page.steps[0].checks[0].pictures


def test_evidence_that_is_no_picture_is_no_trouble() -> None:
    """A kind that nobody draws, or data that does not fit its kind, leaves the rest of the page as it is."""
    report: dict[str, Any] = card_with(PASSED, FAILED, pictures=0).to_json()
    spoilt: list[Any] = [{"kind": "unheard of"}, {"kind": "timeline"}, {"requests": []}, [], 3, None, {"kind": ["x"]}]
    spoilt += [{**picture, "requests": None, "rows": 3, "steps": [{}]} for picture in PICTURES.values()]
    for check, data in zip((c for e in report["exercises"] for c in e["checks"]), spoilt, strict=False):
        check["evidence"]["timeline"] = data

    assert "Inference Lab" in render(report)
