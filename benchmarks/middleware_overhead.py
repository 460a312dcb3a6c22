"""What does the timing middleware of exercise 2 cost, and does its memory end? Beside two that people use.

    uv run --group bench python benchmarks/middleware_overhead.py
    uv run --group bench python benchmarks/middleware_overhead.py --memory 1000000

Every application is called in this process, as a server calls it, without a socket: what is left is framework and
middleware. All variants take turns, round after round, and the quickest round of each counts. The goal: the reference
adds at most half of what the quicker peer adds, and keeps no more after a million requests than after a hundred
thousand. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import contextlib
import gc
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response

LAB = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(LAB))

from graders.selftests.corpus import compose  # noqa: E402

GOAL = 0.5
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
    "scheme": "http",
    "method": "GET",
    "root_path": "",
    "path": "/items/17",
    "raw_path": b"/items/17",
    "query_string": b"",
}
HEADERS = [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), (b"user-agent", b"benchmark")]

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def bare() -> FastAPI:
    """One route with a parameter, and nothing around it."""
    app = FastAPI()

    @app.get("/items/{id}")
    async def item(id: str) -> Response:  # noqa: A002 - the name in the path
        return Response(b"{}", media_type="application/json")

    return app


def with_timing() -> FastAPI:
    """The reference: metrics and Server-Timing."""
    from app.metrics import Metrics
    from app.timing import TimingMiddleware

    app = bare()
    app.add_middleware(TimingMiddleware, metrics=Metrics())
    return app


def with_timing_and_log() -> FastAPI:
    """The reference with its request log, a JSON line for each request."""
    from app.logs import RequestLogMiddleware

    app = with_timing()
    app.add_middleware(RequestLogMiddleware)
    return app


def with_instrumentator() -> FastAPI:
    """prometheus-fastapi-instrumentator as its documentation shows it."""
    from prometheus_client import CollectorRegistry
    from prometheus_fastapi_instrumentator import Instrumentator

    app = bare()
    Instrumentator(registry=CollectorRegistry()).instrument(app).expose(app)
    return app


def with_exporter() -> FastAPI:
    """starlette-exporter as its documentation shows it, labels by template."""
    from starlette_exporter import PrometheusMiddleware

    app = bare()
    app.add_middleware(PrometheusMiddleware, app_name="benchmark", group_paths=True)
    return app


VARIANTS: dict[str, Callable[[], FastAPI]] = {
    "bare application": bare,
    "reference, timing": with_timing,
    "reference, timing and log": with_timing_and_log,
    "prometheus-fastapi-instrumentator": with_instrumentator,
    "starlette-exporter": with_exporter,
}
PEERS = ("prometheus-fastapi-instrumentator", "starlette-exporter")


async def main() -> int:
    """Measure, print, judge."""
    options = _options()
    # A whole service of its own: with the solution alone, Python would take the skeleton's `app` for the package.
    reference = compose(2, Path(tempfile.mkdtemp(prefix="lab-overhead-")))
    atexit.register(shutil.rmtree, reference, ignore_errors=True)
    sys.path.insert(0, str(reference))
    apps = {name: make() for name, make in VARIANTS.items() if name not in PEERS or _is_installed(name)}
    await _is_timed(apps["reference, timing"])
    missing = [peer for peer in PEERS if peer not in apps]
    print(
        f"Python {platform.python_version()}, FastAPI {importlib.metadata.version('fastapi')}, {os.cpu_count()} cores"
    )
    print(f"{options.rounds} rounds of {options.requests} requests each, in turn; the quickest round counts")
    for peer in missing:
        print(f"{peer} is not installed: uv run --group bench python {Path(__file__).name}")
    best_us = await _race(apps, options.rounds, options.requests)
    bare_us = best_us["bare application"]
    added_us = {name: took_us - bare_us for name, took_us in best_us.items()}
    print(f"\n{'':36}{'µs a request':>14}{'added':>10}")
    for name, took_us in best_us.items():
        print(f"{_versioned(name):36}{took_us:14.1f}" + (f"{added_us[name]:10.1f}" if took_us != bare_us else ""))
    failed = False
    if peers := [added_us[peer] for peer in PEERS if peer in added_us]:
        ratio = added_us["reference, timing"] / min(peers)
        print(f"\nthe reference adds {ratio:.2f} of what the quicker peer adds (goal: at most {GOAL})")
        failed |= ratio > GOAL
    failed |= not await _memory_ends(options.memory)
    return int(failed or bool(missing))


async def _is_timed(app: App) -> None:
    """End with a message where the middleware that is measured does nothing."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({**SCOPE, "headers": list(HEADERS), "state": {}}, receive, send)
    if b"server-timing" not in dict(sent[0]["headers"]):
        sys.exit("the reference sends no Server-Timing: this is not the middleware that was to be measured")


async def _race(apps: dict[str, FastAPI], rounds: int, requests: int) -> dict[str, float]:
    """Microseconds a request, by variant: the quickest of the rounds."""
    best_us = dict.fromkeys(apps, float("inf"))
    for _ in range(rounds):
        for name, app in apps.items():
            with _log_to_nowhere():
                best_us[name] = min(best_us[name], await _burst(app, requests) / requests * 1e6)
    return best_us


async def _burst(app: App, requests: int) -> float:
    """Processor seconds for so many requests, one after another; collecting garbage is left out."""
    await _call(app, 20)
    gc.collect()
    gc.disable()
    began_s = time.process_time()
    await _call(app, requests)
    took_s = time.process_time() - began_s
    gc.enable()
    return took_s


async def _call(app: App, requests: int) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        return None

    for _ in range(requests):
        await app({**SCOPE, "headers": list(HEADERS), "state": {}}, receive, send)


async def _memory_ends(requests: int) -> bool:
    """Whether the reference keeps as much after all of these requests as after a tenth of them."""
    app = with_timing()
    kept = []
    for count in (requests // 10, requests - requests // 10):
        await _call(app, count)
        gc.collect()
        kept.append((sys.getallocatedblocks(), _resident_kib()))
    (early_blocks, early_kib), (late_blocks, late_kib) = kept
    grown = late_blocks - early_blocks
    print(f"\nmemory after {requests // 10:,} and after {requests:,} requests:")
    print(f"  {early_blocks:,} and {late_blocks:,} blocks of the interpreter ({grown:+,})")
    if early_kib:
        print(f"  {early_kib / 1024:.1f} and {late_kib / 1024:.1f} MiB of the process")
    return grown < requests // 1000  # a store without an end keeps one block or more for each request


def _resident_kib() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


@contextlib.contextmanager
def _log_to_nowhere() -> Iterator[None]:
    """Let standard output go nowhere: the line is made and written, and nobody has to scroll."""
    sys.stdout.flush()
    kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _versioned(name: str) -> str:
    return f"{name} {importlib.metadata.version(name)}" if name in PEERS else name


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=2_000, help="requests in a round")
    parser.add_argument("--memory", type=int, default=1_000_000, help="requests for the question of memory")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
