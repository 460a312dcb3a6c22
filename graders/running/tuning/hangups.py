"""Clients that hang up half way: in the middle of their request, or of the prediction, or at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from graders.measuring.wire import Connection
from graders.running.tuning.limits import recovered

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

COUNT = 6


async def of_all_kinds(program: Program, payloads: Payloads) -> None:
    """Several clients of each kind, each kind when all places are free again: else it would only be turned away."""
    await during_the_request(program, payloads)
    await recovered(program, payloads)
    await during_the_prediction(program, payloads)
    await recovered(program, payloads)
    await at_once(program, payloads)


async def during_the_prediction(program: Program, payloads: Payloads) -> None:
    """Send whole requests, let the program take them up, hang up while it works on them."""
    lines = [await program.connect() for _ in range(COUNT)]
    for line in lines:
        line.send(payloads.predict().encoded("127.0.0.1"))
    await _taken_up(program)
    _hang_up(lines)


async def during_the_request(program: Program, payloads: Payloads) -> None:
    """Send the headers and half of the body, let the program take them up, hang up."""
    lines = [await program.connect() for _ in range(COUNT)]
    for line in lines:
        whole = payloads.predict().encoded("127.0.0.1")
        body = len(json.dumps(payloads.fresh()))
        line.send(whole[: -body // 2])
    await _taken_up(program)
    _hang_up(lines)


async def at_once(program: Program, payloads: Payloads) -> None:
    """Send whole requests and hang up without waiting for anything."""
    lines = [await program.connect() for _ in range(COUNT)]
    for line in lines:
        line.send(payloads.predict().encoded("127.0.0.1"))
    _hang_up(lines)


async def _taken_up(program: Program) -> None:
    """What was sent before this request was answered has been read."""
    for _ in range(2):
        await program.ask_200("GET", "/health")


def _hang_up(lines: list[Connection]) -> None:
    for line in lines:
        line.close()
