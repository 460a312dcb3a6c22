"""In the child process: 50,000 requests through the learner's application, without a socket between.

They are calls of the ASGI application as uvicorn makes them, from the first middleware to the last; what the framework
does below that, exception handlers and routing, is left out. Phases tell which requests a window still knows: quick
ones first, then some slow ones, then the latest, whose delays are known. Among these, 600 wait longer, before the last
940: every window of the last 1,000 to 10,000 has at least 6 in 100 of them, so its p95 and p99 are theirs, while a
window of fewer than about 980 has forgotten them. Where requests were held up so much that those of one phase could be
taken for those of another, slow ones and latest ones are repeated.
Memory is weighed on the way (see `weigh`). What is written meanwhile to standard output and error goes nowhere: it
would be tens of megabytes.
"""

import asyncio
import contextlib
import contextvars
import heapq
import itertools
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route

from graders.measuring.growth import Growth
from graders.running.watchdog import Watchdog
from graders.running.weigh import Scales

PREFIX = "/_lab/drop/"
PATH = PREFIX + "{n}"
TRIAL, FIRST, SLOW, LATEST = 2_000, 35_800, 1_200, 11_000
LONGER, LAST = 600, 940  # of the latest
BESIDE = 5_000
"""So many of the first ones are answered while the slow ones wait."""
LATEST_S = 0.008
LATEST_AT_ONCE = 200
LONGER_S = 0.06
SURELY_LONGER = 2  # times what a quick one may take
SLOW_S = 0.25
SLOWER = 4  # than the slowest of those that were not meant to be slow: on a busy machine everything takes long
ATTEMPTS = 3
LIMIT_S = 90.0
SURELY_ABOVE = 7
"""So many samples of any window of 1,000 or more lie above its p99, by any definition, one stranger aside.

And fewer lie above the p95 of a window of the last 300: where no more of the last were held up, it is a quick one.
"""
WEIGHED_AFTER = (200, 400, 600, 800, 1_000, 20_000)
BEHIND_S = 1.0
YIELD_EVERY = 50
BARE_MOMENTS = 40
DELAY_KEY = "lab.delay_s"
SCOPE_KEYS = ("type", "asgi", "http_version", "server", "client", "scheme", "root_path")

Scope = MutableMapping[str, Any]
Call = Callable[[float], Awaitable[float]]


class TooSlowError(Exception):
    """The time is over."""


_flooded: asyncio.Task[dict[str, Any]] | None = None


class _Drop:
    """The lightest handler there is: the work that is left is the middleware's."""

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        scope["router"], scope["route"], scope["endpoint"] = scope["app"].router, ROUTE, self  # as routing does
        scope["path_params"] = {"n": scope["path"].removeprefix(PREFIX)}
        if scope[DELAY_KEY]:
            await asyncio.sleep(scope[DELAY_KEY])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


DROP = _Drop()
ROUTE = Route(PATH, DROP, methods=["GET"])


async def begin(request: Request) -> dict[str, int]:
    """Start; answers at once."""
    global _flooded
    bare = FastAPI(openapi_url=None)
    bare.router.routes.append(ROUTE)
    call, bare_call = (_caller(app, request.scope) for app in (sys.modules["app.main"].app, bare))
    flood = _run(call, bare_call, answered_by=(request.app, bare))
    _flooded = asyncio.get_running_loop().create_task(flood, context=contextvars.Context())
    return {"requests": TRIAL + FIRST + SLOW + LATEST}


async def finished() -> dict[str, Any]:
    """What came of it, as soon as it is over."""
    assert _flooded is not None
    return await asyncio.shield(_flooded)


async def _run(call: Call, bare_call: Call, answered_by: tuple[FastAPI, ...]) -> dict[str, Any]:
    with _silence(), _unwatched(), _answered_below_middleware(answered_by):
        try:
            found, bare_s = await _flood(call), await _least_s(bare_call)
            return found | {"middleware_us": 1e6 * max(0.0, found["least_s"] - bare_s)}
        except TooSlowError:
            return {"limit_s": LIMIT_S}
        except Exception as error:  # the learner's application let it through
            return {"failed": f"{type(error).__name__}: {error}"}


async def _flood(call: Call) -> dict[str, Any]:
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(SLOW)))  # the event loop's own lists grow beforehand
    scales = Scales()
    least_s = math.inf
    for done in range(0, FIRST - BESIDE, YIELD_EVERY):
        if done in WEIGHED_AFTER:
            scales.weigh(done)
        least_s = min(least_s, await _each_s(call))
        await asyncio.sleep(0)
    requests, quick = FIRST + TRIAL, await _longest(call, TRIAL, LATEST_S)
    for attempt in range(ATTEMPTS):
        longer_s = max(LONGER_S, SURELY_LONGER * quick[-1])
        slow_s = max(SLOW_S, SLOWER * quick[0])
        await _slow(call, slow_s, 0 if attempt else BESIDE)
        early = await _longest(call, LATEST - LONGER - LAST, LATEST_S)
        longer = await _longest(call, LONGER, longer_s, at_once=LONGER)
        last = await _longest(call, LAST, LATEST_S)
        quick, latest = _most([*early, *last]), _most([*early, *longer, *last])
        requests += SLOW + LATEST
        if latest[-1] < slow_s and last[-1] < longer_s:
            break
    await asyncio.sleep(0)  # or whatever woke this task would still hold the answers of the crowd
    grows = await _grows(scales, requests)
    return {
        "requests": requests,
        "slow_least_ms": 1000 * slow_s,
        "latest_least_ms": 1000 * LATEST_S,
        "longer_least_ms": 1000 * longer_s,
        "latest_most_ms": 1000 * latest[-1],
        "last_most_ms": 1000 * last[-1],
        "least_s": least_s,
        "weights": scales.weights,
        "largest": scales.largest() if grows else "",
    }


async def _slow(call: Call, slow_s: float, beside: int) -> None:
    """So many seconds each for the slow requests, all at once; and so many quick ones while they wait."""
    slow = asyncio.gather(*(call(slow_s) for _ in range(SLOW)))
    for _ in range(0, beside, YIELD_EVERY):
        await _each_s(call)
        await asyncio.sleep(0)
    await slow


async def _grows(scales: Scales, requests: int) -> bool:
    """Whether the store grew to the end; one that a thread fills may be behind, as its figures may be."""
    until_s = time.perf_counter() + BEHIND_S
    while True:
        scales.weigh(requests)
        grows = Growth.of(scales.weights, full_after=WEIGHED_AFTER[-1]).is_unbounded
        if not grows or time.perf_counter() > until_s:
            return grows
        await asyncio.sleep(BEHIND_S / 10)


async def _each_s(call: Call) -> float:
    """How long each of a few quick requests took, in seconds."""
    began_s = time.perf_counter()
    for _ in range(YIELD_EVERY):
        await call(0)
    return (time.perf_counter() - began_s) / YIELD_EVERY


async def _least_s(call: Call) -> float:
    """The same in the quietest of many moments."""
    return min([await _each_s(call) for _ in range(BARE_MOMENTS)])


async def _longest(call: Call, requests: int, delay_s: float, at_once: int = LATEST_AT_ONCE) -> list[float]:
    """So many requests of a known delay; the longest of them, in seconds, down to the one that so few surpass."""
    remaining = iter(range(requests))

    async def user() -> list[float]:
        return [await call(delay_s) for _ in remaining]

    users = await asyncio.gather(*(user() for _ in range(at_once)))
    return _most(taken_s for user in users for taken_s in user)


def _most(taken_s: Iterable[float]) -> list[float]:
    return heapq.nlargest(SURELY_ABOVE + 1, taken_s)


class _Client:
    """One request's other end, as a server is: after the request nothing comes until the whole answer was sent."""

    __slots__ = ("_answered", "_asked", "_done")

    def __init__(self) -> None:
        self._asked = self._done = False
        self._answered: asyncio.Event | None = None  # made only where somebody waits: there are 50,000 of these

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self._done:
            self._answered = self._answered or asyncio.Event()
            await self._answered.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._done = True
            if self._answered is not None:
                self._answered.set()


def _caller(app: Any, like: Scope) -> Call:
    """Calls the application with a delay in seconds and returns how long it took."""
    base = {key: like[key] for key in SCOPE_KEYS if key in like}
    base |= {"method": "GET", "query_string": b""}
    base |= {"fastapi.telemetry": None}  # as below another FastAPI: its look for a tracer costs as much as a middleware
    state = dict(like.get("state", {}))

    until_s = time.perf_counter() + LIMIT_S
    numbers = itertools.count()

    async def call(delay_s: float) -> float:
        began_s = time.perf_counter()
        if began_s > until_s:
            raise TooSlowError
        headers = [(b"host", b"127.0.0.1"), (b"accept", b"*/*")]
        path = f"{PREFIX}{next(numbers)}"  # a path of its own: what is kept for each path grows, too
        own = {"path": path, "raw_path": path.encode(), "headers": headers, "state": dict(state), DELAY_KEY: delay_s}
        client = _Client()
        await app({**base, **own}, client.receive, client.send)
        return time.perf_counter() - began_s

    return call


@contextlib.contextmanager
def _answered_below_middleware(apps: tuple[FastAPI, ...]) -> Iterator[None]:
    """Requests of the flood are answered where these applications' own middleware ends.

    The first thing below it is Starlette's `ExceptionMiddleware`; from there to the handler it is a third of the way.
    """
    whole = ExceptionMiddleware.__call__

    async def short(self: ExceptionMiddleware, scope: Scope, receive: Any, send: Any) -> None:
        if DELAY_KEY in scope and any(scope.get("app") is app for app in apps):
            await DROP(scope, receive, send)
        else:
            await whole(self, scope, receive, send)

    ExceptionMiddleware.__call__ = short  # type: ignore[method-assign]
    try:
        yield
    finally:
        ExceptionMiddleware.__call__ = whole  # type: ignore[method-assign]


@contextlib.contextmanager
def _unwatched() -> Iterator[None]:
    Watchdog.rests = True
    try:
        yield
    finally:
        Watchdog.rests = False


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    kept = [os.dup(1), os.dup(2)]
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for fd in (1, 2):
            os.dup2(null, fd)
        yield
    finally:
        for fd, was in zip((1, 2), kept, strict=True):
            os.dup2(was, fd)
            os.close(was)
        os.close(null)
