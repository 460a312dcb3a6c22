"""One thread of the virtual world."""

from __future__ import annotations

from graders.exact import real


class VirtualThread:
    """One thread of the world; it runs only while it holds the turn, and waits at its gate otherwise."""

    __slots__ = ("cpu_from_ns", "gate", "has_ended", "ident", "is_parked", "joiners", "parks", "was_woken")

    def __init__(self) -> None:
        self.gate = real.allocate_lock()
        self.gate.acquire()
        self.ident = 0
        self.is_parked = False
        self.was_woken = False
        self.parks = 0
        self.has_ended = False
        self.joiners: list[VirtualThread] = []
        self.cpu_from_ns = 0
