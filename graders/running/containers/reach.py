"""The way into a container: through its own network namespace where the lab may enter it, else by a published port."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

CLONE_NEWNET = 0x40000000  # linux/sched.h
CONNECT_LIMIT_S = 2.0
LISTENING = "0A"  # the state in /proc/net/tcp


def can_enter_namespaces() -> bool:
    """Whether this process may look into a container's network, so that nothing needs to be published."""
    return sys.platform == "linux" and os.geteuid() == 0


class Reach:
    """Opens connections to a port of one container."""

    def __init__(self, address: tuple[str, int], pid: int | None = None) -> None:
        self._address = address
        self._relay: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._inside = None
        if pid is not None:
            self._inside = ThreadPoolExecutor(1, "inside", initializer=_enter, initargs=(pid,))

    async def dial(self) -> socket.socket:
        """A connection to the service; `OSError` where nothing takes it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._inside, _connect, self._address)

    async def port(self) -> int:
        """A port on 127.0.0.1 of this machine that leads to the service."""
        if self._inside is None:
            return self._address[1]
        if self._relay is None:
            self._relay = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(self._relay.sockets[0].getsockname()[1])

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        task.add_done_callback(self._pipes.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection(sock=await self.dial())
            try:
                async with asyncio.TaskGroup() as pipes:
                    pipes.create_task(_pipe(reader, back))
                    pipes.create_task(_pipe(there, writer))
            finally:
                back.close()
        writer.close()

    async def close(self) -> None:
        """Close every way in."""
        if self._relay is not None:
            self._relay.close()
        for task in list(self._pipes):
            task.cancel()
        if self._inside is not None:
            self._inside.shutdown(wait=False)


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    sink.close()


def _enter(pid: int) -> None:
    """Move this very thread into the network of a process; sockets that it opens stay there, whoever uses them."""
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(namespace)


def _connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=CONNECT_LIMIT_S)


def listeners(table: str) -> set[tuple[str, int]]:
    """Who listens, as (address, port), out of /proc/net/tcp and /proc/net/tcp6."""
    found = set()
    for line in table.splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == LISTENING and ":" in words[1]:
            address, _, port = words[1].partition(":")
            found.add((_address(address), int(port, 16)))
    return found


def _address(text: str) -> str:
    raw = bytes.fromhex(text)
    words = [raw[i : i + 4][::-1] for i in range(0, len(raw), 4)]  # each word is in the byte order of the machine
    if sys.byteorder == "big":
        words = [word[::-1] for word in words]
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, b"".join(words))
