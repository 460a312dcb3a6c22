"""A sample of latencies as a picture: one figure marked that cannot be right, or all of them where they are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from graders.measuring.sandwich import FIGURES, Interval, Rejection, Sandwich


@dataclass(frozen=True, slots=True)
class Sample:
    """Latencies in ms (the middle of what each must lie between), the figure, and where it belongs."""

    KIND: ClassVar[str] = "dots"

    latencies_ms: tuple[float, ...]
    figure: str
    reported_ms: float
    low_ms: float
    high_ms: float

    @classmethod
    def of(cls, sandwich: Sandwich, rejected: Rejection) -> Sample:
        """The picture of a rejection."""
        interval = rejected.interval
        return cls(_middles_ms(sandwich), rejected.figure, rejected.reported_ms, interval.low_ms, interval.high_ms)

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports, rounded to 0.01 ms."""
        return {
            "kind": self.KIND,
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


@dataclass(frozen=True, slots=True)
class Latencies:
    """Latencies in ms, and each figure: as it was reported, and where it belongs."""

    latencies_ms: tuple[float, ...]
    figures: Mapping[str, tuple[float, Interval]]

    KIND: ClassVar[str] = "latencies"

    @classmethod
    def of(cls, sandwich: Sandwich, row: Mapping[str, Any]) -> Latencies:
        """The picture of a row of the metrics."""
        return cls(_middles_ms(sandwich), {name: (row[name], sandwich.intervals[name]) for name in FIGURES})

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports, rounded to 0.01 ms."""
        return {
            "kind": self.KIND,
            "latencies_ms": [round(latency, 2) for latency in self.latencies_ms],
            "figures": {
                name: {
                    "reported_ms": round(reported_ms, 4),
                    "interval_ms": [round(interval.low_ms, 2), round(interval.high_ms, 2)],
                }
                for name, (reported_ms, interval) in self.figures.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Latencies:
        """The picture again from what `to_json` made of it."""
        figures = {name: (f["reported_ms"], Interval(*f["interval_ms"])) for name, f in data["figures"].items()}
        return cls(tuple(data["latencies_ms"]), figures)


def _middles_ms(sandwich: Sandwich) -> tuple[float, ...]:
    return tuple(sorted((latency.low_ms + latency.high_ms) / 2 for latency in sandwich.latencies))
