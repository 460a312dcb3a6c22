"""The stopwatch for requests and for the stages inside one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from starlette.types import Scope

_stages_ms: ContextVar[dict[str, float]] = ContextVar("stages_ms")


def begin_stages() -> dict[str, float]:
    """An empty record of stages for the current request."""
    stages_ms: dict[str, float] = {}
    _stages_ms.set(stages_ms)
    return stages_ms


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time one stage of the current request."""
    started = perf_counter()
    yield
    _stages_ms.get()[name] = elapsed_ms(started)


def route_label(scope: Scope) -> str:
    """The template of the route."""
    route = scope.get("route")
    return f"{scope['method']} {route.path if route else 'unmatched'}"


def elapsed_ms(started: float) -> float:
    """Milliseconds since a moment of `perf_counter()`."""
    return (perf_counter() - started) * 1000


def server_timing(stages_ms: dict[str, float], total_ms: float) -> str:
    """The value of the header."""
    stages = [f"{name};dur={duration_ms:.1f}" for name, duration_ms in stages_ms.items()]
    return ", ".join([f"app;dur={total_ms:.1f}", *stages])
