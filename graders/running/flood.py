"""In the child process: 50,000 requests through the learner's application, without a socket between.

They are calls of the ASGI application as uvicorn makes them, from the first middleware to the last; what the framework
does below that, exception handlers and routing, is left out. Phases tell which requests a window still knows: quick
ones, of which 1,200 are slow at the end, then the latest. Among these, 600 take longer, before the last 940: every
window of the last 1,000 to 10,000 has at least 6 in 100 of them, so its p95 and p99 are theirs. A window of fewer than
about 980 has forgotten them; one of more than 11,000 knows slow ones, and one of all has too few of the longer ones.
Where requests were held up so much that those of one phase could be taken for those of another, the slow ones and the
latest are repeated.
Memory is weighed on the way (see `weigh`). What is written meanwhile to standard output and error goes nowhere: it
would be tens of megabytes.
"""

import asyncio
import contextlib
import contextvars
import heapq
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from itertools import count, pairwise
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route

from graders.measuring.growth import Growth
from graders.running.watchdog import Watchdog
from graders.running.weigh import Scales

PREFIX = "/_lab/drop/"
PATH = PREFIX + "{n}"
FIRST, SLOW, LATEST = 37_800, 1_200, 11_000
LONGER, LAST = 600, 940  # of the latest
BESIDE, BESIDE_LONGER = 5_000, 20
"""So many quick ones are answered while the slow ones wait, and so many of the last ones while the longer ones do."""
LONGER_S = 0.1
LATE = 0.75  # of that time is over when the quick ones beside begin: a start time that all share is then a late one
SURELY_LONGER = 2  # times what a quick one may take
SLOW_S = 0.25
SLOWER = 4  # than the longest of the quick ones: on a busy machine everything takes long
ATTEMPTS = 3
LIMIT_S = 90.0
SURELY_ABOVE = 7
"""So many samples of any window of 1,000 or more lie above its p99, by any definition, one stranger aside.

And fewer lie above the p95 of a window of the last 300: where no more of the last were held up, it is a quick one.
"""
WEIGHED_AFTER = (200, 400, 600, 800, 1_000, 20_000)
BEHIND_S = 1.0
YIELD_EVERY = 20
BARE = 2_000
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
    return {"requests": FIRST + SLOW + LATEST}


async def finished() -> dict[str, Any]:
    """What came of it, as soon as it is over."""
    assert _flooded is not None
    return await asyncio.shield(_flooded)


async def _run(call: Call, bare_call: Call, answered_by: tuple[FastAPI, ...]) -> dict[str, Any]:
    with _silence(), _unwatched(), _answered_below_middleware(answered_by):
        try:
            found, bare = await _flood(call), Quick()
            await bare.send(bare_call, BARE)
            return found | {"middleware_us": 1e6 * max(0.0, found["least_s"] - bare.least_s)}
        except TooSlowError:
            return {"limit_s": LIMIT_S}
        except Exception as error:  # the learner's application let it through
            return {"failed": f"{type(error).__name__}: {error}"}


async def _flood(call: Call) -> dict[str, Any]:
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(SLOW)))  # the event loop's own lists grow beforehand
    scales, quick = Scales(), Quick()
    latest_s: list[float] = []
    for done, until in pairwise((0, *WEIGHED_AFTER, FIRST - BESIDE)):
        await quick.send(call, until - done)
        if until in WEIGHED_AFTER:
            scales.weigh(until)
    requests, least_s = FIRST, quick.least_s
    for attempt in range(ATTEMPTS):
        longer_s = max(LONGER_S, SURELY_LONGER * quick.longest_s[-1])
        latest_most_s = latest_s[0] if attempt else longer_s + LONGER * least_s  # the last of a crowd waits for all
        slow_s = max(SLOW_S, SLOWER * quick.longest_s[0], SURELY_LONGER * latest_most_s)
        await asyncio.gather(_at_once(call, SLOW, slow_s), quick.send(call, 0 if attempt else BESIDE))
        quick = Quick()
        await quick.send(call, LATEST - LONGER - LAST)
        beside = quick.send(call, BESIDE_LONGER, after_s=LATE * longer_s)
        longer_ones_s, _ = await asyncio.gather(_at_once(call, LONGER, longer_s), beside)
        await quick.send(call, LAST - BESIDE_LONGER)
        latest_s = _longest((*quick.longest_s, *longer_ones_s))
        requests += SLOW + LATEST
        if latest_s[-1] < slow_s and quick.longest_s[-1] < longer_s:
            break
    await asyncio.sleep(0)  # or whatever woke this task would still hold the answers of the crowd
    grows = await _grows(scales, requests)
    return {
        "requests": requests,
        "slow_least_ms": 1000 * slow_s,
        "longer_least_ms": 1000 * longer_s,
        "latest_most_ms": 1000 * latest_s[-1],
        "quick_most_ms": 1000 * quick.longest_s[-1],
        "least_s": least_s,
        "weights": scales.weights,
        "largest": scales.largest() if grows else "",
    }


async def _grows(scales: Scales, requests: int) -> bool:
    """Whether the store grew to the end; one that a thread fills may be behind, as its figures may be."""
    until_s = time.perf_counter() + BEHIND_S
    while True:
        scales.weigh(requests)
        grows = Growth.of(scales.weights, full_after=WEIGHED_AFTER[-1]).is_unbounded
        if not grows or time.perf_counter() > until_s:
            return grows
        await asyncio.sleep(BEHIND_S / 10)


class Quick:
    """Requests without a delay, one after another."""

    def __init__(self) -> None:
        self.longest_s: list[float] = []
        """The longest of them in seconds, down to the one that only `SURELY_ABOVE` surpass."""
        self.least_s = math.inf
        """What each took in the quietest moment, in seconds."""

    async def send(self, call: Call, requests: int, after_s: float = 0) -> None:
        """Send so many, with a breath for the event loop now and then."""
        await asyncio.sleep(after_s)
        for _ in range(0, requests, YIELD_EVERY):
            taken_s = [await call(0) for _ in range(YIELD_EVERY)]
            self.longest_s = _longest((*self.longest_s, *taken_s))
            self.least_s = min(self.least_s, sum(taken_s) / YIELD_EVERY)
            await asyncio.sleep(0)


async def _at_once(call: Call, requests: int, delay_s: float) -> list[float]:
    """So many requests of a known delay; the longest of them in seconds, as of the quick ones."""
    return _longest(await asyncio.gather(*(call(delay_s) for _ in range(requests))))


def _longest(taken_s: Iterable[float]) -> list[float]:
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
    numbers = count()

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
