"""The lab's side of the warm process: order children, hear what becomes of them, leave nothing running."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from graders.expect import GraderFaultError
from graders.running.confine import VARIABLE, Confinement
from graders.running.control import NO_ORDER

WARM = Path(__file__).with_name("warm.py")
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")
CLOSE_LIMIT_S = 3.0
LAST_WORDS_S = 0.5
FATE = frozenset({"forked", "exited"})
MAX_SAID_BYTES = 64 * 2**20
"""More than any child of the lab's has to say: who floods the line is not listened to any longer."""


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of every child, built from nothing: no variable of the learner's shell reaches it."""
    kept = ("PATH", "SYSTEMROOT", "WINDIR")  # without the last two no socket opens on Windows
    return {
        **{name: os.environ[name] for name in (*kept, VARIABLE) if name in os.environ},
        "HOME": str(home),
        "TMPDIR": str(home),
        "TEMP": str(home),
        "TMP": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


class Child:
    """One started process, heard over its control socket; events are kept in order.

    Its process id and its end are told by the warm process over a socket of their own (`fate`), which the child does
    not have: what the learner's code says about them is passed over.
    """

    def __init__(
        self, control: socket.socket | None, fate: socket.socket | None = None, server: socket.socket | None = None
    ) -> None:
        self._control: Any = control
        self._fate = fate
        self._server = server
        self._token = b""
        self._popen: subprocess.Popen[bytes] | None = None
        self._order = b""
        self._writer: asyncio.StreamWriter | None = None
        self._fate_writer: asyncio.StreamWriter | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._fate_reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self.events: list[dict[str, Any]] = []
        self.is_over = False

    @classmethod
    def once(cls, popen: subprocess.Popen[bytes], server: socket.socket, token: str, order: bytes) -> Child:
        """A child that connects by itself (where processes cannot be forked)."""
        child = cls(None, server=server)
        child._popen, child._token, child._order = popen, token.encode(), order
        return child

    async def listen(self) -> None:
        """Begin to hear; does nothing the second time."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        await asyncio.shield(self._connecting)  # whoever is interrupted here still ends the child, over these sockets

    async def _connect(self) -> None:
        if self._server is not None:
            loop = asyncio.get_running_loop()
            self._server.setblocking(False)
            connection, _ = await asyncio.wait_for(loop.sock_accept(self._server), 20)
            self._server.close()
            self._control = connection
        reader, self._writer = await asyncio.open_connection(sock=self._control, limit=2**22)
        if self._token:
            if (await reader.readline()).strip() != self._token:
                raise ConnectionError("somebody else connected in the child's place")
            self._writer.write(self._order + b"\n")
        self._reader = asyncio.create_task(self._read(reader))
        if self._fate is not None:
            fate, self._fate_writer = await asyncio.open_connection(sock=self._fate)
            self._fate_reader = asyncio.create_task(self._read_fate(fate))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        said = 0
        with contextlib.suppress(OSError, ValueError):
            while (line := await reader.readline()) and (said := said + len(line)) <= MAX_SAID_BYTES:
                event = _event(line)
                if event is not None and (event["event"] not in FATE or self._popen is not None):
                    await self._tell(event)
        if self._popen is not None:
            code = await asyncio.to_thread(self._popen.wait)
            await self._tell({"event": "exited", "code": code if code >= 0 else None, "signal": max(-code, 0) or None})
            await self._be_over()

    async def _read_fate(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                event = _event(line)
                if event is not None and event["event"] == "exited" and self._reader is not None:
                    await asyncio.wait([self._reader], timeout=LAST_WORDS_S)  # what it said comes first
                if event is not None:
                    await self._tell(event)
        await self._be_over()

    async def _be_over(self) -> None:
        async with self._news:
            self.is_over = True
            self._news.notify_all()

    async def _tell(self, event: dict[str, Any]) -> None:
        async with self._news:
            self.events.append(event)
            if event["event"] == "exited":
                self.is_over = True  # in one step, so that nobody sees an end that is no end yet
            self._news.notify_all()

    def last(self, *names: str) -> dict[str, Any] | None:
        """The latest event with one of these names."""
        return next((e for e in reversed(self.events) if e["event"] in names), None)

    async def wait_for(self, *names: str, timeout_s: float, **said: object) -> dict[str, Any] | None:
        """Wait for one of these events, one that said so; `None` when the time is over or the child ended without."""
        await self.listen()

        def found() -> dict[str, Any] | None:
            return next((e for e in self.events if e["event"] in names and said.items() <= e.items()), None)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: found() is not None or self.is_over)
        if refused := self.last("unconfined"):
            raise GraderFaultError(
                f"the learner's code was not started, because it could not be shut in: {refused['why']}"
            )
        return found()

    async def ask(self, command: str, answer: str, timeout_s: float, **data: Any) -> dict[str, Any] | None:
        """Send a command and wait for its answer; `None` if none comes in time."""
        await self.listen()
        token = secrets.token_hex(4)
        assert self._writer is not None
        with contextlib.suppress(OSError):
            self._writer.write(json.dumps({"command": command, "token": token, **data}).encode() + b"\n")
            await self._writer.drain()
        return await self.wait_for(answer, timeout_s=timeout_s, token=token)

    @property
    def pid(self) -> int | None:
        """Its process id, once it is known."""
        forked = self.last("forked")
        return int(forked["pid"]) if forked else None

    async def end(self, grace_s: float = 0.0) -> None:
        """Stop it and everything it started: TERM, then KILL; returns when it has ended."""
        await self.listen()
        if self._popen is None:
            await self.wait_for("forked", timeout_s=CLOSE_LIMIT_S)  # whoever was ordered just now has no process id yet
        for number, patience_s in ((signal.SIGTERM, grace_s), (getattr(signal, "SIGKILL", signal.SIGTERM), 3.0)):
            if self.is_over or patience_s == 0:
                continue
            if self._popen is not None:
                self._popen.terminate() if number == signal.SIGTERM else self._popen.kill()
            elif (pid := self.pid) is not None and not self.last("exited"):
                with contextlib.suppress(OSError):
                    try:
                        os.killpg(pid, number)
                    except ProcessLookupError:
                        os.kill(pid, number)  # it has not come to have a group of its own yet
            await self.wait_for("exited", timeout_s=patience_s)
        self.close()

    def close(self) -> None:
        """Stop listening."""
        for reader in (self._reader, self._fate_reader):
            if reader is not None:
                reader.cancel()
        for writer in (self._writer, self._fate_writer):
            if writer is not None:
                writer.close()


class Launcher:
    """Starts children; a context whose end leaves none of them running. Making one does not wait for anything."""

    _lent: Launcher | None = None

    def __new__(cls, fork: bool = CAN_FORK) -> Launcher:
        """The launcher that this process was lent, if it was; else a new one."""
        return cls._lent or super().__new__(cls)

    def __init__(self, fork: bool = CAN_FORK) -> None:
        if self is Launcher._lent:
            return
        self.scratch = Path(tempfile.mkdtemp(prefix="inference-lab-")).resolve()
        if Confinement.from_environment(os.environ).kind == "user":
            self.scratch.chmod(0o711)  # the learner's processes must reach their own folders below
        self._fork = fork
        self._once: list[subprocess.Popen[bytes]] = []
        if fork:
            self._orders, theirs = socket.socketpair()
            self._warm = self._python(str(theirs.fileno()), str(self.scratch), pass_fds=(theirs.fileno(),))
            theirs.close()

    def _python(self, *arguments: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", str(WARM), *arguments],
            env=clean_environment(self.scratch),
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("LAB_DEBUG") else subprocess.DEVNULL,
            pass_fds=pass_fds,
            start_new_session=CAN_FORK,
        )

    def lend(self) -> None:
        """In a forked child of the process that made it: be every launcher that the child makes, and outlive it.

        What the child starts ends with the child, because each started process watches its control socket.
        """
        Launcher._lent = self

    def folder(self, what: str) -> Path:
        """A new empty folder for one start, removed at the end."""
        return Path(tempfile.mkdtemp(prefix=f"{what}-", dir=self.scratch))

    def start(self, entry: str, spec: Mapping[str, Any], listener: socket.socket | None = None) -> Child:
        """Order a child that calls `entry` ("module:function") with the spec; returns at once.

        The listener's descriptor goes to the child and is closed here, so that its port dies with the child.
        """
        order = json.dumps({"entry": entry, "spec": dict(spec)}).encode()
        if not self._fork:
            server = socket.create_server(("127.0.0.1", 0))
            token = secrets.token_hex(16)
            popen = self._python("--once", str(server.getsockname()[1]), token)
            self._once.append(popen)
            if listener is not None:
                listener.close()
            return Child.once(popen, server, token, order)
        ours, theirs = socket.socketpair()
        fate, their_fate = socket.socketpair()
        with theirs, their_fate:
            fds = [their_fate.fileno(), theirs.fileno(), *([listener.fileno()] if listener else [])]
            try:
                socket.send_fds(self._orders, [len(order).to_bytes(4, "big")], fds)
                self._orders.sendall(order)
            except OSError as error:
                ours.close()
                fate.close()
                raise ChildProcessError(f"the lab's own helper process has ended: {error}") from error
            finally:
                if listener is not None:
                    listener.close()
        return Child(ours, fate)

    def begin_close(self) -> None:
        """Have every child ended, without waiting for it."""
        if self._fork and self is not Launcher._lent:
            with contextlib.suppress(OSError):  # it may have ended, or was told so before
                self._orders.send(NO_ORDER)  # without this it would take the lab for dead, and clean up in its place
            self._orders.close()

    def close(self) -> None:
        """End every child and remove the scratch folder."""
        if self is Launcher._lent:
            return
        self.begin_close()
        if self._fork:
            try:
                self._warm.wait(CLOSE_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._warm.kill()
                self._warm.wait()
        for popen in self._once:
            popen.kill()
            popen.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self) -> Launcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _event(line: bytes) -> dict[str, Any] | None:
    """What a line tells; `None` where it is no event."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
