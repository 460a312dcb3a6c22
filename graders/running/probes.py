"""Routes that the lab adds to the learner's application, in the child process: known delays for its middleware.

What a route is to do stands in the request's headers, so that the path stays the same or tells requests apart, as the
check wants it. Each wait is measured by the handler itself and told in the answer, in seconds of the machine's
monotonic clock: a sleep may end a little early, and on a busy machine it ends late.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from graders.running import flood, pipeline_delays, wall_clock
from graders.running.asking import STDOUT

DelayMs = Annotated[float, Header(alias="x-lab-delay-ms")]


class Numbers(BaseModel):
    """A body to be validated."""

    number: float


class PlantedError(Exception):
    """What the lab's failing handler raises."""


def install(app: FastAPI) -> None:
    """Add the lab's routes in front of the application's own; give standard output a file of its own.

    The file lies beside the copy of the submission. Standard error stays where it was, so that a request log in the
    wrong place is seen to be there.
    """
    _redirect_stdout(Path.cwd().parent / STDOUT)
    known = list(app.router.routes)
    for method, path, handler in (
        ("GET", "/_lab/delay", delay),
        ("GET", "/_lab/pause", delay),
        ("GET", "/_lab/tick", delay),
        ("GET", "/_lab/items/{id}", item),
        ("GET", "/_lab/error", error),
        ("GET", "/_lab/refuse", refuse),
        ("POST", "/_lab/numbers", numbers),
        ("GET", "/_lab/stream", stream),
        ("POST", "/_lab/jump", wall_clock.jump),
        ("POST", "/_lab/pipeline", pipeline_delays.change),
        ("POST", "/_lab/flood", flood.begin),
        ("GET", "/_lab/flood", flood.finished),
    ):
        app.add_api_route(path, handler, methods=[method], include_in_schema=False, response_model=None)
    app.router.routes.insert(0, flood.ROUTE)
    added = [route for route in app.router.routes if route not in known]
    app.router.routes[:] = [*added, *known]


def _redirect_stdout(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.close(fd)


async def _wait(delay_ms: float) -> dict[str, float]:
    began_s = time.monotonic()
    if delay_ms:
        await asyncio.sleep(delay_ms / 1000)
    return {"began_s": began_s, "ended_s": time.monotonic()}


async def delay(delay_ms: DelayMs = 0) -> JSONResponse:
    """Wait, then say how long."""
    return JSONResponse(await _wait(delay_ms))


async def item(id: str, delay_ms: DelayMs = 0) -> JSONResponse:  # noqa: A002 - the name in the path
    """The same, on a path with a parameter."""
    return JSONResponse(await _wait(delay_ms))


async def error(delay_ms: DelayMs = 0) -> None:
    """Wait, then raise what nobody handles."""
    await _wait(delay_ms)
    raise PlantedError("raised by the lab, to see what becomes of it")


async def refuse(delay_ms: DelayMs = 0, status: Annotated[int, Header(alias="x-lab-status")] = 409) -> None:
    """Wait, then refuse the request."""
    raise HTTPException(status, detail=await _wait(delay_ms))


async def numbers(body: Numbers) -> dict[str, Any]:
    """Refuse by validation what is no number."""
    return {"number": body.number}


async def stream(delay_ms: DelayMs = 0) -> StreamingResponse:
    """Send the head and the first bytes at once and the last ones after the wait; these tell how long it was."""

    async def body() -> AsyncIterator[bytes]:
        began_s = time.monotonic()
        yield b"first\n"
        await asyncio.sleep(delay_ms / 1000)
        yield b'{"began_s": %r, "ended_s": %r}' % (began_s, time.monotonic())

    return StreamingResponse(body(), media_type="text/plain")
