"""The figures of the learner's own service that are worth following from run to run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graders.measuring.trend import Better

Evidence = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure by name ("exercise1.five_parallel.wall_s"), and how to read it from its check's evidence."""

    name: str
    title: str
    unit: str
    better: Better
    read: Callable[[Evidence], float | None]

    @property
    def check(self) -> str:
        """The check that measures it: "exercise1.five_parallel"."""
        return self.name.rpartition(".")[0]

    def shown(self, value: float) -> str:
        """The value for a person, with its unit."""
        return f"{_rounded(value)} {self.unit}"

    def range(self, low: float, high: float) -> str:
        """Two values with one unit: "0.139 to 0.164 s"."""
        return f"{_rounded(low)} to {_rounded(high)} {self.unit}"


def _rounded(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.995 else 3
    return f"{value:.{digits}f}"


def best_wall_s(evidence: Evidence) -> float | None:
    """The shortest of all attempts on the machine's clock, in seconds."""
    walls = [w for w in evidence.get("walls_s", ()) if _is_number(w)]
    return min(walls) if walls and evidence.get("judge") != "exact" else None


def crowd_p95_ms(evidence: Evidence) -> float | None:
    """The smallest latency that at least 95 % of a crowd's requests do not exceed, in ms."""
    latencies = _latencies_s(evidence)
    return 1000 * latencies[math.ceil(0.95 * len(latencies)) - 1] if latencies else None


def crowd_per_s(evidence: Evidence) -> float | None:
    """A crowd's answers per second, from the first request sent to the last answer."""
    latencies, wall_s = _latencies_s(evidence), best_wall_s(evidence)
    return len(latencies) / wall_s if latencies and wall_s else None


def health_ms(evidence: Evidence) -> float | None:
    """How long GET /health took among predictions, in ms."""
    found = _latencies_s(evidence, "GET /health")
    return 1000 * found[0] if found else None


def batched_per_s(evidence: Evidence) -> float | None:
    """Batched predictions per second."""
    picture = evidence.get("timeline", {})
    if picture.get("kind") != "batches" or not picture.get("wall_s"):
        return None
    return float(picture["requests"]) / float(picture["wall_s"])


def image_mb(evidence: Evidence) -> float | None:
    """The size of the image in MB."""
    picture = evidence.get("timeline", {})
    if picture.get("kind") != "layers":
        return None
    return sum(float(layer["bytes"]) for layer in picture["layers"]) / 10**6


def noted(key: str) -> Callable[[Evidence], float | None]:
    """A number that the check noted under that name."""

    def read(evidence: Evidence) -> float | None:
        value: Any = evidence.get(key)
        return float(value) if _is_number(value) else None

    return read


FIGURES = (
    Figure("exercise1.takes_its_time.wall_s", "one prediction", "s", "lower", best_wall_s),
    Figure("exercise1.five_parallel.wall_s", "five at once", "s", "lower", best_wall_s),
    Figure("exercise1.many_parallel.p95_ms", "81 at once, p95", "ms", "lower", crowd_p95_ms),
    Figure("exercise1.many_parallel.per_s", "81 at once", "requests/s", "higher", crowd_per_s),
    Figure("exercise1.stays_responsive.health_ms", "/health among predictions", "ms", "lower", health_ms),
    Figure("exercise2.bounded_memory.middleware_us", "middleware, per request", "µs", "lower", noted("middleware_us")),
    Figure("exercise4.micro_batching.per_s", "batched predictions", "requests/s", "higher", batched_per_s),
    Figure("exercise5.image_size.mb", "size of the image", "MB", "lower", image_mb),
)


def figures_in(check: str, evidence: Evidence) -> dict[str, float]:
    """Every figure that a check's evidence holds; `check` is such as "exercise1.five_parallel"."""
    found = {f.name: f.read(evidence) for f in FIGURES if f.check == check}
    return {name: round(value, 6) for name, value in found.items() if value is not None and math.isfinite(value)}


def _latencies_s(evidence: Evidence, label: str | None = None) -> list[float]:
    """Sorted latencies of a burst in which everybody was answered on the machine's clock; else none."""
    timeline = evidence.get("timeline", {})
    if timeline.get("clock") != "live" or any(r["done_s"] is None for r in timeline["requests"]):
        return []
    wanted = [r for r in timeline["requests"] if label in (None, r["label"])]
    return sorted(r["done_s"] - r["sent_s"] for r in wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
