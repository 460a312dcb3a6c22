"""What a virtual clock cannot see: other processes and real sockets. Python's audit events tell of their use.

While `app.main` is imported, programs may run and sockets may be tried, as some libraries do: that is over before
anything is judged. A process that is forked to stay is not.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from graders.exact.world import WORLD

PROCESS = "starts another process, whose time the virtual clock cannot see"
SOCKET = "uses a real socket, whose answers come in real time"
STAYING = {"os.fork": PROCESS, "os.forkpty": PROCESS}
EVERYTHING = {
    **STAYING,
    "os.exec": PROCESS,
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

_watched: dict[str, str] = {}
_exempt = 0


def watch(events: dict[str, str]) -> None:
    """From now on, stop as soon as the learner's code leaves the virtual world in one of these ways."""
    global _watched
    if not _watched:
        sys.addaudithook(_audit)
    _watched = events


def guard_forks() -> None:
    """See what `multiprocessing` starts by itself, which raises no audit event."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    start = _posixsubprocess.fork_exec

    def start_seen(*arguments: Any) -> Any:
        _audit("os.fork", arguments)
        return start(*arguments)

    # `subprocess` holds the function itself since it was imported, and raises events of its own.
    _posixsubprocess.fork_exec = start_seen


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
    if event in _watched and not _exempt and WORLD.has_turn():
        WORLD.stop("outside", _watched[event])
