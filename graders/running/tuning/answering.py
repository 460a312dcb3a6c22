"""Which processes answer: one after another is held still, until nobody is left who would take a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.measuring.timeline import Answer
from graders.measuring.wire import Connection
from graders.running import processes

if TYPE_CHECKING:
    from graders.running.program import Program

LINES = 4  # connections a round: where each process has a queue of its own, the client's port decides whose turn it is
ROUNDS_WITHOUT_NEWS = 3
PATIENCE_S = 0.1
SETTLED_S = 0.3
SETTLE_LIMIT_S = 20.0
ROUND_LIMIT_S = 0.7  # uvicorn's parent kills a worker that stands still for 5 s
LOOK_EVERY_S = 0.01
TICK_S = 0.011  # processor time is counted in hundredths of a second
FIRST_HALF = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n"
SECOND_HALF = b"connection: close\r\n\r\n"
ANSWER_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Answering:
    """The processes that took a connection, and the answers to all requests that were sent to find them."""

    pids: tuple[int, ...]
    answers: tuple[Answer, ...]


async def answering(program: Program, expected: int, *, and_no_more: bool = True) -> Answering:
    """Find out which processes of a program answer; stops as soon as there is one more than expected.

    Half a request goes out on a few connections; whoever takes one is held still, so that the next round falls to
    another. When nobody takes one any more, all go on and get the second halves, and each must answer. Where it does
    not matter whether there are more, `and_no_more=False` saves the search for them.
    """
    await program.ready()
    await settled(program)
    found: list[int] = []
    lines: list[Connection] = []
    silent = 0
    with processes.paused() as pauses:
        while silent < ROUNDS_WITHOUT_NEWS and len(found) < expected + and_no_more:
            fresh = [await program.connect() for _ in range(LINES)]
            for line in fresh:
                line.send(FIRST_HALF)
            lines += fresh
            pid = await _taker(program, fresh, found)
            if pid is None:
                silent += 1
                continue
            found.append(pid)
            pauses.pause(pid)
    return Answering(tuple(found), tuple(await _finished(lines)))


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
        if any(spent > TICK_S for spent in processes.shares(before, processes.cpu_s(program.processes())).values()):
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True


async def _taker(program: Program, lines: Sequence[Connection], known: Sequence[int]) -> int | None:
    """The first process, none of the known ones, that holds one of these connections; `None` if none comes.

    Time counts only while the others stand idle, so that one that is merely late is waited for.
    """
    ports = {line.transport.get_extra_info("sockname")[1] for line in lines if line.transport is not None}
    began = idle_since = time.monotonic()
    used_s = processes.cpu_s(program.processes())
    while (now := time.monotonic()) - began < ROUND_LIMIT_S and now - idle_since < PATIENCE_S:
        tree = program.processes()
        took = processes.holders(tree, program.port)
        new = next((pid for port, pid in took.items() if port in ports and pid not in known), None)
        if new is not None:
            return new
        now_s = processes.cpu_s(tree)
        if any(processes.shares(used_s, now_s).values()):
            used_s, idle_since = now_s, time.monotonic()
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
