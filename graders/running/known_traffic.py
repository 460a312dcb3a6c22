"""Traffic of exercise 2 whose latencies are known beforehand: what both judges send, and what must hold afterwards.

Each kind is made for a stretch: where a busy machine blurs short delays, the live judge sends the same traffic again
with longer ones. On a virtual clock nothing blurs them, so that a stretch of 1 is enough.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from graders.exact.traffic import Plan, Planned, at_moments, in_turn
from graders.expect import Expect, Unmet
from graders.measuring.ledger import Exchange
from graders.measuring.metrics import coarse_figures
from graders.measuring.sandwich import Sandwich
from graders.running.asking import Ask, delay, health, invalid, item, pause, pipeline, refuse, staged, tick
from graders.running.reported import Bounded, figures_are_right, header_is_right, stages_are_right

ROW = "GET /_lab/delay"
SPREAD = ("max_ms", "min_ms", "avg_ms")  # the figures that mean the same for a handful of samples, by any definition
SEED = 20


class Judged(Bounded, Protocol):
    """Traffic that was sent, by either judge."""

    is_exact: ClassVar[bool]
    """Whether its clock was a virtual one."""

    def sandwich(self, row: str | None = None, blur: int = 0) -> Sandwich:
        """What the latencies of a row, or of all, must lie between."""
        ...

    def counted(self, row: str | None = None) -> list[Exchange]:
        """The requests that the metrics must count, of one row or all."""
        ...


Requirements = Callable[[Expect, Mapping[str, Any], Judged], None]
"""What must hold of the metrics and of the traffic; raises `Unmet`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A plan, what must hold when it was carried out, and the environment that the service is started with."""

    plan: Plan
    requirements: Requirements
    env: Mapping[str, str] = field(default_factory=dict)

    def read_again(self, after: str) -> Known:
        """The same for a second reading, after some requests more: a failure tells that there was a first."""

        def requirements(expect: Expect, told: Mapping[str, Any], traffic: Judged) -> None:
            try:
                self.requirements(expect, told, traffic)
            except Unmet as unmet:
                did = f"{unmet.did}; read /metrics, and again {after}"
                raise Unmet(did, unmet.saw, unmet.wanted, unmet.look_at, unmet.cause) from None

        return Known(self.plan, requirements, self.env)

    @property
    def asks(self) -> list[Ask]:
        """The requests, in the order of the plan."""
        return [planned.ask for planned in self.plan]

    @property
    def timed(self) -> list[tuple[float, Ask]]:
        """The requests with the moments, in seconds, at which they are due."""
        return [(planned.at_s, planned.ask) for planned in self.plan]


# --- percentiles -----------------------------------------------------------------------------------------------------


def spread(stretch: int) -> Known:
    """199 requests one after another, with a tail so spread that p95, p99 and the maximum are no neighbours."""
    delays_ms = _spread_delays(stretch)
    did = (
        f"sent {len(delays_ms)} requests one after another, with delays from 0 to {max(delays_ms)} ms in shuffled "
        "order, and quick ones in between"
    )

    def all_right(expect: Expect, told: Mapping[str, Any], traffic: Judged) -> None:
        figures_are_right(expect, told, ROW, traffic.sandwich(ROW), did)
        figures_are_right(expect, told, None, traffic.sandwich(), did)
        for other in ("GET /_lab/pause", "GET /_lab/tick"):
            figures_are_right(expect, told, other, traffic.sandwich(other), did, SPREAD)
        coarse = "" if traffic.is_exact else coarse_figures(told)  # on a virtual clock whole delays take whole times
        expect(
            not coarse,
            did=did,
            saw=f"{coarse} in every row of the metrics: a whole number of milliseconds",
            wanted="latencies and figures to 0.1 ms or finer",
            look_at="where is something rounded, cut or divided: each latency, or a figure when it is told?",
        )

    return Known(in_turn([*_bounded(delays_ms), *[pause(3)] * 5]), all_right)


def _spread_delays(stretch: int) -> list[int]:
    """With 199 samples every definition puts p50, p95 and p99 between ranks 99 and 100, 189 and 190, 197 and 198.

    The tail comes early, so that a window that is too short has lost it.
    """
    tail = [ms * stretch for ms in (23, 31, 39, 47, 47, 47, 48, 48, 48, 57, 66, 85)]
    middle = [10 * stretch] * 27
    early, late = [*tail, *middle[:13], *[0] * 70], [*middle[13:], *[0] * 75]
    dice = random.Random(SEED)
    dice.shuffle(early)
    dice.shuffle(late)
    return [*early, *late, *[0] * 15]


def _bounded(delays_ms: Sequence[int]) -> list[Ask]:
    """The requests, and quick ones before and after each that waits: what is answered soon bounds what came before."""
    asks: list[Ask] = []
    for delay_ms in delays_ms:
        if delay_ms and asks and asks[-1] != tick():
            asks.append(tick())
        asks += [delay(delay_ms), tick()] if delay_ms else [delay()]
    return asks


# --- requests in flight together -------------------------------------------------------------------------------------

OVERLAPPING = 99


def overlapping(stretch: int) -> Known:
    """99 requests that begin one after another, the longest first, and 100 quick ones while they are in flight."""
    longest_first = [(0.0015 * stretch * n, delay((370 - 3.5 * n) * stretch)) for n in range(OVERLAPPING)]
    quick = [((0.17 + 0.002 * n) * stretch, tick()) for n in range(100)]
    # Neighbouring ranks lie close together here, so they are blurred: which rank a percentile takes is for `spread` to
    # judge, and a wrong one is no sign of a start time that was lost.
    did = f"sent 99 requests, one each {1.5 * stretch:g} ms, the longest first ({370 * stretch} ms), and 100 quick"

    def all_right(expect: Expect, told: Mapping[str, Any], traffic: Judged) -> None:
        look_at = "the middleware: where does it keep when a request began, while others begin and end?"
        figures_are_right(expect, told, ROW, traffic.sandwich(ROW, blur=10), did, look_at=look_at)
        figures_are_right(expect, told, None, traffic.sandwich(), did, SPREAD)

    return Known(at_moments([*longest_first, *quick]), all_right)


# --- headers ---------------------------------------------------------------------------------------------------------


def of_all_kinds() -> Known:
    """Requests to routes that answer 200, 4xx and 422, a quick one behind each: all carry Server-Timing."""
    asks = [delay(5), item(1, 60), refuse(409, 30), refuse(404), invalid(), health()]

    def all_right(expect: Expect, _: Mapping[str, Any], traffic: Judged) -> None:
        for exchange in traffic.counted()[::2]:
            did = f"sent {exchange.label}, which was answered {exchange.status}"
            if exchange.delay_s:
                did += f" after a delay of {1000 * exchange.delay_s:g} ms"
            header_is_right(expect, traffic, exchange, did)

    return Known(in_turn([each for ask in asks for each in (ask, tick())]), all_right)


@dataclass(frozen=True, slots=True)
class StageDelays:
    """Delays of the three stages, in ms: two for predictions alone, two for a pair that is in flight together."""

    slow_start: tuple[int, ...]
    slow_end: tuple[int, ...]
    long: tuple[int, ...]
    short: tuple[int, ...]

    @classmethod
    def stretched(cls, stretch: int) -> StageDelays:
        """Of each set another stage is the slowest."""
        sets = ((40, 5, 10), (5, 10, 40), (10, 15, 120), (20, 40, 5))
        return cls(*(tuple(delay_ms * stretch for delay_ms in delays_ms) for delays_ms in sets))

    @property
    def env(self) -> dict[str, str]:
        """The setting that a service is started with."""
        return {"PIPELINE_DELAYS_MS": ",".join(map(str, self.slow_start))}


def stages(delays: StageDelays) -> Known:
    """Two staged predictions alone, then two of which the second overtakes the first."""

    def prediction(after: int) -> Planned:
        return Planned(staged(random.random(), random.random()), after=after)

    plan = [
        Planned(pipeline(delays.slow_start)),
        prediction(after=0),
        Planned(pipeline(delays.slow_end), after=1),
        prediction(after=2),
        Planned(pipeline(delays.long), after=3),
        prediction(after=4),
        Planned(pipeline(delays.short, after_readings=3), after=4),
        prediction(after=6),
    ]
    predictions = {1: delays.slow_start, 3: delays.slow_end, 5: delays.long, 7: delays.short}

    def all_right(expect: Expect, _: Mapping[str, Any], traffic: Judged) -> None:
        for place, delays_ms in predictions.items():
            exchange = traffic.counted()[place]
            did = f"sent POST /predict/staged, with delays of {', '.join(f'{each} ms' for each in delays_ms)}"
            expect(exchange.status == 200, did=did, saw=f"status {exchange.status}", wanted="status 200")
            stages_are_right(expect, traffic, exchange, delays_ms, did)

    return Known(plan, all_right, delays.env)
