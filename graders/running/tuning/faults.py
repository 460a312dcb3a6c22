"""What a feature store can do to the service, one fault at a time, and what the service makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.measuring.timeline import Answer
from graders.measuring.tuning_pictures import FaultRow, FaultTable
from graders.running import replies
from graders.running.replies import Reply

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

ANSWER_LIMIT_S = 8.0
TRIES = 3
STALE_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that the store does, in words, and the status that the service's caller has to get."""

    words: str
    reply: Reply
    status: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the service told its caller about a fault."""

    fault: Fault
    answer: Answer
    program: Program
    printed: tuple[int, int] = (0, 0)
    """From where to where the program printed meanwhile."""

    @property
    def settings(self) -> str:
        """The timeout that was set, if one was."""
        timeout_s = self.program.settings.get("FEATURE_STORE_TIMEOUT")
        return f"FEATURE_STORE_TIMEOUT={timeout_s}" if timeout_s else ""

    @property
    def timeout(self) -> str:
        """The same, short enough for a picture."""
        timeout_s = self.program.settings.get("FEATURE_STORE_TIMEOUT")
        return f"timeout {timeout_s} s" if timeout_s else ""

    @property
    def is_right(self) -> bool:
        """Whether the caller got the status that says what happened."""
        return self.answer.status == self.fault.status


def table(told: Sequence[Told]) -> FaultTable:
    """The picture of all of them."""
    return FaultTable(
        tuple(
            FaultRow(
                each.fault.words,
                each.timeout,
                each.fault.status,
                each.answer.status,
                round(each.answer.latency_s or 0.0, 3),
            )
            for each in told
        )
    )


def answers_after(delay_s: float, status: int) -> Fault:
    """A slow store: 200 where the timeout lets it, 504 where not."""
    return Fault(f"answered after {delay_s:g} s", replies.after(delay_s), status)


def around(timeout_s: float) -> tuple[Fault, Fault]:
    """A store that is faster than the timeout by half of it, and one that is slower."""
    return answers_after(timeout_s / 2, 200), answers_after(timeout_s * 1.5, 504)


HANGS = Fault("took the request and never answered", replies.HANGS, 504)
DRIPS = Fault("sent the body of its answer a few bytes at a time, for 2.5 s in all", replies.dripped(2.5), 504)
UNKNOWN = Fault("answered 404: it knows no such entity", replies.of_status(404), 404)
BROKEN = (
    Fault("answered 500, with both features in it", replies.Reply(status=500), 502),
    Fault("answered 200 with a page of HTML", replies.of_text("<html>down for maintenance</html>"), 502),
    Fault("answered 200 with an empty body", replies.of_text(""), 502),
    Fault("answered 200 with a list", replies.of_json([1.5, 2.5]), 502),
    Fault("answered 200 with null", replies.of_json(None), 502),
    Fault("answered 200 without feature_2", replies.of_json({"feature_1": 1.5}), 502),
    Fault("answered 200 with feature_1 = null", replies.of_json({"feature_1": None, "feature_2": 2.5}), 502),
    Fault('answered 200 with feature_2 = "many"', replies.of_json({"feature_1": 1.5, "feature_2": "many"}), 502),
    Fault("answered 200 with a list for feature_1", replies.of_json({"feature_1": [1.5], "feature_2": 2.5}), 502),
    Fault("took the request and hung up", replies.HANGS_UP, 502),
    Fault("hung up in the middle of its answer", replies.CUTS_OFF, 502),
    Fault("answered in a language that is not HTTP", replies.SPEAKS_OTHERWISE, 502),
)
DOWN = Fault("was down: nobody took the connection", replies.Reply(), 502)
UP_AGAIN = Fault("came up again and answered", replies.Reply(), 200)


async def together(program: Program, payloads: Payloads, faults: Sequence[Fault]) -> list[Told]:
    """Let the store commit all of these at once, each against a call of its own."""
    return list(await asyncio.gather(*(_one(program, payloads, fault) for fault in faults)))


async def one_after_another(program: Program, payloads: Payloads, faults: Sequence[Fault]) -> list[Told]:
    """Let the store commit these in turn, each against a call of its own."""
    return [await _one(program, payloads, fault) for fault in faults]


async def suffered(*series: Awaitable[list[Told]]) -> list[Told]:
    """Several series at the same time, in one list."""
    return [told for found in await asyncio.gather(*series) for told in found]


async def gone_and_back(program: Program, payloads: Payloads) -> list[Told]:
    """Take the store away for one call, then bring it back for another."""
    program.store.go_down()
    try:
        down = await _one(program, payloads, DOWN)
    finally:
        await program.store.start()
    for _ in range(STALE_AT_MOST):  # a pool may try each of its broken connections before it opens a new one
        back = await _one(program, payloads, UP_AGAIN)
        if back.is_right:
            break
    return [down, back]


async def _one(program: Program, payloads: Payloads, fault: Fault) -> Told:
    """One fault; a 504 that was not wanted is tried again, because a busy machine makes everything slower."""
    for _ in range(TRIES - 1):
        told = await _once(program, payloads, fault)
        if told.is_right or told.answer.status != 504:
            return told
    return await _once(program, payloads, fault)


async def _once(program: Program, payloads: Payloads, fault: Fault) -> Told:
    body = payloads.entity("fault")
    program.store.replies[body["entity_id"]] = fault.reply
    mark = program.printed_so_far()
    answer = await program.ask("POST", "/predict/entity", body, limit_s=ANSWER_LIMIT_S)
    if answer.status == 500:
        await program.traceback_printed(mark)  # before the next fault leaves one of its own
    return Told(fault, answer, program, (mark, program.printed_so_far()))
