"""A client inside the virtual world: speaks ASGI to the application and notes when each answer came.

httpx's ASGI transport would do for the requests, but it hands over a body only when it is complete (so a first byte
has no time of its own), runs no lifespan, and costs several times the processor time of the application.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graders.exact.world import NS, WORLD

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
HOST = ("127.0.0.1", 8000)
FIRST_PORT = 40_000


class Exchange:
    """One request and what came back, in virtual nanoseconds."""

    def __init__(self, request: Mapping[str, Any], began_ns: int, state: Mapping[str, Any]) -> None:
        self.request = request
        self.state = state
        self.began_ns = began_ns
        self.sent_ns: int | None = None
        """When it was due, where that is not told by its own `at_s` alone."""
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.first_byte_ns: int | None = None
        self.done_ns: int | None = None
        self.error: str | None = None
        self.answered = asyncio.get_running_loop().create_future()
        self._payload: bytes | None = _payload_of(request)

    async def run(self, app: Asgi) -> None:
        """Send the request; return when the application's call has ended, which may be after the answer."""
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception as error:
            if self.status is None:
                await self._fail(f"{type(error).__name__}: {error}")
        finally:
            if not self.answered.done():
                self.error = self.error or "the application ended without an answer"
                self.answered.set_result(None)

    async def _fail(self, error: str) -> None:
        """What a server does with an exception that nobody answered for."""
        await self._send({"type": "http.response.start", "status": 500, "headers": []})
        await self._send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def _receive(self) -> dict[str, Any]:
        if self._payload is not None:
            body, self._payload = self._payload, None
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(self.answered)
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        if self.done_ns is not None:
            return
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            for name, value in message.get("headers", ()):
                key, text = name.decode("latin-1").lower(), value.decode("latin-1")
                self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
            self.first_byte_ns = WORLD.now_ns
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                self.done_ns = WORLD.now_ns
                if not self.answered.done():
                    self.answered.set_result(None)

    def _scope(self) -> dict[str, Any]:
        path, _, query = self.request["path"].partition("?")
        headers = {"host": f"{HOST[0]}:{HOST[1]}", "accept": "*/*", "user-agent": "inference-lab"}
        if self.request["json"] is not None:
            headers["content-type"] = "application/json"
        if self._payload:
            headers["content-length"] = str(len(self._payload))
        headers |= {name.lower(): value for name, value in self.request["headers"].items()}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": self.request["method"],
            "root_path": "",
            "path": _unquoted(path),
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
            "client": (HOST[0], FIRST_PORT + self.request["user"]),
            "server": HOST,
            "state": dict(self.state),
        }

    def to_json(self, unanswered: str) -> dict[str, Any]:
        """The fields of an `Answer`, in seconds since the burst began."""
        error = self.error if self.done_ns is not None else self.error or unanswered
        return {
            "user": self.request["user"],
            "label": self.request["label"],
            "sent_s": self.request["at_s"] if self.sent_ns is None else self._since(self.sent_ns),
            "first_byte_s": self._since(self.first_byte_ns),
            "done_s": self._since(self.done_ns),
            "status": self.status,
            "body": self.body.decode("latin-1"),
            "headers": self.headers,
            "error": error,
        }

    def _since(self, moment_ns: int | None) -> float | None:
        return None if moment_ns is None else (moment_ns - self.began_ns) / NS


def _payload_of(request: Mapping[str, Any]) -> bytes:
    if request["json"] is not None:
        return json.dumps(request["json"]).encode()
    return (request["body"] or "").encode()


def _unquoted(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)
