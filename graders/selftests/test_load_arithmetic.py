"""The arithmetic of exercise 3: breaking points, plans of load shapes, capacities, the mix of requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.measuring.breaking_cases import random_cases, telling_cases
from graders.measuring.mix import Mix, share_by_weights
from graders.measuring.objective import LoadStep, breaking_index, find_breaking_point, p95
from graders.measuring.schedule import APART, UNLIMITED, Schedule, capacity_at, dips, leaps, two_places

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

MEETS, MISSES = (120.0, 0.0), (900.0, 0.0)
outcomes = st.lists(st.booleans(), max_size=12)


def steps_of(outcomes: Sequence[bool]) -> list[LoadStep]:
    return [LoadStep(10 * i, 9.0 * i, *(MEETS if met else MISSES)) for i, met in enumerate(outcomes, start=1)]


# --- the breaking point ----------------------------------------------------------------------------------------------


@given(outcomes)
def test_it_is_what_the_contract_says(outcomes: list[bool]) -> None:
    """The answer is the step just before the first miss that the very next step does not make good."""
    lasting = [i for i, met in enumerate(outcomes) if not met and (i + 1 == len(outcomes) or not outcomes[i + 1])]

    assert (lasting[0] - 1 if lasting else len(outcomes) - 1) == breaking_index(outcomes)


@given(outcomes)
def test_it_is_a_step_that_meets_or_a_blip(outcomes: list[bool]) -> None:
    """The named step meets the objective, unless it is a blip at the very place where the rest meets again."""
    index = breaking_index(outcomes)

    assert -1 <= index < len(outcomes)
    assert index < 0 or outcomes[index]


@given(outcomes, outcomes)
def test_what_comes_after_a_lasting_miss_does_not_matter(before: list[bool], after: list[bool]) -> None:
    """Two misses in a row end the search."""
    assert breaking_index([*before, False, False]) == breaking_index([*before, False, False, *after])


@given(outcomes)
def test_a_blip_changes_nothing(outcomes: list[bool]) -> None:
    """A miss that is put between two steps which meet moves the answer by its own place at most."""
    with_blip = [True, False, True, *outcomes]

    assert breaking_index(with_blip) == breaking_index([True, *outcomes]) + 2


@given(outcomes)
def test_it_is_told_in_users(outcomes: list[bool]) -> None:
    """The answer is the users of the named step, and None where no step is named."""
    steps, index = steps_of(outcomes), breaking_index(outcomes)

    assert (steps[index].users if index >= 0 else None) == find_breaking_point(steps)


@pytest.mark.parametrize(
    ("p95_ms", "failure_ratio", "meets"),
    [(250.0, 0.01, True), (250.001, 0.0, False), (100.0, 0.0101, False), (None, 0.0, True), (0.0, 0.0, True)],
)
def test_the_objective(p95_ms: float | None, failure_ratio: float, meets: bool) -> None:
    """Exactly 250 ms and exactly 1 % meet the objective, and so does a step that nobody was in."""
    assert LoadStep(10, 1.0, p95_ms, failure_ratio).meets is meets


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_p95_is_one_of_the_values(values: list[float]) -> None:
    """At least 95 % of the values are no larger than p95, and p95 is one of them."""
    found = p95(values)

    assert found in values
    assert sum(value <= found for value in values) >= 0.95 * len(values)


# --- the cases that a learner's function is asked --------------------------------------------------------------------


def first_miss(steps: Sequence[LoadStep]) -> int | None:
    return next((steps[i - 1].users if i else None for i, s in enumerate(steps) if not s.meets), _last(steps))


def last_that_meets(steps: Sequence[LoadStep]) -> int | None:
    return max((s.users for s in steps if s.meets), default=None)


def the_missing_step(steps: Sequence[LoadStep]) -> int | None:
    index = breaking_index([s.meets for s in steps]) + 1
    return steps[index].users if index < len(steps) else _last(steps)


def p95_alone(steps: Sequence[LoadStep]) -> int | None:
    return find_breaking_point([LoadStep(s.users, s.rps, s.p95_ms, 0.0) for s in steps])


def failures_alone(steps: Sequence[LoadStep]) -> int | None:
    return find_breaking_point([LoadStep(s.users, s.rps, 0.0, s.failure_ratio) for s in steps])


def strictly_under(steps: Sequence[LoadStep]) -> int | None:
    return find_breaking_point([LoadStep(s.users, s.rps, (s.p95_ms or 0) + 0.01, s.failure_ratio) for s in steps])


def strictly_fewer(steps: Sequence[LoadStep]) -> int | None:
    return find_breaking_point([LoadStep(s.users, s.rps, s.p95_ms, s.failure_ratio + 1e-6) for s in steps])


def a_miss_at_the_end_is_a_blip(steps: Sequence[LoadStep]) -> int | None:
    return find_breaking_point([*steps, LoadStep(steps[-1].users, 1.0, *MEETS)] if steps else [])


def any_later_success_makes_a_blip(steps: Sequence[LoadStep]) -> int | None:
    met = [s.meets for s in steps]
    lasting = [i for i in range(len(met)) if not any(met[i:])]
    return _at(steps, lasting[0] - 1 if lasting else len(met) - 1)


def blips_of_two(steps: Sequence[LoadStep]) -> int | None:
    met = [s.meets for s in steps]
    lasting = [i for i in range(len(met)) if not any(met[i : i + 3])]
    return _at(steps, lasting[0] - 1 if lasting else len(met) - 1)


def zero_for_none(steps: Sequence[LoadStep]) -> int | None:
    return find_breaking_point(steps) or 0


def the_index(steps: Sequence[LoadStep]) -> int | None:
    return breaking_index([s.meets for s in steps])


def _last(steps: Sequence[LoadStep]) -> int | None:
    return _at(steps, len(steps) - 1)


def _at(steps: Sequence[LoadStep], index: int) -> int | None:
    return steps[index].users if index >= 0 else None


@pytest.mark.parametrize(
    "mistaken",
    [
        first_miss, last_that_meets, the_missing_step, p95_alone, failures_alone, strictly_under, strictly_fewer,
        a_miss_at_the_end_is_a_blip, any_later_success_makes_a_blip, blips_of_two, zero_for_none, the_index,
    ],
)  # fmt: skip
def test_each_mistake_is_told_by_a_case_with_a_name(mistaken: Callable[[Sequence[LoadStep]], int | None]) -> None:
    """Every way to get the rule nearly right is wrong on one of the telling cases."""
    assert [case.about for case in telling_cases() if mistaken(case.steps) != case.wanted]


def test_random_cases_begin_with_the_shortest() -> None:
    """The same seed draws the same cases, and the first wrong answer will be a short one."""
    cases = random_cases(random.Random(7))

    assert cases == random_cases(random.Random(7))
    assert [len(case.steps) for case in cases] == sorted(len(case.steps) for case in cases)
    assert {case.wanted is None for case in cases} == {True, False}


# --- plans of load shapes --------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0.5, 60), st.integers(1, 200)), min_size=1, max_size=10))
def test_a_plan_is_what_changed_and_when(held: list[tuple[float, int]]) -> None:
    """Steps follow one another without gaps, and the rising ones end with the peak."""
    starts = [sum(seconds for seconds, _ in held[:i]) for i in range(len(held) + 1)]
    changes = [(start, users) for start, (_, users) in zip(starts, held, strict=False)]

    plan = Schedule.from_changes(changes, starts[-1], 600)

    assert [users for _, users in held] == [step.users for step in plan.steps]
    assert sum(seconds for seconds, _ in held) == pytest.approx(sum(step.hold_s for step in plan.steps))
    assert max(users for _, users in held) == plan.rising[-1].users
    assert plan.factor == 1 or min(step.hold_s for step in plan.rising) / plan.factor == pytest.approx(2)


def test_a_start_without_users_is_no_step() -> None:
    """A shape that begins with nobody there begins with its first users."""
    plan = Schedule.from_changes([(0.0, 0), (5.0, 10), (15.0, 20)], 30.0, 600.0)

    assert [(step.users, step.hold_s) for step in plan.steps] == [(10, 10.0), (20, 15.0)]


def test_a_shape_that_ends_at_once_has_no_steps() -> None:
    """Nothing is made up where there was nothing."""
    assert Schedule.from_changes([], 0.0, 600.0).steps == ()
    assert Schedule.from_changes([], 0.0, 600.0).factor == 1


def test_dips_and_leaps() -> None:
    """A step back and a step of more than double are found; exactly double is neither."""
    plan = Schedule.from_changes([(0, 10), (9, 20), (18, 15), (27, 31), (36, 80)], 45, 600)

    assert [(a.users, b.users) for a, b in dips(plan.steps)] == [(20, 15)]
    assert [(a.users, b.users) for a, b in leaps(plan.steps)] == [(15, 31), (31, 80)]


@given(st.lists(st.integers(1, 100), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_shape_that_dips_has_capacities_between_its_heights(users: list[int], random_: random.Random) -> None:
    """Whatever a learner's shape does on its way up, there is a capacity for each of its new heights."""
    heights = Schedule.from_changes([(9.0 * at, now) for at, now in enumerate(users)], 600, 600).heights

    assert heights[-1] == max(users)
    assert all(a <= capacity_at(heights, at, random_) < b for at, (a, b) in enumerate(pairwise(heights)))
    assert sorted(set(heights)) == list(heights)


@given(st.integers(4, 40), st.booleans(), st.randoms(use_true_random=False))
def test_two_places_lie_apart(count: int, falls: bool, random_: random.Random) -> None:
    """Two services break so far apart that no answer fits both, neighbours included."""
    low, high = two_places(count, falls, random_)

    assert 0 <= low < high < count
    assert high - low >= APART


@given(st.integers(1, 3), st.booleans(), st.randoms(use_true_random=False))
def test_short_shapes_are_judged_as_far_as_they_go(count: int, falls: bool, random_: random.Random) -> None:
    """On fewer than four steps the weaker service holds none of them."""
    assert (-1, count - 1) == two_places(count, falls, random_)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=12, unique=True), st.randoms(use_true_random=False), st.data()
)
def test_a_capacity_lies_between_two_steps(users: list[int], random_: random.Random, data: st.DataObject) -> None:
    """The step of that index is held, and the next one is not."""
    users = sorted(users)
    index = data.draw(st.integers(-1, len(users) - 1))

    capacity = capacity_at(users, index, random_)

    assert index < 0 or users[index] <= capacity
    assert capacity < users[index + 1] if index + 1 < len(users) else capacity == UNLIMITED


# --- the mix of requests ---------------------------------------------------------------------------------------------


def test_equal_weights_are_a_half_however_the_draw_went() -> None:
    """What the tasks weigh decides, and not what a short run happened to draw."""
    share = share_by_weights({"predict": 1, "health": 1}, {"predict": {"1 of 1": 70}, "health": {"0 of 1": 51}})

    assert share == 0.5
    assert Mix(70, 121, share).is_majority is False


def test_tasks_that_send_several_requests() -> None:
    """A task counts with everything that it sends."""
    executions = {"visit": {"2 of 3": 10}, "look": {"0 of 1": 9}}

    assert share_by_weights({"visit": 1, "look": 1}, executions) == 0.5
    assert share_by_weights({"visit": 2, "look": 1}, executions) == pytest.approx(4 / 7)


@pytest.mark.parametrize("executions", [{"predict": {"1 of 1": 3}}, {"predict": {"1 of 1": 2, "0 of 1": 1}}])
def test_weights_may_not_tell(executions: dict[str, dict[str, int]]) -> None:
    """A task that never ran, or that draws what it sends, leaves it to the count."""
    assert share_by_weights({"predict": 3, "health": 1}, executions) is None or len(executions) > 1
    assert share_by_weights(None, executions) is None


@pytest.mark.parametrize(
    ("predictions", "requests", "is_majority"),
    [(50, 100, False), (60, 100, None), (80, 100, True), (600, 1000, True), (40, 100, False), (0, 0, False)],
)
def test_a_count_tells_where_it_is_large_enough(predictions: int, requests: int, is_majority: bool | None) -> None:
    """A share near a half is told from a half by many requests only; a half itself is no majority."""
    assert Mix(predictions, requests, None).is_majority is is_majority
