"""What a virtual clock cannot see: other processes and real sockets. Python's audit events tell of their use."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from graders.exact.world import WORLD

PROCESS = "starts another process, whose time the virtual clock cannot see"
SOCKET = "uses a real socket, whose answers come in real time"
EVENTS = {
    "os.exec": PROCESS,
    "os.fork": PROCESS,
    "os.forkpty": PROCESS,
    "os.posix_spawn": PROCESS,
    "os.spawn": PROCESS,
    "os.system": PROCESS,
    "subprocess.Popen": PROCESS,
    "_winapi.CreateProcess": PROCESS,
    "socket.bind": SOCKET,
    "socket.connect": SOCKET,
    "socket.getaddrinfo": SOCKET,
    "socket.sendmsg": SOCKET,
    "socket.sendto": SOCKET,
}

_is_watching = False
_exempt = 0


def watch() -> None:
    """From now on, stop as soon as the learner's code leaves the virtual world."""
    global _is_watching
    if not _is_watching:
        _is_watching = True
        sys.addaudithook(_audit)


def process_starter(start: Callable[..., Any]) -> Callable[..., Any]:
    """The system's way to start a process, which raises no audit event of its own."""

    def start_seen(*arguments: Any) -> Any:
        if _is_watching:
            _audit("subprocess.Popen", arguments)
        return start(*arguments)

    return start_seen


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """For a moment, what happens is the lab's own doing."""
    global _exempt
    _exempt += 1
    try:
        yield
    finally:
        _exempt -= 1


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in EVENTS and not _exempt and WORLD.has_turn():
        WORLD.stop("outside", EVENTS[event])
