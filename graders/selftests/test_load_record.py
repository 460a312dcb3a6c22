"""A load test from both sides: steps from records, reports that fit, reports that lack something, and its picture."""

from __future__ import annotations

from typing import Any

import pytest

from graders.measuring.load_record import (
    Reported,
    Served,
    Window,
    is_neighbour,
    measured,
    named_indexes,
    nearest_index,
    windows,
)
from graders.measuring.load_test import LoadPicture, LoadTest, report_trouble, unit_trouble
from graders.measuring.objective import LoadStep
from graders.reporting.load_steps import ASCII, load_steps
from graders.reporting.pictures import drawn, picture_from

USERS = (10, 20, 30, 45, 60)
STEP_S = 2.0
STEPS = tuple(Window(users, i * STEP_S, (i + 1) * STEP_S) for i, users in enumerate(USERS))


def served(capacity: int, slow_s: float = 0.6) -> tuple[Served, ...]:
    """The record of a service that holds so many users: ten requests in each step."""
    found: list[Served] = []
    for step in STEPS:
        takes_s = slow_s if step.users > capacity else 0.05
        for i in range(10):
            at = step.start_s + i * 0.1
            found.append(Served(at, at + takes_s, "POST", "/predict", 200, False, len(found) + 1))
    return tuple(found)


def reported(record: tuple[Served, ...], late_ms: float = 5.0) -> tuple[Reported, ...]:
    return tuple(
        Reported(s.ended_s + late_ms / 1000, s.latency_ms + late_ms, "POST", "/predict", 200, False, "", s.answer)
        for s in record
    )


def load_test(capacity: int = 30, late_ms: float = 5.0, report: Any = None) -> LoadTest:
    record = served(capacity)
    return LoadTest(capacity, STEPS, reported(record, late_ms), record, STEP_S, report)


def test_steps_follow_the_ticks() -> None:
    """Each answer of the shape begins a step, and None ends the last; a pause is none."""
    ticks: list[tuple[float, int | None]] = [(1.0, 10), (3.0, 0), (4.0, 20), (6.0, None)]

    assert [Window(10, 1.0, 3.0), Window(20, 4.0, 6.0)] == windows(ticks)
    assert windows(ticks[:1]) == []


def test_requests_count_where_they_began_or_ended() -> None:
    """A request that crosses from one step into the next belongs to either, as one likes."""
    crossing = [Served(1.9, 2.4, "POST", "/predict", 200, False)]

    assert [round(step.rps * STEP_S) for step in measured(STEPS[:2], crossing, by_end=False)] == [1, 0]
    assert [round(step.rps * STEP_S) for step in measured(STEPS[:2], crossing, by_end=True)] == [0, 1]


def test_only_errors_are_failures() -> None:
    """A status of 500 is a failure to the service; an answer that was merely slow shows in the p95."""
    record = [Served(0.1, 0.2, "POST", "/predict", 500, True), Served(0.3, 0.9, "POST", "/predict", 200, False)]

    assert [step.failure_ratio for step in measured(STEPS[:1], record, by_end=False)] == [0.5]
    assert [round(step.p95_ms or 0) for step in measured(STEPS[:1], record, by_end=False)] == [600.0]


@pytest.mark.parametrize(("capacity", "named"), [(5, -1), (14, 0), (30, 2), (44, 2), (59, 3), (1000, 4)])
def test_the_record_names_the_step(capacity: int, named: int) -> None:
    """The service's own record names the last step that it holds."""
    test = load_test(capacity)

    assert {named} == test.named
    assert (USERS[named] if named >= 0 else None) == test.breaking_users


@pytest.mark.parametrize(
    ("users", "fits"), [(30, True), (20, True), (45, True), (29.0, True), (10, False), (60, False), (None, False)]
)
def test_a_neighbour_fits(users: float | None, fits: bool) -> None:
    """The named step and its direct neighbours fit, and so does a number close to one of them."""
    assert load_test(30).fits(users) is fits


def test_none_is_a_neighbour_of_the_first_step() -> None:
    """Where the first step is named, no step at all is one beside it."""
    assert load_test(14).fits(None)
    assert load_test(5).fits(10)
    assert not load_test(5).fits(20)


def test_a_fall_after_the_peak_may_be_left_out() -> None:
    """A shape that falls at its end may be judged with or without what follows its peak."""
    steps = [LoadStep(users, 9.0, 50.0, 0.0) for users in (10, 20, 40)] + [LoadStep(80, 9.0, 900.0, 0.0)]
    falling = [*steps, LoadStep(10, 9.0, 50.0, 0.0)]

    assert {2, 4} == named_indexes(falling)
    assert {2} == named_indexes(steps)
    assert is_neighbour(falling, 40, named_indexes(falling))
    assert {0, 4} == nearest_index(falling, 10)


def test_noise_is_seen_where_the_service_was_fast() -> None:
    """Answers that were served in time and came late were disturbed; those that were served late were not."""
    assert not load_test(30).is_disturbed
    assert load_test(30, late_ms=220).is_disturbed


def test_a_step_that_was_cut_is_disturbed() -> None:
    """A step that lasted less than half of what was planned tells nothing."""
    short = (*STEPS[:-1], Window(60, 8.0, 8.5))
    record = served(30)

    assert LoadTest(30, short, reported(record), record, STEP_S).is_disturbed


GOOD = {"users": 10, "rps": 9.5, "p95_ms": 51.0, "failure_ratio": 0.0}


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ([], "it is a list"),
        ({"steps": [GOOD]}, "has no breaking_point_users; it has steps"),
        ({"breaking_point_users": 10}, "has no steps"),
        ({"breaking_point_users": "10", "steps": [GOOD]}, "'10', which is no number"),
        ({"breaking_point_users": True, "steps": [GOOD]}, "True, which is no number"),
        ({"breaking_point_users": 10, "steps": {}}, "{}, which is no list of steps"),
        ({"breaking_point_users": 10, "steps": []}, "an empty list"),
        ({"breaking_point_users": 10, "steps": [GOOD | {"rps": 0.0}]}, "rps is 0 in every step"),
        ({"breaking_point_users": 10, "steps": [GOOD, GOOD | {"rps": 0.0}]}, ""),
        ({"breaking_point_users": 10, "steps": [GOOD | {"rps": -1}]}, "less than nothing"),
        ({"breaking_point_users": 10, "steps": [GOOD | {"failure_ratio": 30.2}]}, "a ratio is a part of all requests"),
        ({"breaking_point_users": 10, "steps": [GOOD | {"failure_ratio": 1}]}, ""),
        ({"breaking_point_users": 10, "steps": [GOOD, 3]}, "step 2 is 3"),
        ({"breaking_point_users": 10, "steps": [{"users": 10, "rps": 1}]}, "step 1 has no p95_ms; it has users, rps"),
        ({"breaking_point_users": 10, "steps": [GOOD | {"rps": None}]}, "step 1 has rps = None"),
        ({"breaking_point_users": None, "steps": [GOOD | {"p95_ms": None}]}, ""),
        ({"breaking_point_users": 10.0, "steps": [GOOD], "more": 1}, ""),
    ],
)
def test_what_a_report_lacks_is_said(report: Any, says: str) -> None:
    """A report that is not what the contract says is answered with what it lacks, and a good one with nothing."""
    trouble = report_trouble(report)

    assert says in trouble
    assert bool(says) is bool(trouble)


@pytest.mark.parametrize(
    ("p95_ms", "says"),
    [([51.0, 60.0], ""), ([None, 60.0], ""), ([0.051, 0.6], "the fastest prediction took 50 ms"), ([None], "is 0;")],
)
def test_seconds_are_no_milliseconds(p95_ms: list[float | None], says: str) -> None:
    """No p95 of a step with predictions in it is shorter than the fastest of them was in the service."""
    record = [Served(1.0, 1.05, "POST", "/predict", 200, False), Served(1.0, 1.001, "GET", "/health", 200, False)]
    trouble = unit_trouble({"steps": [GOOD | {"p95_ms": each} for each in p95_ms]}, record)

    assert says in trouble
    assert bool(says) is bool(trouble)


# --- the picture -----------------------------------------------------------------------------------------------------


def picture(reported: float | None = 30, recorded: int | None = 30) -> LoadPicture:
    test = load_test(30)
    return LoadPicture(tuple(test.recorded), reported, recorded)


def test_the_picture_shows_knee_objective_and_both_breaking_points() -> None:
    """One line a step: throughput, p95 against the objective, and who calls which step the breaking point."""
    lines = load_steps(picture(reported=45), 84, ASCII)

    assert "250 ms" in lines[0]
    assert [f"{users:>5}" for users in USERS] == [line[:5] for line in lines[1:]]
    assert "< the service" in lines[3]
    assert "< your report" in lines[4]
    assert "|---" in lines[4].replace(" ", "")
    assert "|-" not in lines[3]


def test_the_same_step_is_marked_once() -> None:
    """Where both agree, one mark names both."""
    assert "< your report and the service" in load_steps(picture(), 84, ASCII)[3]


@pytest.mark.parametrize("width", [60, 72, 84, 106])
def test_the_picture_keeps_its_width(width: int) -> None:
    """Marks aside, no line is longer than it may be."""
    assert max(len(line.split("  <")[0]) for line in load_steps(picture(), width, ASCII)) <= width


def test_the_picture_survives_a_report() -> None:
    """What a report keeps of it draws the same."""
    again = picture_from(picture().to_json())

    assert isinstance(again, LoadPicture)
    assert drawn(again, 84, is_plain=True) == load_steps(again, 84, ASCII)
    assert load_steps(picture(), 84, ASCII) == load_steps(again, 84, ASCII)


def test_a_run_without_steps_is_said_to_have_none() -> None:
    """Nothing is drawn where nothing was run."""
    assert load_steps(LoadPicture((), None, None), 84) == ["(no step was run)"]
