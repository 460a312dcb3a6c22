"""What `lab watch` says at once, in exact time: each check that a virtual clock can judge, and why it is not met."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from graders.curriculum import LAB, SKELETON, exercise
from graders.exact.instant import INSTANT
from graders.exact.result import InstantVerdict
from graders.running.launcher import Launcher
from graders.selftests.corpus import compose, overlay
from graders.submission import Submission

WRONG = LAB / "graders" / "selftests" / "wrong"
FIGURES = {
    "exercise1": {
        "takes_its_time": "0.10 s",
        "five_parallel": "0.10 s",
        "many_parallel": "0.10 s",
        "stays_responsive": "0.10 s",
    },
    "exercise2": {
        "percentiles": "p95 39.0 ms",
        "overlapping_requests": "370 ms",
        "server_timing": "6 headers",
        "stages": "3 stages",
    },
    "exercise4": {
        "thread_pool_size": "0.10 s",
        "sheds_load": "4 + 16",
        "upstream_faults": "4 of 4",
        "micro_batching": "2 calls",
    },
}
SINS = [
    ("exercise1", "blocking_sleep_in_async_def", "five_parallel", "held the event loop: time.sleep(0.1)"),
    ("exercise2", "p95_and_p99_swapped", "percentiles", "p95_ms is"),
    ("exercise2", "start_time_on_self", "overlapping_requests", "min_ms is 0 ms"),
    ("exercise4", "pool_only_grows", "thread_pool_size", "THREAD_POOL_SIZE=10, 21 at once: the last answer came after"),
    ("exercise4", "sheds_after_waiting", "sheds_load", "MAX_CONCURRENCY=4, 20 at once: 12 accepted, 8 answered 503"),
    ("exercise4", "timeout_of_one_second_always", "upstream_faults", "504 (wanted: 200)"),
    ("exercise4", "one_call_for_each", "micro_batching", "64 at once: 64 calls"),
]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """One warm process for all runs."""
    with Launcher() as launcher:
        yield launcher


def said(launcher: Launcher, exercise_id: str, folder: Path) -> dict[str, InstantVerdict]:
    """Check to what is said of it."""
    verdicts = asyncio.run(INSTANT[exercise_id](launcher, Submission.at(folder)))
    return {verdict.check_id: verdict for verdict in verdicts}


@pytest.mark.parametrize("exercise_id", INSTANT)
def test_the_reference_is_met(launcher: Launcher, tmp_path: Path, exercise_id: str) -> None:
    """The reference meets every check that is judged at once, with a figure for each; all of them are checks."""
    found = said(launcher, exercise_id, compose(exercise(exercise_id).number, tmp_path / "submission"))

    assert {name: verdict.figure for name, verdict in found.items()} == FIGURES[exercise_id]
    assert {verdict.says for verdict in found.values()} == {"met"}, found
    assert set(found) <= {check.id for check in exercise(exercise_id).checks}


@pytest.mark.parametrize(("exercise_id", "sin", "check", "why"), SINS, ids=[sin for _, sin, _, _ in SINS])
def test_a_sin_is_missed(launcher: Launcher, tmp_path: Path, exercise_id: str, sin: str, check: str, why: str) -> None:
    """A sin is named by the check that it breaks, with what was seen."""
    folder = compose(exercise(exercise_id).number, tmp_path / "submission")
    overlay(WRONG / f"{exercise_id}_{sin}", folder)
    verdict = said(launcher, exercise_id, folder)[check]

    assert verdict.says == "missed"
    assert why in verdict.why


@pytest.mark.parametrize("exercise_id", INSTANT)
def test_what_does_not_start(launcher: Launcher, tmp_path: Path, exercise_id: str) -> None:
    """A submission that does not start is told so once, with the line, and not once for each check."""
    folder = compose(exercise(exercise_id).number, tmp_path / "submission")
    main = folder / "app" / "main.py"
    main.write_text(main.read_text(encoding="utf-8") + "def (\n", encoding="utf-8")
    (verdict,) = said(launcher, exercise_id, folder).values()

    assert verdict.says in ("missed", "unclear")
    assert "SyntaxError" in verdict.why and "app/main.py, line" in verdict.why


@pytest.mark.parametrize("exercise_id", INSTANT)
def test_nothing_is_met_by_the_skeleton(launcher: Launcher, exercise_id: str) -> None:
    """Where nothing is built yet, nothing is met, and each reason is told."""
    found = said(launcher, exercise_id, SKELETON)

    assert all(verdict.says != "met" and verdict.why for verdict in found.values()), found
