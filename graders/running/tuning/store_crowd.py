"""A crowd whose every request needs the feature store: how many connections does it open there?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.measuring.timeline import Answer
from graders.running.replies import after

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

PATH = "/predict/entity"
LIMIT_S = 6.0
TRIES = 3


@dataclass(frozen=True, slots=True)
class StoreCrowd:
    """The connections that the store saw: those that were open before, and every one that was opened meanwhile."""

    connections: int
    wrong: Answer | None


async def crowd_at_the_store(program: Program, payloads: Payloads, count: int, store_s: float) -> StoreCrowd:
    """Send `count` requests at once while the store takes `store_s` seconds for each of its answers.

    A crowd in which not everybody got 200 says nothing about the pool, so it is tried again, a few times.
    """
    store = program.store
    usual, store.reply = store.reply, after(store_s)
    try:
        for _ in range(TRIES):
            before = store.accepts - store.open
            timeline = await program.burst(payloads.predictions(count, PATH), LIMIT_S)
            seen = StoreCrowd(store.accepts - before, next((a for a in timeline.answers if a.status != 200), None))
            if seen.wrong is None:
                break
        return seen
    finally:
        store.reply = usual
