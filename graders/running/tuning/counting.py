"""What GET /metrics says that it counted, asked often enough that every worker gets a word in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from graders.expect import Unmet

if TYPE_CHECKING:
    from graders.running.program import Program

ASKED = 8
PROMISE_S = 1.0
"""Contract: a second later at the latest."""


async def counts(program: Program) -> list[int]:
    """The count in several answers, each on a fresh connection; raises `Unmet` where there is none."""
    found = []
    for _ in range(ASKED):
        answer = await program.ask_200("GET", "/metrics")
        body = answer.json()
        count = body.get("count") if isinstance(body, dict) else None
        if not isinstance(count, int):
            raise Unmet(
                "sent GET /metrics", f"200 with {answer.excerpt()}", "JSON with a count", "what does it return?"
            )
        found.append(count)
    return found


async def settled_count(program: Program) -> int:
    """The count before anything more is sent; the largest where the workers still differ after a second."""
    return max(await _when_equal(program, None))


async def counted(program: Program, wanted: int) -> list[int]:
    """What the workers say, at the latest a second from now."""
    return await _when_equal(program, wanted)


async def _when_equal(program: Program, wanted: int | None) -> list[int]:
    since = time.monotonic()
    while True:
        is_last = time.monotonic() - since >= PROMISE_S
        found = await counts(program)
        if is_last or set(found) == {found[0] if wanted is None else wanted}:
            return found
