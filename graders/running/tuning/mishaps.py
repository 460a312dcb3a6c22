"""Requests that end badly, so that one can see what is left behind: some that break the contract, some that raise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graders.running import replies
from graders.running.tuning.limits import LIMIT

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

INVALID = ({"feature_1": 1.0}, {"feature_1": "one", "feature_2": 2.0}, [1.0, 2.0])
PATHS = ("/predict", "/predict/staged")
MORE_THAN_PLACES = LIMIT + 2


async def invalid_requests(program: Program) -> None:
    """More of them than there are places, one after another, whatever they are answered."""
    for body in INVALID:
        for path in PATHS:
            await program.ask("POST", path, body)


async def errors(program: Program, payloads: Payloads) -> None:
    """More predictions that raise than there are places: the model cannot write its log, and the store fails."""
    with program.model_log.out_of_reach():
        for _ in range(MORE_THAN_PLACES):
            await program.ask("POST", "/predict/cpu", payloads.fresh())
    usual, program.store.reply = program.store.reply, replies.HANGS_UP
    for _ in range(MORE_THAN_PLACES):
        await program.ask("POST", "/predict/entity", payloads.entity())
    program.store.reply = usual
