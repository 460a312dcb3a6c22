"""Requests to the lab's own routes (see `probes`) and around them: what to send, and under which row it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graders.measuring.wire import Request

STDOUT = "stdout.txt"
"""The file beside the copy of the submission that a probed service's standard output goes to."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the row of the metrics that it belongs to, and the delay that it brings along."""

    method: str
    path: str
    row: str
    delay_ms: float = 0.0
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 0.0

    @property
    def label(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    def named(self, request_id: str) -> Ask:
        """The same with an X-Request-ID."""
        return replace(self, headers={**self.headers, "x-request-id": request_id})

    def encoded(self, port: int) -> bytes:
        """The bytes on the wire."""
        delay = {"x-lab-delay-ms": f"{self.delay_ms:g}"} if self.delay_ms else {}
        return Request(self.method, self.path, self.json, {**delay, **self.headers}).encoded(f"127.0.0.1:{port}")


def delay(delay_ms: float = 0.0) -> Ask:
    """Answered after a delay; always the same path."""
    return Ask("GET", "/_lab/delay", "GET /_lab/delay", delay_ms)


def pause(delay_ms: float = 0.0) -> Ask:
    """The same on a second path, with a row of its own."""
    return Ask("GET", "/_lab/pause", "GET /_lab/pause", delay_ms)


def tick() -> Ask:
    """Answered at once: sent after another request, it bounds that one's latency."""
    return Ask("GET", "/_lab/tick", "GET /_lab/tick")


def item(name: object, delay_ms: float = 0.0) -> Ask:
    """The same on a path of its own, from one template."""
    return Ask("GET", f"/_lab/items/{name}", "GET /_lab/items/{id}", delay_ms)


def error(delay_ms: float = 0.0) -> Ask:
    """The handler raises after a delay, and nobody handles it."""
    return Ask("GET", "/_lab/error", "GET /_lab/error", delay_ms)


def refuse(status: int, delay_ms: float = 0.0) -> Ask:
    """The handler raises an HTTPException after a delay."""
    headers = {"x-lab-status": str(status)}
    return Ask("GET", "/_lab/refuse", "GET /_lab/refuse", delay_ms, headers=headers)


def invalid() -> Ask:
    """A body that validation refuses: 422."""
    return Ask("POST", "/_lab/numbers", "POST /_lab/numbers", json={"number": "none"})


def health() -> Ask:
    """The learner's own quick route."""
    return Ask("GET", "/health", "GET /health")


def unmatched(path: str) -> Ask:
    """A path without a route: 404."""
    return Ask("GET", path, "GET unmatched")


def wrong_method(path: str) -> Ask:
    """A method that the path's route does not take: 405; the row may be the template or unmatched."""
    return Ask("DELETE", path, "DELETE unmatched")


def stream(delay_ms: float) -> Ask:
    """A body whose last bytes come a delay after its first."""
    return Ask("GET", "/_lab/stream", "GET /_lab/stream", delay_ms)


def jump(delay_ms: float, by_s: float) -> Ask:
    """A delay in the middle of which the wall clock jumps."""
    return Ask("POST", "/_lab/jump", "POST /_lab/jump", delay_ms, headers={"x-lab-jump-s": f"{by_s:g}"})


def staged(feature_1: float, feature_2: float) -> Ask:
    """A prediction in stages."""
    body = {"feature_1": feature_1, "feature_2": feature_2}
    return Ask("POST", "/predict/staged", "POST /predict/staged", json=body)


def pipeline(delays_ms: tuple[float, ...], after_readings: int = 0) -> Ask:
    """New delays for the given pipeline, from the moment on when the old ones were read so often."""
    headers = {
        "x-lab-delays-ms": ",".join(f"{d:g}" for d in delays_ms),
        "x-lab-after-readings": str(after_readings),
    }
    return Ask("POST", "/_lab/pipeline", "POST /_lab/pipeline", headers=headers, patience_s=5.0)


def flood() -> Ask:
    """Begin 50,000 requests inside the service."""
    return Ask("POST", "/_lab/flood", "POST /_lab/flood")


def flooded() -> Ask:
    """Answered when they are over."""
    return Ask("GET", "/_lab/flood", "GET /_lab/flood", patience_s=120.0)
