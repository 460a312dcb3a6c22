"""The same stall as seen by a closed and by an open load, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, in seconds since the load began: when it was due, when it was sent and when it was answered."""

    due_s: float
    sent_s: float
    done_s: float

    @property
    def measured_ms(self) -> float:
        """The latency from the moment of sending: what most load tests report."""
        return 1000 * (self.done_s - self.sent_s)

    @property
    def waited_ms(self) -> float:
        """The latency from the moment at which it was due: what somebody waited."""
        return 1000 * (self.done_s - self.due_s)


@dataclass(frozen=True, slots=True)
class OpenClosed:
    """What both kinds of load saw; the closed one is judged by what it measured, the open one by what was due."""

    KIND: ClassVar[str] = "open_closed"
    users: int
    rate_rps: float
    lasts_s: float
    closed: tuple[Asked, ...]
    open: tuple[Asked, ...]

    @property
    def closed_ms(self) -> list[float]:
        """The latencies that the closed load reports."""
        return [asked.measured_ms for asked in self.closed]

    @property
    def open_ms(self) -> list[float]:
        """The latencies that the open load reports."""
        return [asked.waited_ms for asked in self.open]

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again; each request is [due, sent, done] in seconds."""
        return {
            "kind": self.KIND,
            "users": self.users,
            "rate_rps": self.rate_rps,
            "lasts_s": self.lasts_s,
            **{
                name: [[round(a.due_s, 4), round(a.sent_s, 4), round(a.done_s, 4)] for a in requests]
                for name, requests in (("closed", self.closed), ("open", self.open))
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OpenClosed:
        """The same again, to a tenth of a millisecond."""
        closed, opened = (tuple(Asked(*row) for row in data[name]) for name in ("closed", "open"))
        return cls(data["users"], data["rate_rps"], data["lasts_s"], closed, opened)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed; NaN where there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else math.nan
