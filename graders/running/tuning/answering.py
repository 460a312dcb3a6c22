"""Which processes answer: one after another is held still, until nobody is left who would take a connection."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graders.expect import Inconclusive
from graders.measuring.timeline import Answer
from graders.measuring.wire import Connection
from graders.running import processes

if TYPE_CHECKING:
    from graders.running.program import Program

LINES = 16  # connections a round: where each process has a queue of its own, the client's port decides whose turn it is
PATIENCE_S = 0.1
SETTLED_S = 0.3
SETTLE_LIMIT_S = 20.0
LOOKS_IN_VAIN = 2  # the system's table of connections changes while it is read, and one look may miss a row
ROUND_LIMIT_S = 0.7
MOST_PAUSED_S = 2.0  # uvicorn's parent kills a worker that stands still for 5 s
TRIES = 6
LOOK_EVERY_S = 0.01
TICK_S = 0.011  # processor time is counted in hundredths of a second
FIRST_HALF = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n"
SECOND_HALF = b"connection: close\r\n\r\n"
ANSWER_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answering:
    """The processes that took a connection, and the answers to the requests that were sent to find them.

    `is_whole`: the search came to its end, before those who were held still had to go on. `sent` counts the requests
    of earlier searches, too.
    """

    pids: tuple[int, ...]
    answers: tuple[Answer, ...]
    is_whole: bool
    sent: int

    @property
    def unanswered(self) -> int:
        """How many requests got no answer."""
        return sum(answer.status is None for answer in self.answers)


async def answering(program: Program, expected: int, *, and_no_more: bool = True) -> Answering:
    """Find out which processes of a program answer; stops as soon as there is one more than expected.

    Half a request goes out on a few connections; whoever takes one is held still, so that the next round falls to
    another. When nobody takes one any more, all go on and get the second halves, and each must answer. Where it does
    not matter whether there are more, `and_no_more=False` saves the search for them. On a busy machine a search may
    take too long; it is made again, and `Inconclusive` is raised where none came to its end.
    """
    await program.ready()
    sent = 0
    for _ in range(TRIES):
        await settled(program)
        seen = await _search(program, expected + and_no_more)
        sent += len(seen.answers)
        if (seen.is_whole or len(seen.pids) > expected) and not seen.unanswered:
            break
    if seen.is_whole or len(seen.pids) > expected:
        return replace(seen, sent=sent)
    raise Inconclusive(
        "this machine is too busy to tell: finding out which processes answer took longer than they may be held still. "
        "Try again when less is running."
    )


async def _search(program: Program, most: int) -> Answering:
    found: list[int] = []
    lines: list[Connection] = []
    is_over = False
    paused_at = math.inf
    with processes.paused() as pauses:
        while not is_over and time.monotonic() - paused_at < MOST_PAUSED_S:
            fresh = [await program.connect() for _ in range(LINES)]
            for line in fresh:
                line.send(FIRST_HALF)
            lines += fresh
            try:
                pid = await _taker(program, fresh, found)
            except TimeoutError:
                break
            if pid is not None:
                found.append(pid)
                paused_at = min(paused_at, time.monotonic())
                pauses.pause(pid)
            elif not found:  # the system took the connections, so somebody will
                break
            is_over = pid is None or len(found) == most
    answers = tuple(await _finished(lines))
    return Answering(tuple(found), answers, is_over, len(answers))


async def settled(program: Program) -> None:
    """Wait until every process of the program has stood idle for a moment: whoever was starting has started."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_LIMIT_S:
        if await _are_idle(program, SETTLED_S):
            return


async def _are_idle(program: Program, for_s: float) -> bool:
    before = processes.cpu_s(program.processes())
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        tree = program.processes()
        spent = processes.shares(before, processes.cpu_s(tree))
        if processes.some_run(tree) or any(seconds > TICK_S for seconds in spent.values()):
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True


async def _taker(program: Program, lines: Sequence[Connection], known: Sequence[int]) -> int | None:
    """The first process, none of the known ones, that holds one of these connections; `None` if none comes.

    None comes when for a moment nobody has done or wanted to do anything. Raises `TimeoutError` where it does not
    come to that: then somebody is merely late.
    """
    ports = {line.transport.get_extra_info("sockname")[1] for line in lines if line.transport is not None}
    began = idle_since = time.monotonic()
    used_s = processes.cpu_s(program.processes())
    looks_in_vain = 0
    while looks_in_vain < LOOKS_IN_VAIN:
        tree = program.processes()
        now_s = processes.cpu_s(tree)
        if processes.some_run(tree) or any(processes.shares(used_s, now_s).values()):
            used_s, idle_since, looks_in_vain = now_s, time.monotonic(), 0
        was_idle = time.monotonic() - idle_since > PATIENCE_S
        took = processes.holders(tree, program.port)
        new = next((pid for port, pid in took.items() if port in ports and pid not in known), None)
        if new is not None:
            return new
        looks_in_vain += was_idle
        if time.monotonic() - began > ROUND_LIMIT_S:
            raise TimeoutError
        await asyncio.sleep(LOOK_EVERY_S)
    return None


async def _finished(lines: Sequence[Connection]) -> list[Answer]:
    answers = []
    for number, line in enumerate(lines):
        waiting = line.send(SECOND_HALF)
        began = line.sent
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await waiting
        except TimeoutError:
            pass
        line.close()
        status, headers, body = line.answer()
        done = None if line.done is None else line.done - began
        answers.append(Answer(number, "GET /health", 0.0, done, done, status, body, headers, line.error))
    return answers
