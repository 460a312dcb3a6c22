"""Lists of load steps on which `find_breaking_point` is asked: telling ones by name, then many drawn at random."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graders.measuring.objective import MAX_FAILURE_RATIO, P95_OBJECTIVE_MS, LoadStep, find_breaking_point

RANDOM_CASES = 300
MAX_STEPS = 9
FALLING = 0.3
"""This part of the cases comes down the way it went up, after its peak."""


@dataclass(frozen=True, slots=True)
class Case:
    """Steps, what is special about them, and the right answer."""

    about: str
    steps: tuple[LoadStep, ...]

    @property
    def wanted(self) -> int | None:
        """The users at the breaking point."""
        return find_breaking_point(self.steps)

    @property
    def numbers(self) -> list[list[float]]:
        """The steps as plain numbers."""
        return [[s.users, s.rps, s.p95_ms or 0.0, s.failure_ratio] for s in self.steps]

    def described(self) -> str:
        """The steps for a person to read, one a line."""
        lines = [
            f"{s.users:>4} users: p95 {s.p95_ms:g} ms, {100 * s.failure_ratio:g} % failures"
            f"{'' if s.meets else '   misses'}"
            for s in self.steps
        ]
        return "\n".join(lines) or "no steps at all"


def telling_cases() -> Iterator[Case]:
    """One case for each sentence of the rule, and for each way to get it nearly right."""
    good, slow, failing = (120.0, 0.0), (900.0, 0.0), (120.0, 0.2)
    yield _case("it breaks in the middle", good, good, good, slow, slow, slow)
    yield _case("errors break it, although it is fast", good, good, failing, failing)
    yield _case("nothing breaks it", good, good, good)
    yield _case("there are no steps")
    yield _case("the first step misses already, and so does the next", slow, slow, good)
    yield _case("there is one step, and it misses", slow)
    yield _case("there is one step, and it meets", good)
    yield _case("one step misses, the very next one meets: a blip", good, slow, good, good)
    yield _case("a blip comes first, the real break later", good, slow, good, good, slow, slow)
    yield _case("the very first step is a blip", slow, good, good, slow, slow)
    yield _case("a miss at the very end has no next step that meets", good, good, slow)
    yield _case("two blips", good, slow, good, failing, good)
    yield _case("two misses in a row are no blip, whatever comes later", good, slow, slow, good, good)
    yield _case("it is slow once and fails once, in a row", good, failing, slow, good)
    yield _case("exactly the objective meets it", good, (P95_OBJECTIVE_MS, MAX_FAILURE_RATIO), slow, slow)
    yield _case("just above 250 ms misses", good, good, (P95_OBJECTIVE_MS + 0.5, 0.0), slow)
    yield _case("just above 1 % of failures misses", good, (120.0, 0.011), (120.0, 0.011), good)
    yield _case("the blip is the last step but one", good, good, slow, good)
    yield _with_users("the steps are not even", (10, 12, 24, 40, 80), (good, good, good, slow, slow))
    peak = (20, 40, 80, 100, 40)
    yield _with_users("the crowd falls after its peak, where it missed", peak, (good, good, good, slow, good))
    yield _with_users("the crowd falls after its peak, and misses there", peak, (good, good, good, good, slow))
    back = (10, 20, 40, 20, 10)
    yield _with_users("the same users come again on the way down", back, (good, slow, good, slow, good))
    yield _with_users("it misses on the way down, at users that it has met", back, (good, good, good, slow, slow))


def _case(about: str, *kinds: tuple[float, float]) -> Case:
    return Case(about, tuple(LoadStep(10 * i, 9.0 * i, *kind) for i, kind in enumerate(kinds, start=1)))


def _with_users(about: str, users: Sequence[int], kinds: Sequence[tuple[float, float]]) -> Case:
    return Case(about, tuple(LoadStep(n, n * 0.9, *kind) for n, kind in zip(users, kinds, strict=True)))


def random_cases(random_: random.Random, count: int = RANDOM_CASES) -> list[Case]:
    """Cases drawn at random, the short ones first, so that the first wrong answer is easy to read."""
    cases = []
    for _ in range(count):
        users = sorted(random_.sample(range(1, 200), random_.randint(1, MAX_STEPS)))
        if random_.random() < FALLING:
            users += reversed(users[: random_.randint(0, len(users) - 1)])
        steps = tuple(LoadStep(n, round(n * random_.uniform(0.2, 2), 1), *_kind(random_)) for n in users)
        cases.append(Case("steps drawn at random", steps))
    return sorted(cases, key=lambda case: len(case.steps))


def _kind(random_: random.Random) -> tuple[float, float]:
    p95_ms = random_.choice((90.0, 110.0, 249.9, 250.0, 250.1, 400.0, 2500.0))
    return p95_ms, random_.choice((0.0, 0.0, 0.0, 0.0, 0.005, 0.01, 0.0101, 0.3))
