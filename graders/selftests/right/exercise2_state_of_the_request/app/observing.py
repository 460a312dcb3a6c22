"""Everything that is to be seen of a request: metrics, headers, a log line."""

import time
import uuid
from collections import Counter, defaultdict, deque
from statistics import fmean

import structlog
from fastapi import APIRouter
from starlette.datastructures import Headers, MutableHeaders

structlog.configure(
    processors=[
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        structlog.processors.JSONRenderer(sort_keys=True),
    ],
    logger_factory=structlog.WriteLoggerFactory(),
)
router = APIRouter()
counts, errors = Counter(), Counter()
latencies = defaultdict(lambda: deque(maxlen=2000))
TOTAL = "total"


def row(label):
    seen = sorted(latencies[label]) if label in latencies else []

    def at(share):
        return round(seen[min(len(seen) - 1, int(share * len(seen)))], 2) if seen else None

    return {
        "count": counts[label],
        "errors": errors[label],
        "min_ms": at(0),
        "max_ms": at(1),
        "avg_ms": round(fmean(seen), 2) if seen else None,
        "p50_ms": at(0.5),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
        "window": len(seen),
    }


@router.get("/metrics")
async def metrics():
    labels = [label for label in counts if label != TOTAL]
    return {**row(TOTAL), "routes": {label: row(label) for label in labels}}


class Observing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope.setdefault("state", {})["stages"] = stages = {}
        seen = {"status": 500}
        request_id = Headers(scope=scope).get("x-request-id") or str(uuid.uuid4())
        began = time.monotonic()

        async def observed_send(message):
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers.append("Server-Timing", f"app;dur={1000 * (time.monotonic() - began):.2f}")
                for name, duration_ms in stages.items():
                    headers.append("Server-Timing", f"{name};dur={duration_ms:.2f}")
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        finally:
            duration_ms = 1000 * (time.monotonic() - began)
            if scope["path"] != "/metrics":
                self.observe(scope, seen["status"], duration_ms)
                structlog.get_logger().info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=seen["status"],
                    duration_ms=duration_ms,
                    request_id=request_id,
                )

    def observe(self, scope, status, duration_ms):
        route = scope.get("route")
        for label in (TOTAL, f"{scope['method']} {getattr(route, 'path', 'unmatched')}"):
            counts[label] += 1
            errors[label] += status >= 500
            latencies[label].append(duration_ms)
