"""The child process that serves one service of the zoo, and tells its record when it is asked."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from graders.files import read_regular
from graders.measuring.load_record import Served
from graders.running.zoo import ZOO, LimitedCapacity, Service

if TYPE_CHECKING:
    import socket

    from graders.running.control import Control

PATIENCE_S = 0.5
ROWS_AT_ONCE = 2_000
MAX_CROWD_BYTES = 32


def main(spec: dict[str, Any], control: Control, listener: socket.socket) -> None:
    """Serve `spec["kind"]` on the listener until the lab goes away; `spec["capacity"]` limits the one that has one.

    Tells `started`, and `enough` once it has given `spec["enough"]` wrong answers; the command `record` is answered
    by `rows`, as often as it takes, and `recorded`.
    """
    service = _service(spec)
    service.on_served = EnoughWrong(int(spec["enough"]), control)
    config = uvicorn.Config(
        service,
        lifespan="off",
        log_level="critical",  # what it does wrong, it does on purpose
        access_log=False,
        ws="none",
        timeout_keep_alive=75,
        backlog=2048,
    )
    server = TellingServer(config, control)
    threading.Thread(target=_answer, args=(control, service, server), daemon=True).start()
    server.run(sockets=[listener])


class TellingServer(uvicorn.Server):
    """uvicorn's server, which tells when it serves."""

    def __init__(self, config: uvicorn.Config, control: Control) -> None:
        super().__init__(config)
        self._control = control

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then tell the lab."""
        await super().startup(sockets=sockets)
        self._control.send("started")


class EnoughWrong:
    """Counts wrong answers, and tells the lab when there are enough to judge by."""

    def __init__(self, enough: int, control: Control) -> None:
        self._missing = enough
        self._control = control

    def __call__(self, served: Served) -> None:
        """Count one answer."""
        self._missing -= served.fault
        if served.fault and self._missing == 0:
            self._control.send("enough")


def _service(spec: dict[str, Any]) -> Service:
    if spec["kind"] != LimitedCapacity.__name__:
        return ZOO[spec["kind"]]()
    crowd = Path(spec["crowd"])

    def users() -> int:
        with contextlib.suppress(ValueError):
            return int(read_regular(crowd, MAX_CROWD_BYTES))
        return 0

    return LimitedCapacity(capacity=int(spec["capacity"]), crowd=users)


def _answer(control: Control, service: Service, server: uvicorn.Server) -> None:
    """Answer the lab's questions until it goes away; then end."""
    while (commands := control.receive(PATIENCE_S)) is not None:
        for command in commands:
            if command.get("command") == "record":
                token = command.get("token")
                rows = [astuple(served) for served in service.record]
                for i in range(0, len(rows), ROWS_AT_ONCE):
                    control.send("rows", token=token, rows=rows[i : i + ROWS_AT_ONCE])
                control.send("recorded", token=token)
    server.should_exit = True
