"""The application's start-up, as a server runs it."""

from __future__ import annotations

import asyncio
from typing import Any

from graders.exact.client import Asgi


class StartupFailedError(Exception):
    """The application's start-up raised; the cause is the learner's exception."""


async def start(app: Asgi) -> dict[str, Any]:
    """Run the start-up half of the lifespan; returns the state that every request gets a copy of.

    As with uvicorn, an application that knows no lifespan is served all the same. The shutdown half never runs: the
    process ends with the last burst.
    """
    state: dict[str, Any] = {}
    answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    messages = [{"type": "lifespan.startup"}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable: nobody ends the wait for a shutdown")

    async def send(message: dict[str, Any]) -> None:
        if not answer.done():
            answer.set_result(message)

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    running: asyncio.Future[Any] = asyncio.ensure_future(app(scope, receive, send))
    _RUNNING.add(running)
    await asyncio.wait({running, answer}, return_when=asyncio.FIRST_COMPLETED)
    if answer.done() and answer.result()["type"] == "lifespan.startup.failed":
        await asyncio.wait({running})
        raise StartupFailedError(answer.result().get("message", "")) from running.exception()
    return state


_RUNNING: set[asyncio.Future[Any]] = set()
"""Keeps the lifespan's task alive."""
