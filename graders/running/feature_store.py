"""The lab's own feature store: answers `GET /features/{entity_id}`, counts who connects, misbehaves when told to.

It lives in the lab's event loop, and what it counts happens in the lab: no submission can tell it anything but truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from dataclasses import dataclass
from urllib.parse import unquote

from graders.running.replies import Manner, Reply

PREFIX = "/features/"
DRIPS = 25
UNKNOWN = Reply(404, b'{"detail": "no such entity"}')


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that the store got: the path as it stood on the wire, and the number of its connection."""

    method: str
    target: str
    connection: int

    @property
    def entity_id(self) -> str | None:
        """The entity that was asked for; `None` where the path is not one segment below /features/."""
        segment = self.target.removeprefix(PREFIX)
        if segment == self.target or not segment or set(segment) & set("/?#"):
            return None
        return unquote(segment)


class FeatureStore:
    """A server on 127.0.0.1 whose port stays the same when it goes down and comes back."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply or Reply()
        self.replies: dict[str, Reply] = {}
        self.asked: list[Asked] = []
        self.accepts = 0
        self.most_open = 0
        self.port = 0
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._place_holder: socket.socket | None = None

    async def start(self) -> None:
        """Listen; on the same port as before if there was one."""
        if self._place_holder is not None:
            self._place_holder.close()
            self._place_holder = None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """What FEATURE_STORE_URL has to be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections are open right now."""
        return len(self._open)

    def reply_to(self, asked: Asked) -> Reply:
        """The reply to a request: the one for its entity, or the usual one; 404 where the path makes no sense."""
        if asked.method != "GET" or asked.entity_id is None:
            return UNKNOWN
        return self.replies.get(asked.entity_id, self.reply)

    def go_down(self) -> None:
        """Refuse connections, and break those that are open; nobody else gets the port meanwhile."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self._open):
            connection.hang_up()
        self._place_holder = socket.socket()
        self._place_holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # without it the port may be given away; it is refused all the same
            self._place_holder.bind(("127.0.0.1", self.port))

    def end(self) -> None:
        """Go down for good."""
        self.go_down()
        if self._place_holder is not None:
            self._place_holder.close()
            self._place_holder = None

    def opened(self, connection: _Connection) -> int:
        """Note an accepted connection and give it a number."""
        self.accepts += 1
        self._open.add(connection)
        self.most_open = max(self.most_open, len(self._open))
        return self.accepts

    def closed(self, connection: _Connection) -> None:
        """Note that a connection is gone."""
        self._open.discard(connection)


class _Connection(asyncio.Protocol):
    """One caller's connection: requests in, replies out, in order, kept alive."""

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        self._received = b""
        self._busy = False
        self._later: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._number = self._store.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._later is not None:
            self._later.cancel()
        self._store.closed(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._next()

    def hang_up(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if self._busy or end < 0:
            return
        line = self._received[:end].split(b"\r\n")[0].decode("latin-1")
        self._received = self._received[end + 4 :]
        method, _, rest = line.partition(" ")
        asked = Asked(method, rest.rpartition(" ")[0], self._number)
        self._store.asked.append(asked)
        self._busy = True
        self._begin(self._store.reply_to(asked))

    def _begin(self, reply: Reply) -> None:
        match reply.manner:
            case Manner.NEVER:
                return
            case Manner.DRIPPED:
                self._drip_body(reply)
            case _:
                self._in(reply.delay_s, reply)

    def _in(self, delay_s: float, reply: Reply) -> None:
        self._later = asyncio.get_running_loop().call_later(delay_s, self._send, reply)

    def _drip_body(self, reply: Reply) -> None:
        """The head at once, so that a timeout for that alone does not help; then the body, over all of the time."""
        assert self._transport is not None
        self._transport.write(reply.on_the_wire.removesuffix(reply.body))
        size = len(reply.body) // DRIPS + 1
        every_s = reply.delay_s / math.ceil(len(reply.body) / size)
        self._later = asyncio.get_running_loop().call_later(every_s, self._drip, reply.body, size, every_s)

    def _drip(self, rest: bytes, size: int, every_s: float) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if not rest:
            self._done()
            return
        self._transport.write(rest[:size])
        self._later = asyncio.get_running_loop().call_later(every_s, self._drip, rest[size:], size, every_s)

    def _send(self, reply: Reply) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if reply.manner is not Manner.HUNG_UP:
            self._transport.write(reply.on_the_wire)
        if reply.manner in (Manner.HUNG_UP, Manner.CUT_OFF):
            self._transport.close()
            return
        self._done()

    def _done(self) -> None:
        self._busy = False
        self._next()
