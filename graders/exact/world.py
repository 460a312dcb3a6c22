"""The virtual world of one process: one clock, and one thread at a time that runs."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import NoReturn

from graders.exact import real
from graders.exact.meter import Meter
from graders.exact.virtual_thread import VirtualThread

Look = Callable[[], bool]

NS = 1_000_000_000
START_NS = 1_000 * NS  # not zero: code that asks `if started:` must find a time that is true
MAX_TURNS = 20_000


def _nobody_listens(kind: str, reason: str) -> NoReturn:
    raise SystemExit(f"{kind}: {reason}")


class World:
    """The clock, the threads that can run, and those that sleep.

    Only the thread that holds the turn touches any of it, so it needs no lock of its own.
    """

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.limit_ns: int | None = None
        self.stop: Callable[[str, str], NoReturn] = _nobody_listens
        self.on_hold: Callable[[int, int], None] = lambda start_ns, end_ns: None
        self.meter = Meter()
        self.running = VirtualThread()
        self.loop_thread: VirtualThread | None = None
        self.held_since_ns: int | None = None
        self.threads: dict[int, VirtualThread] = {}
        self._ready: deque[VirtualThread] = deque()
        self._sleeping: list[tuple[int, int, VirtualThread, int]] = []
        self._at_files: list[tuple[VirtualThread, Look]] = []
        self._order = count()
        self._turns = 0

    def begin(self) -> None:
        """Make the calling thread the first of this world, and the one whose waits hold the event loop."""
        first = self.running
        first.ident = real.get_ident()
        first.cpu_from_ns = real.thread_time_ns()
        self.threads[first.ident] = first
        self.loop_thread = first

    def has_turn(self) -> bool:
        """Whether the calling thread is the one that runs; a thread that this world does not know never is."""
        return self.running.ident == real.get_ident()

    def others_can_act(self) -> bool:
        """Whether any other thread can run now or will wake by itself; may be asked from outside the world."""
        me = self.running
        return any(thread is not me for thread in list(self._ready)) or any(
            entry[2] is not me and _still_sleeps(entry) for entry in list(self._sleeping)
        )

    def park(self, until_ns: int | None, is_idle: bool = False) -> bool:
        """Let the others run until somebody wakes this thread (true) or its time has come (false).

        `is_idle` says that this is an event loop with nothing to do, which holds nobody up.
        """
        me = self.running
        if me.ident != real.get_ident():
            self.stop("outside", "waits in a thread that was not started by Python")
        started_ns = self.now_ns
        me.is_parked, me.was_woken = True, False
        me.parks += 1
        if until_ns is not None:
            heapq.heappush(self._sleeping, (until_ns, next(self._order), me, me.parks))
        holds_loop = me is self.loop_thread and not is_idle
        if holds_loop:
            self.held_since_ns = started_ns
        self._hand_over(me)
        if holds_loop:
            self.held_since_ns = None
            if self.now_ns > started_ns:
                self.on_hold(started_ns, self.now_ns)
        return me.was_woken

    def park_at_files(self, look: Look, until_ns: int | None, is_idle: bool = False) -> bool:
        """The same for a thread that waits for files.

        They are looked at whenever everything else stands still, before the clock moves: what a thread of this
        process wrote is found at the very moment of writing.
        """
        entry = self.running, look
        self._at_files.append(entry)
        try:
            return self.park(until_ns, is_idle)
        finally:
            self._at_files.remove(entry)

    def wake(self, thread: VirtualThread) -> bool:
        """Let a parked thread run again; false where it had woken already."""
        if not thread.is_parked:
            return False
        thread.is_parked, thread.was_woken = False, True
        self._ready.append(thread)
        return True

    def give_way(self) -> None:
        """Let every thread that can run do so first; no time passes."""
        self.count_turn()
        if self._ready:
            self._ready.append(self.running)
            self._hand_over(self.running)

    def count_turn(self) -> None:
        """One more round in which no time passed."""
        self._turns += 1
        if self._turns > MAX_TURNS:
            self.stop("spins", "goes round and round without ever waiting for anything")

    def sleep(self, seconds: float) -> None:
        """Let so many seconds of virtual time pass for the calling thread."""
        if seconds > 0:
            self.park(self.until(seconds))
        else:
            self.give_way()

    def until(self, timeout: float | None) -> int | None:
        """The moment at which a wait of so many seconds, from now, is over.

        However short, a wait moves the clock: else code that waits for the rest of a deadline, a rounding error away
        from it, would wait for ever.
        """
        if timeout is None:
            return None
        return self.now_ns + (max(1, round(timeout * NS)) if timeout > 0 else 0)

    def admit(self, thread: VirtualThread) -> None:
        """Queue a new thread; it waits at its gate until its turn comes."""
        self._ready.append(thread)

    def expel(self, thread: VirtualThread) -> None:
        """Take back a thread that the machine could not start."""
        self._ready.remove(thread)

    def leave(self, thread: VirtualThread) -> None:
        """The running thread has ended: wake those who wait for it and let the next one run."""
        self.meter.lap(thread)
        thread.has_ended = True
        self.threads.pop(thread.ident, None)
        for joiner in thread.joiners:
            self.wake(joiner)
        self.running = following = self._next()
        following.gate.release()

    def wait_for_end(self, thread: VirtualThread, timeout: float | None) -> bool:
        """Wait until a thread has ended; false if the time was too short."""
        if thread.has_ended:
            return True
        thread.joiners.append(self.running)
        if not self.park(self.until(timeout)):
            thread.joiners.remove(self.running)
        return thread.has_ended

    def _hand_over(self, me: VirtualThread) -> None:
        self.meter.lap(me)
        following = self._next()
        if following is not me:
            self.running = following
            following.gate.release()
            me.gate.acquire()
        me.cpu_from_ns = real.thread_time_ns()

    def _next(self) -> VirtualThread:
        while not self._ready:
            found = [thread for thread, look in self._at_files if thread.is_parked and look()]
            for thread in found:
                self.wake(thread)
            if not found:
                self._advance()
        return self._ready.popleft()

    def _advance(self) -> None:
        """Nothing runs: move the clock to the next wake-up, and wake all whose time that is, in order."""
        sleeping = self._sleeping
        while sleeping and not _still_sleeps(sleeping[0]):
            heapq.heappop(sleeping)
        if not sleeping and self._at_files:
            self.stop("waits", "waits for a file that only the world outside could write to")
        if not sleeping:
            self.stop("stuck", "everything waits, and nothing is left that could end the waiting")
        at_ns = sleeping[0][0]
        if self.limit_ns is not None and at_ns > self.limit_ns:
            self.stop("virtual", "did not end in time")
        if at_ns > self.now_ns:
            self.now_ns = at_ns
            self._turns = 0
        else:
            self.count_turn()
        while sleeping and sleeping[0][0] <= self.now_ns:
            entry = heapq.heappop(sleeping)
            if _still_sleeps(entry):
                entry[2].is_parked = False
                self._ready.append(entry[2])


def _still_sleeps(entry: tuple[int, int, VirtualThread, int]) -> bool:
    _, _, thread, park = entry
    return thread.is_parked and thread.parks == park


WORLD = World()
"""The one world of this process; asleep until `begin`."""
