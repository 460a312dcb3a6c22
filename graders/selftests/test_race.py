"""How a race is decided: every way out, with fakes, and thousands of races on a simulated busy machine."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import pytest

from graders.expect import Expect, Inconclusive, Unmet
from graders.measuring.challenges import EIGHTY_ONE_AT_ONCE, FIVE_AT_ONCE, HEALTH_AMONG_FIVE, Challenge
from graders.measuring.race import BUDGET_S, Exact, Race, Verdict, race
from graders.measuring.timeline import Answer, Blocked, PoolQueue, Timeline

FLOOR_S = 0.2
CHALLENGE = Challenge(list, FLOOR_S)
GOOD, CLOSE, MISS, FAR = 0.11, 0.19, 0.25, 1.0
NEVER = math.inf


def timeline(wall_s: float, blocked: tuple[Blocked, ...] = (), pool: PoolQueue | None = None) -> Timeline:
    """A burst of one whose answer came after that time, or never."""
    done_s = wall_s if math.isfinite(wall_s) else None
    answer = Answer(0, "POST /predict", 0.0, done_s, done_s, 200 if done_s else None)
    return Timeline((answer,), blocked, pool, watched_s=1.2)


@dataclass
class FakeBursts:
    """Bursts that take what they are told, on a clock of their own; the last one repeats."""

    attempts_s: Iterable[float]
    reference_s: Iterable[float] = (GOOD,)
    exact: Exact | None = None
    burst_s: float = 0.01
    log: list[str] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self._attempts, self._references = list(self.attempts_s), list(self.reference_s)

    def clock(self) -> float:
        return self.now_s

    async def attempt(self) -> Timeline:
        return self._burst("attempt", self._attempts)

    async def reference(self) -> Timeline:
        return self._burst("reference", self._references)

    async def judge(self) -> Exact:
        self.log.append("exact")
        assert self.exact is not None
        return self.exact

    def _burst(self, who: str, walls_s: list[float]) -> Timeline:
        self.log.append(who)
        self.now_s += self.burst_s
        return timeline(walls_s.pop(0) if len(walls_s) > 1 else walls_s[0])

    async def race(
        self, challenge: Challenge = CHALLENGE, is_certain: Callable[[Timeline], bool] = lambda burst: False
    ) -> Race:
        judge = self.judge if self.exact is not None else None
        return await race(
            self.attempt, self.reference, challenge, in_exact_time=judge, is_certain=is_certain, clock=self.clock
        )

    def count(self, who: str) -> int:
        return self.log.count(who)


# --- ways out --------------------------------------------------------------------------------------------------------


async def test_met_at_once() -> None:
    """One attempt under the floor ends the race; nobody else is asked."""
    bursts = FakeBursts([GOOD], exact=Exact(timeline(GOOD)))
    result = await bursts.race()

    assert result.verdict is Verdict.MET
    assert bursts.log == ["attempt"]
    assert result.walls_s == (GOOD,)


async def test_met_at_the_second_attempt() -> None:
    """A single miss asks neither the reference nor the exact judge: trying again is quicker."""
    bursts = FakeBursts([MISS, GOOD], exact=Exact(timeline(MISS)))

    assert (await bursts.race()).is_met
    assert bursts.log == ["attempt", "attempt"]


async def test_met_after_many_misses() -> None:
    """A late good attempt counts as much as an early one, and it is the best."""
    bursts = FakeBursts([MISS, MISS, MISS, MISS, GOOD], [MISS], exact=Exact(timeline(GOOD)))
    result = await bursts.race()

    assert result.is_met
    assert result.best.wall_s == GOOD


@pytest.mark.parametrize("wall_s", [FLOOR_S, FLOOR_S + 1e-7, FLOOR_S - 1e-7, NEVER])
async def test_the_floor_itself_is_a_miss(wall_s: float) -> None:
    """A time that equals the floor to the microsecond, or no answer at all, is no pass."""
    bursts = FakeBursts([wall_s], exact=Exact(timeline(MISS)))

    assert (await bursts.race()).verdict is Verdict.MISSED


async def test_missed_in_exact_time_too() -> None:
    """After two misses the exact judge is asked once; if it sees a miss as well, the race is over."""
    bursts = FakeBursts([MISS, 0.22, MISS], exact=Exact(timeline(0.5)))
    result = await bursts.race()

    assert result.verdict is Verdict.MISSED
    assert bursts.log == ["attempt", "attempt", "exact"]
    assert result.best.wall_s == 0.22
    assert result.picture.wall_s == 0.5


async def test_certain_evidence() -> None:
    """Evidence that holds on any machine ends the race at the first miss that has it."""
    bursts = FakeBursts([MISS], exact=Exact(timeline(GOOD)))
    result = await bursts.race(is_certain=lambda burst: True)

    assert result.verdict is Verdict.MISSED
    assert bursts.log == ["attempt"]


async def test_near_misses_beside_a_quiet_reference() -> None:
    """Where the exact judge sees no miss, five clearly good reference runs beside six near misses are the proof."""
    bursts = FakeBursts([MISS], [GOOD], exact=Exact(timeline(GOOD)))
    result = await bursts.race()

    assert result.verdict is Verdict.MISSED
    assert (bursts.count("attempt"), bursts.count("reference"), bursts.count("exact")) == (6, 5, 1)
    assert result.picture is result.best


@pytest.mark.parametrize("wall_s", [FAR, NEVER])
async def test_far_misses_beside_a_quiet_reference(wall_s: float) -> None:
    """Where every attempt took three times the floor or was never answered, three good reference runs suffice."""
    bursts = FakeBursts([wall_s], [GOOD])

    assert (await bursts.race()).verdict is Verdict.MISSED
    assert (bursts.count("attempt"), bursts.count("reference")) == (4, 3)


async def test_one_near_miss_among_far_ones() -> None:
    """The best attempt decides how much proof is needed."""
    bursts = FakeBursts([FAR, MISS, FAR], [GOOD])

    assert (await bursts.race()).verdict is Verdict.MISSED
    assert bursts.count("reference") == 5


async def test_a_reference_that_barely_meets_the_floor() -> None:
    """Reference runs just under the floor prove nothing until there are five in a row, beside eight misses."""
    bursts = FakeBursts([MISS], [CLOSE])

    assert (await bursts.race()).verdict is Verdict.MISSED
    assert (bursts.count("attempt"), bursts.count("reference")) == (8, 7)


async def test_a_disturbed_reference_run_breaks_the_row() -> None:
    """Good reference runs count as proof only in a row."""
    bursts = FakeBursts([MISS], [GOOD, GOOD, GOOD, GOOD, MISS, GOOD, GOOD, GOOD, GOOD, GOOD])

    assert (await bursts.race()).verdict is Verdict.MISSED
    assert bursts.count("reference") == 10


async def test_busy_without_an_exact_judge() -> None:
    """Where the reference misses the floor too until the time is over, nobody can tell, and the text says so."""
    bursts = FakeBursts([MISS], [0.9, 0.15], burst_s=BUDGET_S / 5)
    bursts._references = [0.9, 0.15, 0.9]
    result = await bursts.race()

    assert result.verdict is Verdict.BUSY
    assert result.is_undecided and not result.is_met
    assert BUDGET_S < bursts.now_s <= BUDGET_S + 2 * bursts.burst_s
    assert "too busy to tell" in result.explanation
    assert "0.15 s to 0.90 s" in result.explanation
    assert "it was not asked" in result.explanation


async def test_busy_and_the_exact_judge_sees_a_pass() -> None:
    """On a busy machine the exact judge's word counts, and the burst that is shown is the exact one."""
    virtual = timeline(0.1)
    result = await FakeBursts([MISS], [MISS], exact=Exact(virtual), burst_s=1.0).race()

    assert result.is_met
    assert result.best is virtual


@pytest.mark.parametrize("found", [Exact(None, "it did not start"), Exact(timeline(0.1), "starts another process")])
async def test_busy_and_the_exact_judge_cannot_tell(found: Exact) -> None:
    """An exact judge that says what it does not see decides nothing, and its reason is told."""
    result = await FakeBursts([MISS], [NEVER], exact=found, burst_s=1.0).race()

    assert result.verdict is Verdict.BUSY
    assert found.cannot_judge in result.explanation
    assert "no answer" in result.explanation


async def test_an_exact_miss_that_cannot_be_trusted() -> None:
    """A miss in exact time counts for nothing where the judge says that it does not see everything."""
    bursts = FakeBursts([MISS, MISS, GOOD], exact=Exact(timeline(0.5), "uses a real socket"))

    assert (await bursts.race()).is_met


async def test_more_than_the_wall_time() -> None:
    """An attempt that is quick enough and lacks what the challenge asks for beside is a miss."""
    never_right = Challenge(list, FLOOR_S, meets=lambda burst: False)

    assert (await FakeBursts([GOOD], exact=Exact(timeline(GOOD))).race(never_right)).verdict is Verdict.MISSED


# --- what is told ----------------------------------------------------------------------------------------------------


def test_the_line_that_blocked_is_told() -> None:
    """A miss names the line that held the loop longest, for how long in all, and the pool that ran full."""
    held = Blocked(0.0, 0.1, "app/main.py", 12, "predict", "time.sleep(0.1)")
    again = Blocked(0.1, 0.25, "app/main.py", 12, "predict", "time.sleep(0.1)")
    other = Blocked(0.25, 0.45, "app/main.py", 30, "log", "write()")
    missed = Race(Verdict.MISSED, timeline(0.5, (held, again, other), PoolQueue(40, 41)), (0.5,), (GOOD,), FLOOR_S)

    assert "app/main.py, line 12, in predict held the event loop for 0.25 s in all:\n    time.sleep(0.1)" in (
        missed.explanation
    )
    assert "41 requests waited for a thread: the pool has 40" in missed.explanation
    assert missed.culprit == "app/main.py:12 holds the loop"


def test_evidence_is_plain_data() -> None:
    """The times that were measured are kept for the report, without the infinite ones that JSON cannot hold."""
    raced = Race(Verdict.MISSED, timeline(MISS), (MISS, NEVER), (NEVER, GOOD), FLOOR_S)
    expected = {"judge": "live", "floor_s": FLOOR_S, "walls_s": [MISS], "reference_s": [GOOD]}

    assert expected == raced.evidence


@pytest.mark.parametrize(("verdict", "raised"), [(Verdict.MISSED, Unmet), (Verdict.BUSY, Inconclusive)])
def test_what_a_check_makes_of_it(verdict: Verdict, raised: type[Exception]) -> None:
    """A missed race fails the check, a busy one leaves it inconclusive; the evidence is kept either way."""
    expect, raced = Expect(), Race(verdict, timeline(MISS), (MISS,), (MISS,), FLOOR_S, unjudgeable="no clock")
    with pytest.raises(raised):
        expect.met(raced, did="sent 5", saw="late", wanted="0.2 s", look_at="where?")

    assert expect.evidence == raced.evidence


# --- noise -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noise:
    """A machine that other work shares; the mean lengths of its quiet and busy spells, in seconds.

    One slowdown holds for everything that runs: 1 to 1.3 in a quiet spell, 2 to 12 in a busy one, drawn anew for each.
    A burst takes its waiting, plus its processor time at the slowdown of its beginning, plus, one time in ten, a
    hiccup of its own (exponential, 0.05 s on average). Lengths of spells are exponential.
    """

    quiet_s: float
    busy_s: float


class SimulatedMachine:
    """Bursts on a noisy machine whose clock they drive."""

    def __init__(self, noise: Noise, seed: int) -> None:
        self._noise, self._random = noise, random.Random(seed)
        self._is_busy, self._until_s, self._slowdown = self._random.random() < 0.5, 0.0, 1.0
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def burst(self, waiting_s: float, cpu_s: float) -> Timeline:
        draw = self._random
        while self.now_s >= self._until_s:
            self._is_busy = not self._is_busy
            self._until_s += draw.expovariate(1 / (self._noise.busy_s if self._is_busy else self._noise.quiet_s))
            self._slowdown = draw.uniform(2, 12) if self._is_busy else draw.uniform(1, 1.3)
        hiccup_s = draw.expovariate(1 / 0.05) if draw.random() < 0.1 else 0.0
        wall_s = waiting_s + cpu_s * self._slowdown + hiccup_s
        self.now_s += wall_s
        return timeline(wall_s)


NOISES = (Noise(10, 1), Noise(1, 1), Noise(1, 3), Noise(0.5, 2), Noise(0.3, 0.3))
LOADS = {"five": (FIVE_AT_ONCE, 0.005), "eighty_one": (EIGHTY_ONE_AT_ONCE, 0.06), "slower": (EIGHTY_ONE_AT_ONCE, 0.081)}
RACES = 250
CANNOT_TELL = Exact(None, "it starts another process")


def now(race_: Awaitable[Race]) -> Race:
    """The result of a race that never really waits, without an event loop."""
    try:
        race_.__await__().send(None)
    except StopIteration as end:
        assert isinstance(end.value, Race)
        return end.value
    raise AssertionError("the race waited")


def simulated(noise: Noise, load: str, waiting_s: float, exact: Exact) -> Counter[Verdict]:
    """The verdicts of many races, each on a machine of its own seed."""
    challenge, cpu_s = LOADS[load]
    verdicts: Counter[Verdict] = Counter()
    for seed in range(RACES):
        machine = SimulatedMachine(noise, seed)

        async def attempt(machine: SimulatedMachine = machine) -> Timeline:
            return machine.burst(waiting_s, cpu_s)

        async def reference(machine: SimulatedMachine = machine) -> Timeline:
            return machine.burst(0.1, cpu_s)

        async def in_exact_time() -> Exact:
            return exact

        verdicts[
            now(race(attempt, reference, challenge, in_exact_time=in_exact_time, clock=machine.clock)).verdict
        ] += 1
    return verdicts


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_a_right_submission_is_never_failed(noise: Noise, load: str) -> None:
    """On the simulated machine, 7,500 races of right submissions end without one that is called missed."""
    with_judge = simulated(noise, load, 0.1, Exact(timeline(0.1)))
    without = simulated(noise, load, 0.1, CANNOT_TELL)

    assert set(with_judge) == {Verdict.MET}, with_judge
    assert Verdict.MISSED not in without, without
    assert without[Verdict.MET] > without[Verdict.BUSY]


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_a_wrong_submission_is_never_passed(noise: Noise, load: str) -> None:
    """On the simulated machine, 7,500 races of submissions that take just the floor end without one that is met."""
    floor_s = LOADS[load][0].floor_s

    assert set(simulated(noise, load, floor_s, Exact(timeline(floor_s)))) == {Verdict.MISSED}
    assert Verdict.MET not in simulated(noise, load, floor_s, CANNOT_TELL)


def test_the_simulated_machine_disturbs() -> None:
    """The noise of the simulation is real noise: a third of the single bursts of a right submission miss the floor."""
    walls = [SimulatedMachine(Noise(1, 1), seed).burst(0.1, 0.081).wall_s for seed in range(1000)]

    assert 300 < sum(wall_s >= EIGHTY_ONE_AT_ONCE.floor_s for wall_s in walls) < 600


def test_health_must_come_first() -> None:
    """Quick predictions do not help where /health was answered after the first of them."""

    def burst(health_s: float) -> Timeline:
        predictions = [Answer(i, "POST /predict", 0.0, 0.11, 0.11, 200) for i in range(5)]
        return Timeline((*predictions, Answer(5, "GET /health", 0.025, health_s, health_s, 200)))

    assert HEALTH_AMONG_FIVE.is_met(burst(0.03))
    assert not HEALTH_AMONG_FIVE.is_met(burst(0.12))
