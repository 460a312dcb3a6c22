"""Connections inside the virtual world: between a client and a server that both live in this process.

Bytes go over a pair of sockets that the system keeps in its own memory, so they are there at the very moment of
writing. What the world's loops listen on is known here and bound nowhere; whatever else is called lies outside.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import Any

from graders.exact import outside

Factory = Callable[[], asyncio.BaseProtocol]

FIRST_PORT = 50_000
NAMES = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None}
"""Hosts that mean this machine."""


class VirtualServer(asyncio.AbstractServer):
    """Somebody who listens on a port of this world."""

    def __init__(self, factory: Factory, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.factory = factory
        self.loop = loop
        self.host, self.port = host, port
        self.sockets: tuple[_Address, ...] = (_Address(host, port),)

    def close(self) -> None:
        """Take no connection any more; those that are open stay."""
        if _listening.get(self.port) is self:
            del _listening[self.port]
        self.sockets = ()

    def is_serving(self) -> bool:
        """Whether it takes connections."""
        return _listening.get(self.port) is self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it lives on."""
        return self.loop

    async def start_serving(self) -> None:
        """It has been serving since it was made."""

    async def serve_forever(self) -> None:
        """Until cancelled."""
        try:
            await self.loop.create_future()
        finally:
            self.close()

    async def wait_closed(self) -> None:
        """Nobody is waited for."""


class _Address:
    """As much of a listening socket as its owner asks for."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self, host: str, port: int) -> None:
        self._name = host, port

    def getsockname(self) -> tuple[str, int]:
        return self._name


_listening: dict[int, VirtualServer] = {}
_once: set[int] = set()
_ports = itertools.count(FIRST_PORT)


def listen(factory: Factory, host: Any, port: int | None, loop: asyncio.AbstractEventLoop) -> VirtualServer | None:
    """Listen on a port of this world (0: a free one); `None` where this is no host of it."""
    name = host[0] if isinstance(host, list | tuple) and len(host) == 1 else host
    if not isinstance(name, str | None) or name not in NAMES:
        return None
    number = port or next(_ports)
    if number in _listening:
        raise OSError(98, f"error while attempting to bind on address ('{name}', {number}): address already in use")
    server = VirtualServer(factory, name or "0.0.0.0", number, loop)
    _listening[number] = server
    _once.add(number)
    return server


def knows(host: Any, port: Any) -> bool:
    """Whether somebody of this world listens there, or once did."""
    return host in NAMES and port in _once


def connect(host: Any, port: int) -> socket.socket:
    """A connection to whoever listens there: this end of it; the other is given to the server."""
    server = _listening.get(port)
    if server is None:
        raise ConnectionRefusedError(111, f"Connect call failed ({host!r}, {port})")
    with outside.allowed():  # where a pair of sockets is made by connecting two
        ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    if server.loop is asyncio.get_running_loop():
        _accepting.add(task := server.loop.create_task(_accept(server, theirs)))
        task.add_done_callback(_accepting.discard)
    else:
        asyncio.run_coroutine_threadsafe(_accept(server, theirs), server.loop)
    return ours


_accepting: set[asyncio.Task[None]] = set()


async def _accept(server: VirtualServer, end: socket.socket) -> None:
    await server.loop.connect_accepted_socket(server.factory, end)
