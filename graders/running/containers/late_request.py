"""A request that stays in flight for as long as the lab likes: its last byte is held back."""

from __future__ import annotations

import asyncio
import contextlib
import time

from graders.measuring.timeline import Answer
from graders.measuring.wire import Connection
from graders.running.containers.container import Container

CONTINUE_LIMIT_S = 2.0
GO_ON = b"HTTP/1.1 100"


class LateRequest:
    """A POST of JSON that lacks one byte."""

    def __init__(self, path: str, last: bytes) -> None:
        self._label = f"POST {path}"
        self._last = last
        self._began = time.monotonic()
        self._asked = asyncio.Event()
        self._connection = _Patient(self._asked)
        self._answered: asyncio.Future[None] | None = None

    @classmethod
    async def begin(cls, container: Container, path: str, body: bytes) -> LateRequest:
        """Send all but the last byte; returns when the service asks for the body (Expect: 100-continue).

        A server that does not know that header gets `CONTINUE_LIMIT_S` to take the request up.
        """
        self = cls(path, body[-1:])
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._connection, sock=await container.reach.dial())
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nexpect: 100-continue\r\n\r\n"
        )
        self._answered = self._connection.send(head.encode() + body[:-1])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), CONTINUE_LIMIT_S)
        return self

    async def finish(self, limit_s: float) -> Answer:
        """Send the last byte and wait for the answer, at most `limit_s` seconds."""
        connection = self._connection
        assert self._answered is not None
        if connection.transport is not None and not connection.transport.is_closing():
            connection.transport.write(self._last)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._answered), limit_s)
        status, headers, body = connection.answer()
        done_s = None if connection.done is None else connection.done - self._began
        error = connection.error or (None if connection.done else f"none within {limit_s:.0f} s")
        connection.close()
        return Answer(0, self._label, 0.0, done_s, done_s, status, body, headers, error)


class _Patient(Connection):
    """A connection that takes note of `100 Continue` and reads on."""

    def __init__(self, asked: asyncio.Event) -> None:
        super().__init__()
        self._asked = asked

    def data_received(self, data: bytes) -> None:
        if not self._asked.is_set() and data.startswith(GO_ON):
            self._asked.set()
            _, _, data = data.partition(b"\r\n\r\n")
        if data:
            super().data_received(data)
