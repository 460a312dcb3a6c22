"""Where the live measurement is disturbed, exact time decides; for somebody else's work it never excuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from graders.curriculum import LAB
from graders.exact.result import Unjudged
from graders.expect import Expect
from graders.measuring.attempts import Decided, Finding, Sight
from graders.running.launcher import Launcher
from graders.running.tuning import in_exact_time
from graders.running.tuning.in_exact_time import InExactTime
from graders.selftests.corpus import Graded, compose, grade, overlay, remember
from graders.submission import Submission

WRONG = LAB / "graders" / "selftests" / "wrong"
DISTURBED = {"PYTEST_PLUGINS": "graders.selftests.disturbances"}
OF_EXERCISE_2 = ("percentiles", "overlapping_requests", "server_timing", "stages")
OF_EXERCISE_4 = ("thread_pool_size", "sheds_load", "upstream_faults", "micro_batching")


def graded(number: int, checks: tuple[str, ...], scratch: Path, *sins: str) -> Graded:
    """Some checks of an exercise on the reference with these sins, disturbed; what came before is taken as verified."""
    submission = compose(number, scratch / "submission")
    for sin in sins:
        overlay(WRONG / f"exercise{number}_{sin}", submission)
    remember(number, submission, scratch / "run")
    wanted = f"exercise{number} and ({' or '.join(checks)})"
    return grade(submission, "-k", wanted, scratch=scratch / "run", env=DISTURBED)


def told(run: Graded, number: int, checks: tuple[str, ...]) -> Mapping[str, tuple[str, str | None]]:
    """Check to its state, and to the judge that decided it."""
    found = {c["id"]: c for c in run.checks(f"exercise{number}")}
    return {check: (found[check]["state"], found[check]["evidence"].get("judge")) for check in checks}


def test_exercise_2_passes_in_exact_time(tmp_path: Path) -> None:
    """The reference passes although every client seemed to be held up for 0.4 s."""
    run = graded(2, OF_EXERCISE_2, tmp_path)

    assert told(run, 2, OF_EXERCISE_2) == dict.fromkeys(OF_EXERCISE_2, ("passed", "exact")), run.printed


def test_a_figure_hidden_by_noise_is_found(tmp_path: Path) -> None:
    """An off-by-one rank lies between the wide bounds of a disturbed run, and fails all the same."""
    run = graded(2, ("percentiles",), tmp_path, "off_by_one_rank")
    (check,) = [c for c in run.checks("exercise2") if c["id"] == "percentiles"]

    assert (check["state"], check["evidence"]["judge"]) == ("failed", "exact"), run.printed
    assert "in exact time" in check["evidence"]["did"]
    assert check["evidence"]["saw"].startswith("p95_ms is 47 ms")
    assert "31.0 to 39.0 ms, between ranks 189 and 190 of 199" in check["evidence"]["wanted"]


def test_a_header_hidden_by_noise_is_found(tmp_path: Path) -> None:
    """A header that says twice the time lies between the wide bounds of a disturbed run, and fails all the same."""
    scratch = tmp_path / "run"
    submission = compose(2, tmp_path / "submission")
    timing = submission / "app" / "timing.py"
    timing.write_text(timing.read_text().replace("app;dur={total_ms:.3f}", "app;dur={2 * total_ms:.3f}"))
    remember(2, submission, scratch)

    run = grade(submission, "-k", "exercise2 and server_timing", scratch=scratch, env=DISTURBED)
    (check,) = [c for c in run.checks("exercise2") if c["id"] == "server_timing"]

    assert (check["state"], check["evidence"]["judge"]) == ("failed", "exact"), run.printed
    assert (
        check["evidence"]["saw"],
        check["evidence"]["wanted"],
    ) == ("Server-Timing: app;dur=10.000", "app;dur exactly 5.0 ms")


def test_exercise_4_passes_in_exact_time(tmp_path: Path) -> None:
    """The reference passes although answers, crowds and the reference service seemed to be late."""
    run = graded(4, OF_EXERCISE_4, tmp_path)

    assert told(run, 4, OF_EXERCISE_4) == dict.fromkeys(OF_EXERCISE_4, ("passed", "exact")), run.printed


def test_exercise_4_fails_in_exact_time(tmp_path: Path) -> None:
    """Four sins at once fail their checks, and each is told with exact times."""
    sins = ("pool_only_grows", "sheds_after_waiting", "timeout_of_one_second_always", "one_call_for_each")
    run = graded(4, OF_EXERCISE_4, tmp_path, *sins)
    evidence = {c["id"]: c["evidence"] for c in run.checks("exercise4")}

    assert told(run, 4, OF_EXERCISE_4) == dict.fromkeys(OF_EXERCISE_4, ("failed", "exact")), run.printed
    assert "the last answer came after 0.10 s" in evidence["thread_pool_size"]["saw"]
    assert "the last 503 came after 0.25 s" in evidence["sheds_load"]["saw"]
    assert evidence["upstream_faults"]["saw"] == "504 after 1.00 s"
    assert evidence["micro_batching"]["saw"] == "64 calls of app.model.infer_batch"


# --- who may say what ------------------------------------------------------------------------------------------------


def decided(finding: Finding) -> Decided[str]:
    return Decided(finding, "live", looks=3, quiet=1)


@pytest.fixture
def judge(tmp_path: Path) -> InExactTime:
    """A second judge that is given its looks, and starts nothing."""
    return InExactTime(Launcher.__new__(Launcher), Submission.at(compose(1, tmp_path / "submission")), Expect())


async def exactly() -> str | Unjudged:
    return "exact"


async def unjudged() -> str | Unjudged:
    return Unjudged("it computes")


@pytest.mark.parametrize(
    ("live", "exact", "finding", "seen"),
    [
        (Finding.BUSY, Sight.SHOWN, Finding.SHOWN, "exact"),
        (Finding.BUSY, Sight.REFUTED, Finding.REFUTED, "exact"),
        (Finding.BUSY, Sight.UNCLEAR, Finding.MISSED, "exact"),
        (Finding.MISSED, Sight.SHOWN, Finding.MISSED, "live"),
        (Finding.REFUTED, Sight.SHOWN, Finding.REFUTED, "live"),
        (Finding.MISSED, Sight.REFUTED, Finding.REFUTED, "exact"),
        (Finding.REFUTED, Sight.UNCLEAR, Finding.REFUTED, "live"),
    ],
)
async def test_the_live_judge_comes_first(
    judge: InExactTime, live: Finding, exact: Sight, finding: Finding, seen: str
) -> None:
    """What the live clock saw on a quiet machine stands; virtual time explains it, and decides where it saw nothing."""
    found = await judge.decided(decided(live), exactly, lambda _: exact)

    assert (found.finding, found.seen) == (finding, seen)


async def test_a_live_pass_costs_nothing(judge: InExactTime) -> None:
    """The exact judge is not even asked."""
    asked = []

    async def look() -> str | Unjudged:
        asked.append(True)
        return "exact"

    found = await judge.decided(decided(Finding.SHOWN), look, lambda _: Sight.REFUTED)

    assert (found.seen, asked) == ("live", [])


async def test_neither_can_tell(judge: InExactTime) -> None:
    """What virtual time cannot judge stays open, with both reasons."""
    found = await judge.decided(decided(Finding.BUSY), unjudged, lambda _: Sight.SHOWN)

    assert found.is_busy
    assert found.busy_text.startswith("this machine is too busy to tell: 3 attempts were unclear")
    assert found.busy_text.endswith("The exact judge cannot tell either: it computes.")


async def test_nothing_is_excused_for_strangers(judge: InExactTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody else's work is graded, exact time fails what it misses and passes nothing."""
    monkeypatch.setattr(in_exact_time, "may_excuse", lambda: False)

    met = await judge.decided(decided(Finding.BUSY), exactly, lambda _: Sight.SHOWN)
    missed = await judge.decided(decided(Finding.BUSY), exactly, lambda _: Sight.REFUTED)

    assert met.is_busy and "somebody else's work is passed on a live clock alone" in met.busy_text
    assert missed.finding is Finding.REFUTED
