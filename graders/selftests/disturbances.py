"""A pytest plugin for the lab's own tests: spoils what the live judge measures, as a busy machine would.

Loaded by name into a graded run (`PYTEST_PLUGINS`). Nothing here waits or computes: only measurements change. Answers
seem late, threads go uncounted, crowds come in slowly, and the reference service is late as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graders.measuring import attempts, ledger
from graders.measuring.sandwich import Latency
from graders.measuring.timeline import Answer, Timeline
from graders.measuring.wire import Request
from graders.running import processes, quiet, traffic
from graders.running.program import Program
from graders.running.tuning import batches, faults

LATE_MS = 400.0
LATE_S = 0.4
APART_S = 0.02

_latencies = ledger.latencies
_burst = Program.burst
_ask = Program.ask
_once = faults._once


def late_latencies(*arguments: Any) -> list[Latency]:
    """What a client saw that was held up itself: the bounds are right, and wide."""
    return [replace(latency, high_ms=latency.high_ms + LATE_MS) for latency in _latencies(*arguments)]


def nobody_together(exchanges: Any) -> int:
    """Requests that came in one by one."""
    return 1


async def late_burst(self: Program, requests: Sequence[Request], limit_s: float, crowd: Any = None) -> Timeline:
    """All answers but the first prediction are late; batched predictions come in one after another."""
    if requests[0].path == batches.PATH:
        slowly = [replace(request, at_s=place * APART_S) for place, request in enumerate(requests)]
        return await _burst(self, slowly, limit_s, crowd)
    timeline = await _burst(self, requests, limit_s, crowd)
    predicted = [a for a in timeline.answers if a.label.startswith("POST") and a.status == 200]
    first = min(predicted, key=lambda answer: answer.done_s or LATE_S, default=None)
    return replace(timeline, answers=tuple(a if a is first else _late(a) for a in timeline.answers))


def _late(answer: Answer) -> Answer:
    return answer if answer.done_s is None else replace(answer, done_s=answer.done_s + LATE_S)


async def late_answer(self: Program, method: str, path: str, json: Any = None, **options: Any) -> Answer:
    """A single request, too."""
    return _late(await _ask(self, method, path, json, **options))


async def late_store(program: Program, payloads: Any, fault: faults.Fault) -> faults.Told:
    """A store whose answers were held up on their way."""
    told = await _once(program, payloads, fault)
    is_slow = fault.status == 200 and fault.reply.delay_s > 0
    return replace(told, answer=replace(told.answer, status=504)) if is_slow else told


async def late_reference(self: quiet.Machine, within_s: float, requests: list[Request]) -> bool:
    """The machine is busy."""
    return False


vars(traffic)["latencies"] = late_latencies
ledger.most_in_flight = nobody_together
Program.burst = late_burst  # type: ignore[method-assign]
Program.ask = late_answer  # type: ignore[method-assign]
faults._once = late_store
quiet.Machine.answers_within = late_reference  # type: ignore[method-assign]
processes.threads = lambda pid: 1
assert attempts.decide.__kwdefaults__ is not None
attempts.decide.__kwdefaults__["budget_s"] = 0.2
