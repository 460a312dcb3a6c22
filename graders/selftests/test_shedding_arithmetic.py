"""The bound on accepted predictions: no right service ever passes it, however slow the machine; wrong ones do."""

from __future__ import annotations

import heapq

from hypothesis import given, settings
from hypothesis import strategies as st

from graders.measuring.shedding import Shed, Stay, excess, most_within
from graders.measuring.timeline import Answer, Timeline

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

seconds = st.floats(0, 2, allow_nan=False)
TAKES_S = 0.1


def served(limit: int, arrivals: list[tuple[float, float, float]], takes_s: float = TAKES_S) -> list[Stay]:
    """What clients see of a service that keeps its limit: each arrival is (moment, delay before, delay after)."""
    busy: list[float] = []
    stays = []
    for at, before, after in sorted(arrivals):
        while busy and busy[0] <= at:
            heapq.heappop(busy)
        if len(busy) < limit:
            heapq.heappush(busy, at + takes_s)
            stays.append(Stay(at - before, at + takes_s + after, takes_s))
    return stays


@given(st.integers(1, 8), st.lists(st.tuples(seconds, seconds, seconds), max_size=60))
def test_right_services_never_exceed(limit: int, arrivals: list[tuple[float, float, float]]) -> None:
    """Whatever the delays before and after each prediction, a service that keeps its limit is never accused."""
    stays = served(limit, arrivals)

    assert excess(stays, limit) is None


@given(
    st.integers(1, 8),
    st.lists(st.tuples(seconds, seconds, seconds, st.sampled_from([0.05, 0.1, 0.5])), max_size=60),
)
def test_right_services_with_several_durations(limit: int, arrivals: list[tuple[float, float, float, float]]) -> None:
    """The same where predictions of different lengths share the places."""
    busy: list[float] = []
    stays = []
    for at, before, after, takes_s in sorted(arrivals):
        while busy and busy[0] <= at:
            heapq.heappop(busy)
        if len(busy) < limit:
            heapq.heappush(busy, at + takes_s)
            stays.append(Stay(at - before, at + takes_s + after, takes_s))

    assert excess(stays, limit) is None


@given(st.integers(1, 8), st.integers(1, 8), st.floats(0, 0.09))
def test_one_too_many_is_seen_on_a_quiet_machine(limit: int, more: int, late_s: float) -> None:
    """A burst that lets in more than the limit is accused as soon as it is over before two rounds could be."""
    stays = [Stay(0.0, TAKES_S + late_s, TAKES_S) for _ in range(limit + more)]
    found = excess(stays, limit)

    assert found is not None
    assert (found.count, found.most) == (limit + more, limit)


def test_bound() -> None:
    """Four places serve four in one prediction's time, eight in two, and never fewer than four."""
    bounds = {window_s: most_within(window_s, TAKES_S, 4) for window_s in (0.01, 0.1, 0.15, 0.1985, 0.31)}

    assert bounds == {0.01: 4, 0.1: 4, 0.15: 4, 0.1985: 8, 0.31: 12}


def burst(accepted: int, shed_at_s: float, done_s: float = 0.11, refused: int | None = None) -> Shed:
    """Twenty predictions: some accepted and done together, the others told 503 at one moment."""
    refused = 20 - accepted if refused is None else refused
    answers = [Answer(i, "POST /predict", 0.0, done_s, done_s, 200) for i in range(accepted)]
    answers += [Answer(i, "POST /predict", 0.0, shed_at_s, shed_at_s, 503) for i in range(refused)]
    return Shed(Timeline(tuple(answers)), 4, {"POST /predict": TAKES_S})


def test_exact_burst() -> None:
    """Four accepted at the same time and sixteen told before: that shows the limit."""
    assert burst(4, shed_at_s=0.02).is_exact


def test_late_refusals_are_not_prompt() -> None:
    """Refusals that come after the first accepted one was done show no shedding."""
    late = burst(4, shed_at_s=0.12)

    assert not late.is_prompt
    assert not late.is_exact
    assert late.excess is None


def test_three_are_too_few() -> None:
    """Three accepted do not show a limit of four."""
    assert not burst(3, shed_at_s=0.02).is_exact


def test_four_in_two_rounds_do_not_show_four_places() -> None:
    """Four accepted over the time of two rounds may be three places and a second round."""
    assert not burst(4, shed_at_s=0.02, done_s=0.21).is_exact


def test_five_are_too_many() -> None:
    """Five accepted within one round exceed a limit of four."""
    found = burst(5, shed_at_s=0.02).excess

    assert found is not None
    assert (found.count, found.most) == (5, 4)


def asked_behind(shed: Shed, *moments: tuple[float, float]) -> Shed:
    """The same burst with questions behind it, each sent and answered at these moments."""
    others = [Answer(99, "GET /health", sent_s, done_s, done_s, 200) for sent_s, done_s in moments]
    return Shed(Timeline((*shed.timeline.answers, *others)), shed.limit, shed.takes_s)


def test_accepted_although_everything_was_read() -> None:
    """Two questions in a row, answered before the first prediction was done: all twenty were there, and waited."""
    queue = burst(20, shed_at_s=0.0, done_s=0.5)

    assert asked_behind(queue, (0.0, 0.02), (0.03, 0.04)).waiting == 20


def test_questions_together_prove_nothing() -> None:
    """Questions that were in flight together do not show that the predictions were read before."""
    queue = burst(20, shed_at_s=0.0, done_s=0.5)

    assert asked_behind(queue, (0.0, 0.04), (0.03, 0.05)).waiting == 0


def test_late_questions_prove_nothing() -> None:
    """Questions that were answered after the first prediction do not show who waited."""
    queue = burst(20, shed_at_s=0.0, done_s=0.11)

    assert asked_behind(queue, (0.0, 0.02), (0.03, 0.12)).waiting == 0


def test_nobody_accepted() -> None:
    """A burst in which everybody is turned away shows nothing and breaks nothing."""
    none = burst(0, shed_at_s=0.02, refused=20)

    assert not none.is_exact
    assert none.excess is None
    assert none.picture.to_json()["requests"][0]["status"] == 503
