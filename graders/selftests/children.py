"""What children do in the tests of the launcher: each function is the entry of one process."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from fastapi import FastAPI

    from graders.running.control import Control


def tell(spec: dict[str, Any], control: Control) -> None:
    """Tell about the surroundings, twice, and end well."""
    control.send("told", environment=dict(os.environ), folder=str(Path.cwd()), stdin=sys.stdin.read())
    sys.stdout.write("printed by the child\n")
    control.send("told_again", spec=spec)


def loaded(spec: dict[str, Any], control: Control) -> None:
    """Tell which of the modules in question were imported before this process began its work."""
    control.send("told", modules=[name for name in spec["about"] if name in sys.modules])


def leave(spec: dict[str, Any], control: Control) -> None:
    """End as the spec says: with a code, by a signal, with an exception."""
    if "signal" in spec:
        os.kill(os.getpid(), spec["signal"])
    if "code" in spec:
        raise SystemExit(spec["code"])
    raise RuntimeError("no way out was told")


def wait(spec: dict[str, Any], control: Control) -> None:
    """Wait until the lab goes away or says a word; deaf to SIGTERM if the spec says so."""
    if spec.get("is_deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control.send("waiting", pid=os.getpid())
    while (commands := control.receive(60)) is not None:
        for command in commands:
            control.send("heard", token=command["token"], word=command.get("word"))


def lie(spec: dict[str, Any], control: Control) -> None:
    """Say what only the warm process may say, and some nonsense, then wait."""
    control.send("exited", code=0)
    control.send("forked", pid=1)
    control._sock.sendall(b'not json\n[]\n{"no": "event"}\n{"event": 7}\n' + b"[" * 20_000 + b"\n")
    control.send("lied", pid=os.getpid())
    control.receive(60)


def scatter(spec: dict[str, Any], control: Control) -> None:
    """Start a child in the same group, one in a group of its own, and an orphan in a session of its own, then wait."""
    reader, writer = os.pipe()
    pids = [_stay(), _stay(os.setpgrp), _stay(os.setsid)]
    if (middle := os.fork()) == 0:
        os.write(writer, str(_stay(os.setsid)).encode())
        os._exit(0)
    os.waitpid(middle, 0)
    control.send("scattered", pids=[*pids, int(os.read(reader, 20))])
    if spec.get("and_ends"):
        return
    control.receive(60)


def _stay(become: Any = None) -> int:
    pid = os.fork()
    if pid == 0:
        _sit(become)
    return pid


def _sit(become: Any) -> NoReturn:
    if become is not None:
        become()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


def add_route(app: FastAPI) -> None:
    """A probe: one more route, ahead of the application's own."""

    async def probed() -> dict[str, str]:
        return {"probe": "was here"}

    app.add_api_route("/_lab/probed", probed)
