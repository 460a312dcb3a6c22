"""What was sent to a service and when it was answered: from it follows what each latency must lie between."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graders.measuring.sandwich import Latency

TIMER_S = 0.001


@dataclass(frozen=True, slots=True)
class Waited:
    """The wait inside the lab's own handler, as it measured it itself, in seconds of the machine's monotonic clock."""

    began_s: float
    ended_s: float

    @property
    def length_s(self) -> float:
        """How long it was."""
        return self.ended_s - self.began_s


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its whole answer.

    `row` is the name under which it counts in the metrics, `delay_s` the wait that was asked for, `waited` the wait
    that the handler measured, where it could tell. Moments are seconds of the machine's monotonic clock.
    """

    method: str
    path: str
    row: str
    sent_s: float
    done_s: float
    status: int
    delay_s: float = 0.0
    waited: Waited | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    counts: bool = True

    @property
    def label(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    def header(self, name: str) -> str | None:
        """A header's value, several lines of it joined by commas; `None` where there is none."""
        lines = [value for key, value in self.headers if key == name]
        return ", ".join(lines) if lines else None

    def json(self) -> Any:
        """The body as JSON; `None` where it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def injected_s(self) -> float:
        """The least that the service can have measured."""
        return self.waited.length_s if self.waited else self.delay_s


def is_credible(waited: Waited, sent_s: float, done_s: float, delay_s: float) -> bool:
    """Whether a wait that a child process reported fits what was asked for and what was seen from outside."""
    inside = sent_s <= waited.began_s <= waited.ended_s <= done_s
    return inside and waited.length_s >= delay_s - TIMER_S


def latencies(exchanges: Sequence[Exchange], of: Iterable[Exchange] | None = None) -> list[Latency]:
    """What each latency must lie between, for some of the exchanges (default: those that count).

    A service may stop its clock just after the client has the last byte: the end of a request may take several turns of
    the event loop, while other requests are served. So the client's time runs until a request that was sent after the
    last byte is answered by the same process. Where that one waits, the bounds are wide: who wants to know a latency
    well sends a quick request after it. Raises `ValueError` where nothing was sent afterwards.
    """
    by_sent = sorted(exchanges, key=lambda exchange: exchange.sent_s)
    sent = [exchange.sent_s for exchange in by_sent]
    earliest = [math.inf] * (len(by_sent) + 1)
    for i in range(len(by_sent) - 1, -1, -1):
        earliest[i] = min(earliest[i + 1], by_sent[i].done_s)
    found = []
    for exchange in [e for e in exchanges if e.counts] if of is None else of:
        until_s = earliest[bisect_left(sent, exchange.done_s)]
        if math.isinf(until_s):
            raise ValueError(f"no request was sent after {exchange.label} was answered")
        found.append(Latency(1000 * exchange.injected_s, 1000 * (until_s - exchange.sent_s)))
    return found


def most_in_flight(exchanges: Iterable[Exchange]) -> int:
    """The largest number of requests that the service itself had waiting at one moment."""
    moments = [moment for e in exchanges if e.waited for moment in ((e.waited.began_s, 1), (e.waited.ended_s, -1))]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most
