"""Which processes do the computing: processor time from the system, calls from MODEL_LOG, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.measuring.timeline import Answer
from graders.measuring.tuning_pictures import Share, Shares
from graders.running import processes
from graders.running.model_log import by_process

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

AT_ONCE = 3
MOST_ROUNDS = 16
LEAST_S = 0.025  # processor time is counted in hundredths of a second
LEAST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Burned:
    """What CPU-bound predictions did to the processes of a program: the time each used, the calls each made."""

    cpu_s: Mapping[int, float]
    calls: Mapping[int, int]
    answers: tuple[Answer, ...]

    @property
    def burners(self) -> tuple[int, ...]:
        """The processes that called the model and used the processor time that their calls cost."""
        total, calls = sum(self.cpu_s.values()), sum(self.calls.values())
        return tuple(
            pid
            for pid, count in self.calls.items()
            if self.cpu_s.get(pid, 0.0) >= max(LEAST_S, LEAST_SHARE * total * count / max(calls, 1))
        )

    @property
    def picture(self) -> Shares:
        """A row for each process that did anything."""
        pids = [pid for pid, used in self.cpu_s.items() if used >= LEAST_S or pid in self.calls]
        rows = (Share(self.calls.get(pid, 0), round(self.cpu_s.get(pid, 0.0), 3)) for pid in pids)
        return Shares(tuple(sorted(rows, key=lambda row: -row.cpu_s)))


async def burn(program: Program, payloads: Payloads, wanted: int) -> Burned:
    """Send CPU-bound predictions on fresh connections until `wanted` processes have done some, or many were sent.

    Raises `Unmet` where one is not answered 200.
    """
    await program.ready()
    mark = program.model_log.mark()
    before, ended_before_s = processes.cpu_s(program.processes()), processes.ended_children_s(program.processes())
    seen: dict[int, float] = {}  # a process may end before the last look
    ids: dict[int, int] = {}
    answers: list[Answer] = []
    burned = Burned({}, {}, ())
    for _ in range(MOST_ROUNDS):
        answers += await asyncio.gather(
            *(program.ask_200("POST", "/predict/cpu", payloads.fresh()) for _ in range(AT_ONCE))
        )
        tree = program.processes()
        seen |= processes.cpu_s(tree)
        ids |= processes.own_ids(tree)
        calls = by_process(program.model_log.since(mark, "infer"))
        here = {ids.get(pid, pid): count for pid, count in calls.items()}
        used = processes.shares(before, seen)
        used |= _of_ended(here, used, processes.ended_children_s(tree) - ended_before_s)
        burned = Burned(used, here, tuple(answers))
        if len(burned.burners) >= wanted:
            break
    return burned


def _of_ended(calls: Mapping[int, int], used: Mapping[int, float], ended_s: float) -> dict[int, float]:
    """The part of each process that called the model and has ended: a process for each prediction computes, too."""
    gone = {pid: count for pid, count in calls.items() if pid not in used}
    return {pid: ended_s * count / sum(gone.values()) for pid, count in gone.items()}
