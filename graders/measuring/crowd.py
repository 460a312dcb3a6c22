"""A burst: many users who send at the same moment, each from a connection of their own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from graders.measuring.timeline import Answer, Timeline
from graders.measuring.wire import MAX_ANSWER_BYTES, Connection, Request, connect


class Crowd(Protocol):
    """Users who can send a burst."""

    async def burst(self, requests: Sequence[Request], limit_s: float) -> tuple[float, Timeline]:
        """Send all requests; return when the burst began (`time.monotonic()`) and what came of it."""
        ...

    async def leave(self) -> None:
        """Close every connection."""
        ...


class WireCrowd:
    """Light clients for crowds of dozens (see `wire`); connected before the burst."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._users: list[Connection] = []

    async def burst(self, requests: Sequence[Request], limit_s: float) -> tuple[float, Timeline]:
        """Send every request at its moment, all of moment 0 in one go; what is unanswered at the limit stays so."""
        for i, user in enumerate(self._users):
            if user.transport is None or user.transport.is_closing():
                self._users[i] = (await connect(self._port, 1))[0]
        self._users += await connect(self._port, len(requests) - len(self._users))
        host = f"127.0.0.1:{self._port}"
        ready = [(request, request.encoded(host), user) for request, user in zip(requests, self._users, strict=False)]
        ready.sort(key=lambda item: item[0].at_s)
        with _no_garbage_collection():
            began = time.monotonic()
            waiting = []
            for request, data, user in ready:
                if (early := began + request.at_s - time.monotonic()) > 0:
                    await asyncio.sleep(early)
                waiting.append(user.send(data))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(began + limit_s):
                    await asyncio.gather(*waiting)
        answers = [_answer(i, request, user, began) for i, (request, _, user) in enumerate(ready)]
        for _, _, user in ready:
            if user.done is None:
                user.close()
        return began, Timeline(tuple(answers), watched_s=limit_s)

    async def leave(self) -> None:
        """Close every connection."""
        for user in self._users:
            user.close()
        self._users.clear()


class HttpxCrowd:
    """`httpx.AsyncClient`s, one per user: for crowds of a handful."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: list[Any] = []

    async def burst(self, requests: Sequence[Request], limit_s: float) -> tuple[float, Timeline]:
        """As `WireCrowd.burst`."""
        from graders.running.service import new_client

        self._clients += [new_client(self._url) for _ in range(len(requests) - len(self._clients))]
        began = time.monotonic()

        async def one(user: int, request: Request, client: Any) -> Answer:
            if (early := began + request.at_s - time.monotonic()) > 0:
                await asyncio.sleep(early)
            sent = time.monotonic() - began
            asked = {"json": request.json, "headers": dict(request.headers)}
            body = bytearray()
            try:
                async with (
                    asyncio.timeout_at(began + limit_s),
                    client.stream(request.method, request.path, **asked) as got,
                ):
                    async for chunk in got.aiter_raw():  # as it came: nothing is unpacked
                        body += chunk
                        if len(body) > MAX_ANSWER_BYTES:
                            why = f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB"
                            return Answer(user, request.label, sent, None, None, None, error=why)
            except TimeoutError:
                return Answer(user, request.label, sent, None, None, None)
            except Exception as error:  # every way a connection can break is the same news
                why = f"the connection broke ({type(error).__name__})"
                return Answer(user, request.label, sent, None, None, None, error=why)
            done = time.monotonic() - began
            return Answer(user, request.label, sent, done, done, got.status_code, bytes(body), dict(got.headers))

        pairs = zip(requests, self._clients, strict=False)
        answers = await asyncio.gather(*(one(i, request, client) for i, (request, client) in enumerate(pairs)))
        return began, Timeline(tuple(answers), watched_s=limit_s)

    async def leave(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.aclose()
        self._clients.clear()


def _answer(user: int, request: Request, connection: Connection, began: float) -> Answer:
    status, headers, body = connection.answer()
    first = None if connection.first_byte is None else connection.first_byte - began
    done = None if connection.done is None else connection.done - began
    sent = connection.sent - began
    return Answer(user, request.label, sent, first, done, status, body, headers, connection.error)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
