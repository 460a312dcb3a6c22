"""The traffic of exercise 2 in virtual time: the same requests to the same routes, and latencies that are exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from graders.exact.launched import judge, why_it_did_not_start
from graders.exact.result import ExactResult, Unjudged
from graders.exact.scenario import Burst, Request
from graders.measuring.exactly import ExactInterval, ExactSandwich
from graders.measuring.ledger import Exchange
from graders.measuring.metrics import shape_trouble
from graders.measuring.sandwich import Latency
from graders.measuring.timeline import Answer
from graders.running.asking import Ask
from graders.running.launcher import Launcher
from graders.submission import Submission

PROBE = "graders.running.probes:install"
SETTLE_S = 1.0
"""A figure may be read a second after the traffic (contract)."""

TRAFFIC, FIGURES = "traffic", "figures"


@dataclass(frozen=True, slots=True)
class Planned:
    """A request, sent so many seconds after the beginning, or after the answer to an earlier one (its place)."""

    ask: Ask
    at_s: float = 0.0
    after: int | None = None

    def request(self) -> Request:
        """The request as the exact judge sends it."""
        headers = dict(self.ask.headers)
        if self.ask.delay_ms:
            headers["x-lab-delay-ms"] = f"{self.ask.delay_ms:g}"
        ask = self.ask
        return Request(ask.method, ask.path, ask.json, None, headers, self.at_s, label=ask.label, after=self.after)


Plan = Sequence[Planned]


def in_turn(asks: Iterable[Ask]) -> Plan:
    """One request after another, as `Traffic.one_by_one` sends them."""
    return [Planned(ask, after=place - 1 if place else None) for place, ask in enumerate(asks)]


def at_moments(timed: Iterable[tuple[float, Ask]]) -> Plan:
    """Each request at its moment, as `Traffic.together` sends them."""
    return [Planned(ask, at_s) for at_s, ask in timed]


@dataclass(frozen=True, slots=True)
class ExactTraffic:
    """What was sent, and what the service said about it a second later; asked as `Traffic` is."""

    is_exact: ClassVar[bool] = True

    exchanges: tuple[Exchange, ...]
    told: Mapping[str, Any]

    def counted(self, row: str | None = None) -> list[Exchange]:
        """The requests that the metrics must count, of one row or all."""
        return [e for e in self.exchanges if row in (None, e.row)]

    def sandwich(self, row: str | None = None, blur: int = 0) -> ExactSandwich:
        """The latencies of a row, or of all; with the same blur as live, so that both judges say the same."""
        return ExactSandwich(map(self.bounds, self.counted(row)), blur)

    def bounds(self, exchange: Exchange) -> Latency:
        """The injected delay and the client's time: the same moment in virtual time, unless the service waits, too."""
        return Latency(1000 * exchange.injected_s, 1000 * (exchange.done_s - exchange.sent_s))

    def interval(self, exchange: Exchange) -> ExactInterval:
        """Where a latency reported for one request must lie."""
        bounds = self.bounds(exchange)
        return ExactInterval(bounds.low_ms, bounds.high_ms)


async def exact_traffic(
    launcher: Launcher, submission: Submission, plan: Plan, env: Mapping[str, str] | None = None
) -> ExactTraffic | Unjudged:
    """Send it through the submission in virtual time, on a fresh start of its own."""
    bursts = (
        Burst(TRAFFIC, tuple(planned.request() for planned in plan)),
        Burst(FIGURES, (Request("GET", "/metrics"),), pause_s=SETTLE_S),
    )
    return traffic_of(plan, await judge(launcher, submission, bursts, env=env, probe=PROBE))


def traffic_of(plan: Plan, result: ExactResult) -> ExactTraffic | Unjudged:
    """The traffic out of a result of the exact judge."""
    sent, read = result.burst(TRAFFIC), result.burst(FIGURES)
    if why := result.cannot_judge or result.never_ends:
        return Unjudged(why)
    if trouble := why_it_did_not_start(result):
        return Unjudged(trouble)
    if sent is None or read is None or not all(answer.is_complete for answer in sent.timeline.answers):
        return Unjudged("not every request was answered on the virtual clock")
    if (status := read.timeline.answers[0].status) != 200:
        return Unjudged(f"GET /metrics was answered {status} on the virtual clock")
    told = read.timeline.answers[0].json()
    if shape_trouble(told):
        return Unjudged("GET /metrics has another shape on the virtual clock")
    exchanges = (_exchange(planned.ask, answer) for planned, answer in zip(plan, sent.timeline.answers, strict=True))
    return ExactTraffic(tuple(exchanges), told)


def _exchange(ask: Ask, answer: Answer) -> Exchange:
    assert answer.done_s is not None and answer.status is not None
    return Exchange(
        method=ask.method,
        path=ask.path,
        row=ask.row,
        sent_s=answer.sent_s,
        done_s=answer.done_s,
        status=answer.status,
        delay_s=ask.delay_ms / 1000,
        headers=tuple(answer.headers.items()),
        body=answer.body,
    )
