"""A client for crowds: one plain connection per user, next to no processor time per request.

httpx spends more time on a request than a quiet service does, so that with dozens of users at once the client would
decide the verdict. This one writes prepared bytes and notes when the answer's first and last bytes arrive. It speaks
as much HTTP/1.1 as an answer to a plain request needs: Content-Length, chunked, or until the connection closes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLOSED = "the connection was closed without a whole answer"
MAX_ANSWER_BYTES = 4 * 2**20
USER_AGENT = "Mozilla/5.0"
"""What half of all programs call themselves: a service has no reason to treat it differently."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request that a user sends; `at_s` seconds after the burst began."""

    method: str
    path: str
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    at_s: float = 0.0

    @property
    def label(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    def encoded(self, host: str) -> bytes:
        """The bytes on the wire."""
        body = b"" if self.json is None else json.dumps(self.json).encode()
        headers = {"host": host, "accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}
        headers |= self.headers
        if body or self.method in ("POST", "PUT", "PATCH"):
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One user's connection; used for one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.sent = 0.0
        self.first_byte: float | None = None
        self.done: float | None = None
        self.error: str | None = None
        self._received = bytearray()
        self._head: tuple[int, dict[str, str], int] | None = None
        self._finished: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, data: bytes) -> asyncio.Future[None]:
        """Send one request; the future ends with its answer or with its failure."""
        self.first_byte = self.done = self.error = self._head = None
        self._received.clear()
        self._finished = asyncio.get_running_loop().create_future()
        self.sent = time.monotonic()
        if self.transport is None or self.transport.is_closing():
            self._finish("the connection was closed before the request was sent")
        else:
            self.transport.write(data)
        return self._finished

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.first_byte = self.first_byte or now
        self._received += data
        if len(self._received) > MAX_ANSWER_BYTES:
            self._finish(f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB")
            self.close()
            return
        try:
            is_whole = self._is_whole()
        except (IndexError, ValueError):
            self._finish("an answer that is no HTTP")
            self.close()
            return
        if is_whole:
            self.done = now
            self._finish()

    def eof_received(self) -> bool:
        if self._head is not None and self._length() is None and not self._is_chunked():
            self.done = time.monotonic()  # a body that the end of the connection delimits
            self._finish()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self.done is None:
            self._finish(CLOSED)

    def close(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.abort()

    def _finish(self, error: str | None = None) -> None:
        self.error = error
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    def _is_whole(self) -> bool:
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return False
            status, *lines = self._received[:end].decode("latin-1").split("\r\n")
            headers = {}
            for line in lines:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self._head = (int(status.split(" ")[1]), headers, end + 4)
        length = self._length()
        if length is not None:
            return len(self._received) >= self._head[2] + length
        return self._is_chunked() and self._received.endswith(b"0\r\n\r\n")

    def _length(self) -> int | None:
        assert self._head is not None
        status, headers, _ = self._head
        if status in (204, 304):
            return 0
        value = headers.get("content-length", "")
        return int(value) if value.isdecimal() else None

    def _is_chunked(self) -> bool:
        return self._head is not None and "chunked" in self._head[1].get("transfer-encoding", "")

    def answer(self) -> tuple[int | None, dict[str, str], bytes]:
        """Status, headers and body of the answer; no status where none came."""
        if self._head is None:
            return None, {}, b""
        status, headers, start = self._head
        body = bytes(self._received[start:])
        return status, headers, _dechunk(body) if self._is_chunked() else body


def _dechunk(body: bytes) -> bytes:
    whole = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if length == 0:
            break
        whole += rest[:length]
        body = rest[length + 2 :]
    return bytes(whole)


async def connect(port: int, users: int) -> Sequence[Connection]:
    """Open one connection per user to 127.0.0.1."""
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(Connection, "127.0.0.1", port) for _ in range(users)]
    return [connection for _, connection in opened]
