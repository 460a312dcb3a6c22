"""A service of the zoo in a child process: start it, wait for its faults, ask for its record."""

from __future__ import annotations

import socket
from pathlib import Path

from graders.expect import GraderFaultError
from graders.measuring.load_record import Served
from graders.measuring.schedule import UNLIMITED
from graders.running.launcher import Child, Launcher

START_LIMIT_S = 12.0
RECORD_LIMIT_S = 10.0


class ZooService:
    """One service of the zoo under uvicorn on 127.0.0.1; `kind` is the name of its class."""

    def __init__(self, launcher: Launcher, kind: str, *, capacity: int = UNLIMITED, enough: int = 1) -> None:
        self._launcher = launcher
        self._kind = kind
        self._capacity = capacity
        self._enough = enough
        self._child: Child | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, crowd: Path | None = None) -> None:
        """Start it and wait until it serves; `crowd` is the file that says how many users there are."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        spec = {
            "kind": self._kind,
            "capacity": self._capacity,
            "crowd": str(crowd or ""),
            "enough": self._enough,
            "listen": True,
        }
        self._child = self._launcher.start("graders.running.zoo_serve:main", spec, listener)
        if await self._child.wait_for("started", timeout_s=START_LIMIT_S) is None:
            raise GraderFaultError(f"the lab's own service {self._kind} did not start: {self._child.events}")
        if bound := self._child.last("bound"):
            self.port = bound["port"]

    @property
    def was_wrong_often_enough(self) -> bool:
        """Whether it has given as many wrong answers as were asked for."""
        return self._child is not None and self._child.last("enough") is not None

    async def record(self) -> list[Served]:
        """What it served so far."""
        assert self._child is not None
        told = await self._child.ask("record", "recorded", timeout_s=RECORD_LIMIT_S)
        if told is None:
            raise GraderFaultError(f"the lab's own service {self._kind} did not tell what it served")
        rows = [row for e in self._child.events if e.get("token") == told["token"] for row in e.get("rows", [])]
        return [Served(*row) for row in rows]

    async def end(self) -> None:
        """End it."""
        if self._child is not None:
            await self._child.end()
