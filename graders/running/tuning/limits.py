"""Bursts at a program with a limit of predictions in flight, and what may come before them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.curriculum import PREDICT_S
from graders.measuring.attempts import Decided, Sight, decide
from graders.measuring.shedding import SHED, Shed
from graders.measuring.timeline import Answer
from graders.measuring.wire import Request

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.quiet import Machine
    from graders.running.tuning.payloads import Payloads

LIMIT = 4
BURST = 20
ALWAYS_OPEN = (("/health", 0.0), ("/metrics", 0.0), ("/health", 0.03), ("/metrics", 0.05), ("/health", 0.07))
"""What is asked behind the predictions, and how many seconds after them."""

BURST_LIMIT_S = 6.0
RECOVERY_S = 1.0
LEAST_TRIES = 3


async def limited_burst(
    program: Program,
    machine: Machine,
    predictions: Callable[[], Sequence[Request]],
    takes_s: Mapping[str, float],
    payloads: Payloads,
) -> Decided[Shed]:
    """Send bursts of predictions, /health and /metrics behind them, until one shows the limit.

    Args:
        program: what is asked.
        machine: the reference service, which says how busy the machine is.
        predictions: makes a burst of them.
        takes_s: path to the least time, in seconds, that a prediction there takes.
        payloads: where those come from that ask whether all places are free again.
    """
    count = len(predictions())

    had_too_few = has_too_few = False

    async def look() -> Shed:
        nonlocal has_too_few
        if had_too_few:  # places may still have been on their way back; within a second they are back
            has_too_few = not (await recovered(program, payloads)).is_complete
        burst = predictions()
        timeline = await program.burst(with_open_ones(burst), BURST_LIMIT_S)
        return Shed(timeline, LIMIT, {request.label: takes_s[request.path] for request in burst})

    def judge(shed: Shed) -> Sight:
        nonlocal had_too_few
        had_too_few = len(shed.accepted) < LIMIT
        return Sight.REFUTED if has_too_few and had_too_few else sight_of(shed)

    async def is_quiet(_: Shed) -> bool:
        return await machine.answers_within(PREDICT_S / 2, [Request("GET", "/health")] * count)

    return await decide(look, judge, is_quiet)


def with_open_ones(predictions: Sequence[Request]) -> list[Request]:
    """The predictions, and behind the last of them what must never be turned away."""
    last_s = max(request.at_s for request in predictions)
    return [*predictions, *(Request("GET", path, at_s=last_s + at_s) for path, at_s in ALWAYS_OPEN)]


def sight_of(shed: Shed) -> Sight:
    """What one burst proves: that the limit holds, that it does not, or nothing."""
    if shed.excess is not None or wrongly_refused(shed) or not all(a.is_complete for a in shed.predictions):
        return Sight.REFUTED
    if any(a.headers.get("retry-after", "").strip() == "" for a in shed.shed) or _other_status(shed):
        return Sight.REFUTED
    if shed.waiting > LIMIT:
        return Sight.REFUTED
    return Sight.SHOWN if shed.is_exact else Sight.UNCLEAR


def wrongly_refused(shed: Shed) -> Answer | None:
    """An answer of /health or /metrics that is not 200, if there is one."""
    return next((answer for answer in shed.others if answer.status != 200), None)


def _other_status(shed: Shed) -> bool:
    return any(answer.status not in (200, SHED) for answer in shed.predictions)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Predictions sent as many at once as the limit allows, again and again until all were accepted or time is over."""

    accepted: int
    tries: int
    seconds: float
    strange: Answer | None
    """An answer that is neither 200 nor 503, if there was one."""

    @property
    def is_complete(self) -> bool:
        """Whether as many as the limit allows were accepted together."""
        return self.accepted == LIMIT


async def recovered(program: Program, payloads: Payloads) -> Recovery:
    """Whether all places are free again within `RECOVERY_S`: that many at once are accepted."""
    began = time.monotonic()
    tries = 0
    while True:
        timeline = await program.burst(payloads.predictions(LIMIT), BURST_LIMIT_S)
        tries += 1
        accepted = sum(answer.status == 200 for answer in timeline.answers)
        spent_s = time.monotonic() - began
        if accepted == LIMIT or (spent_s > RECOVERY_S and tries >= LEAST_TRIES):
            strange = next((a for a in timeline.answers if a.status not in (200, SHED)), None)
            return Recovery(accepted, tries, spent_s, strange)
