"""A sample of latencies with one reported figure marked: the picture beside a figure that cannot be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graders.measuring.sandwich import Rejection, Sandwich

KIND = "dots"


@dataclass(frozen=True, slots=True)
class Sample:
    """Latencies in ms (the middle of what each must lie between), the figure, and where it belongs."""

    latencies_ms: tuple[float, ...]
    figure: str
    reported_ms: float
    low_ms: float
    high_ms: float

    @classmethod
    def of(cls, sandwich: Sandwich, rejected: Rejection) -> Sample:
        """The picture of a rejection."""
        middles = sorted((latency.low_ms + latency.high_ms) / 2 for latency in sandwich.latencies)
        interval = rejected.interval
        return cls(tuple(middles), rejected.figure, rejected.reported_ms, interval.low_ms, interval.high_ms)

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports, rounded to 0.01 ms."""
        return {
            "kind": KIND,
            "figure": self.figure,
            "reported_ms": round(self.reported_ms, 4),
            "interval_ms": [round(self.low_ms, 2), round(self.high_ms, 2)],
            "latencies_ms": [round(latency, 2) for latency in self.latencies_ms],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sample:
        """The sample again from what `to_json` made of it."""
        low_ms, high_ms = data["interval_ms"]
        return cls(tuple(data["latencies_ms"]), data["figure"], data["reported_ms"], low_ms, high_ms)
