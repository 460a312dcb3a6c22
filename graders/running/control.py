"""One socket between a child process and the lab: JSON lines, both ways.

The child tells what happened inside it; the lab asks questions. What arrives here can come from the learner's own
code, so it may explain a failure and never earns a pass (exact time aside: see docs/decisions.md).
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from typing import Any

NO_ORDER = bytes(4)
"""In the place of an order's length: the lab needs the warm process no longer."""


class Control:
    """The child's end of the socket; safe to use from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._pending = b""

    def send(self, event: str, **data: Any) -> None:
        """Tell the lab about an event; silently nothing where the lab is gone."""
        line = json.dumps({"event": event, **data}, default=str).encode() + b"\n"
        with self._lock, contextlib.suppress(OSError):
            self._sock.sendall(line)

    def receive(self, timeout_s: float) -> list[dict[str, Any]] | None:
        """Commands that arrived within the time, in seconds; `None` when the lab has gone."""
        try:
            readable, _, _ = select.select([self._sock], [], [], timeout_s)
            if not readable:
                return []
            chunk = self._sock.recv(65536)
        except (OSError, ValueError):
            return None
        if not chunk:
            return None
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        return [json.loads(line) for line in lines if line]
