"""Facts about the history of runs: what is kept, what is compared, what a spoilt file costs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from graders.commands.history import curve
from graders.curriculum import EXERCISES, exercise
from graders.measuring.figures import FIGURES, figures_in
from graders.measuring.trend import trend
from graders.reporting import history as room
from graders.reporting.history import History, Run, in_words, of_submission, trends
from graders.selftests.page_samples import BLOCK, STAIRCASE, card_with
from graders.verdict import Outcome, State

AT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
ROOT = Path("alice")


def run(value: float | None = 0.11, root: str = "alice", machine: str = "here") -> Run:
    figures = {} if value is None else {"exercise1.five_parallel.wall_s": value}
    return Run(AT.isoformat(), root, machine, {"exercise1.five_parallel": "passed"}, figures)


def test_a_run_is_read_back_as_it_was_added(tmp_path: Path) -> None:
    """What one run adds, the next one reads, in order."""
    history = History(tmp_path / "not" / "there" / "yet")

    history.add(run(0.11))
    history.add(run(0.12))

    assert [run(0.11), run(0.12)] == history.read()


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", '{"version": 2}', '{"version": 1}', '{"version": 1, "at": 1, "figures": 3}', "[" * 9_999],
)
def test_a_spoilt_line_costs_itself_alone(tmp_path: Path, line: str) -> None:
    """A line that is none of ours is passed over; those around it are read."""
    history = History(tmp_path)
    history.add(run(0.11))
    with history.path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    history.add(run(0.12))

    assert [run(0.11), run(0.12)] == history.read()


def test_a_long_history_loses_its_older_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file never grows beyond its limit by more than a run; the newest runs stay."""
    monkeypatch.setattr(room, "MOST_BYTES", 4_000)
    history = History(tmp_path)

    for number in range(100):
        history.add(run(float(number)))

    kept = history.read()
    assert history.path.stat().st_size <= 4_000
    assert kept[-1].figures == run(99.0).figures
    assert len(kept) > 5


def test_only_equal_machines_and_one_submission_are_compared() -> None:
    """Times of another machine or another submission are not in the trend."""
    runs = [run(0.1), run(0.9, machine="elsewhere"), run(0.8, root="bob"), run(None), run(0.2)]

    found = trends(of_submission(runs, ROOT), "here")

    assert [trend.values for _, trend in found] == [(0.1, 0.2)]


def test_a_run_keeps_what_was_graded_and_measured() -> None:
    """States, points and figures of the graded checks; nothing of exercises that were not graded."""
    five = next(c for c in exercise("exercise1").checks if c.id == "five_parallel")
    evidence = {"judge": "live", "walls_s": [0.13, 0.11], "timeline": BLOCK.to_json()}

    kept = Run.of(card_with(State.PASSED), {five: Outcome(State.PASSED, evidence=evidence)}, ROOT, AT)

    assert kept.states == {"exercise1.five_parallel": "passed"}
    assert kept.figures == {"exercise1.five_parallel.wall_s": 0.11}
    assert list(kept.points) == ["exercise1"]
    assert kept.passed == 1


def test_exact_time_is_no_measurement() -> None:
    """A figure of the virtual clock is the same on every machine and does not get into the history."""
    exact = {"judge": "exact", "walls_s": [0.1], "timeline": STAIRCASE.to_json()}

    assert figures_in("exercise1.five_parallel", exact) == {}
    assert figures_in("exercise1.many_parallel", exact) == {}


def test_a_crowd_has_a_p95_and_a_throughput() -> None:
    """From the timeline of a crowd: the smallest latency that 95 % do not exceed, and answers per second."""
    found = figures_in("exercise1.many_parallel", {"judge": "live", "walls_s": [0.108], "timeline": BLOCK.to_json()})

    assert found == {
        "exercise1.many_parallel.p95_ms": pytest.approx(104, abs=1),
        "exercise1.many_parallel.per_s": pytest.approx(5 / 0.108, rel=1e-3),
    }


def test_every_figure_belongs_to_a_check() -> None:
    """No figure waits for a check that does not exist."""
    checks = {f"{e.id}.{c.id}" for e in EXERCISES for c in e.checks}
    courses = {e.id for e in EXERCISES}

    assert set() == {f.check for f in FIGURES if f.check.partition(".")[0] in courses} - checks


def test_a_trend_is_told_in_words() -> None:
    """What a learner reads: too few, noise, better, with the range of earlier runs and the best one."""
    figure = FIGURES[1]

    assert in_words(figure, trend([0.5, 0.52], "lower")).startswith("Too few runs to tell a change from noise: 2 of 5.")
    noise = in_words(figure, trend([0.5, 0.52, 0.51, 0.53, 0.52], "lower"))
    assert noise == "No more than noise: the 4 runs before vary from 0.500 to 0.530 s. Your best in 5 runs is 0.500 s."
    better = in_words(figure, trend([0.5, 0.52, 0.51, 0.53, 0.11], "lower"))
    assert better.startswith("Better than before, and more than noise: the 4 runs before vary from 0.500 to 0.530 s.")


def test_a_curve_has_its_lowest_value_at_the_bottom() -> None:
    """Characters from low to high; a flat line lies in the middle."""
    assert curve((1.0, 2.0, 3.0)) == "▁▅█"
    assert curve((1.0, 1.0)) == "▄▄"
