"""Middleware that measures how long every request takes, and a stopwatch for the stages inside one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics

# Each request runs in a context of its own, so requests in flight together never see each other's stages.
is_error = False
_stages_ms: ContextVar[dict[str, float]] = ContextVar("stages_ms")


class TimingMiddleware:
    """Times each request to its last byte, records it, and adds the header Server-Timing."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Its own facts stay in local variables: one middleware serves all of them at once."""
        if scope["type"] != "http" or scope["path"] == "/metrics":  # who reads the metrics is not measured
            await self.app(scope, receive, send)
            return

        started = perf_counter()  # monotonic: it never jumps when somebody sets the wall clock
        global is_error
        is_error = False
        stages_ms: dict[str, float] = {}
        _stages_ms.set(stages_ms)

        async def send_timed(message: Message) -> None:
            global is_error
            if message["type"] == "http.response.start":
                is_error = message["status"] >= 500
                timed = _server_timing(stages_ms, elapsed_ms(started))
                message["headers"] = [*message.get("headers", ()), (b"server-timing", timed)]
            await send(message)

        try:
            await self.app(scope, receive, send_timed)
        except Exception:
            is_error = True  # an outer layer turns it into a 500
            raise
        finally:
            # Here the last byte is sent: a streamed body is timed to its end.
            self.metrics.record(route_label(scope), elapsed_ms(started), is_error)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time one stage of the current request; it is named in Server-Timing."""
    started = perf_counter()
    try:
        yield
    finally:
        stages_ms = _stages_ms.get()
        stages_ms[name] = stages_ms.get(name, 0.0) + elapsed_ms(started)


def route_label(scope: Scope) -> str:
    """ "GET /items/{id}": the template, never the raw path, or every id would make a row of its own."""
    route = scope.get("route")
    return f"{scope['method']} {route.path if route else 'unmatched'}"


def elapsed_ms(started: float) -> float:
    """Milliseconds since a moment of `perf_counter()`."""
    return (perf_counter() - started) * 1000


def _server_timing(stages_ms: dict[str, float], total_ms: float) -> bytes:
    entries = [f"{name};dur={duration_ms:.3f}" for name, duration_ms in stages_ms.items()]
    return ", ".join([*entries, f"app;dur={total_ms:.3f}"]).encode()
