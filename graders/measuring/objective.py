"""The objective of exercise 3, one step of a load test, and where a service breaks: pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

P95_OBJECTIVE_MS = 250.0
MAX_FAILURE_RATIO = 0.01


@dataclass(frozen=True, slots=True)
class LoadStep:
    """What was measured while so many users were there; no `p95_ms` where nothing was answered."""

    users: int
    rps: float
    p95_ms: float | None
    failure_ratio: float

    @property
    def meets(self) -> bool:
        """Whether the step meets the objective; a step without requests missed nothing."""
        return (self.p95_ms or 0.0) <= P95_OBJECTIVE_MS and self.failure_ratio <= MAX_FAILURE_RATIO

    def to_json(self) -> dict[str, Any]:
        """The four fields, rounded for people."""
        p95_ms = None if self.p95_ms is None else round(self.p95_ms, 1)
        return {
            **asdict(self),
            "rps": round(self.rps, 1),
            "p95_ms": p95_ms,
            "failure_ratio": round(self.failure_ratio, 4),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LoadStep:
        """The step again from what `to_json` made of it."""
        return cls(data["users"], data["rps"], data["p95_ms"], data["failure_ratio"])


def breaking_index(meets: Sequence[bool]) -> int:
    """The step before the first miss that lasts, as an index; -1 where none stands before it, or there is no step.

    A miss lasts unless the very next step meets the objective; then it is a blip (contract, `breaking_point_math`).
    """
    for i, met in enumerate(meets):
        is_blip = i + 1 < len(meets) and meets[i + 1]
        if not met and not is_blip:
            return i - 1
    return len(meets) - 1


def find_breaking_point(steps: Sequence[LoadStep]) -> int | None:
    """The users of the last step that the service can hold; `None` where there is none."""
    index = breaking_index([step.meets for step in steps])
    return steps[index].users if index >= 0 else None


def p95(values: Iterable[float]) -> float | None:
    """The smallest value that at least 95 % of the values do not exceed; `None` where there are no values."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else None
