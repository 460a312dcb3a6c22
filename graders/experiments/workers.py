"""Experiment 4a: the same CPU-bound load at one worker, at two, at one for each core, and at more than there are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from graders.expect import Picture
from graders.experiments.load import HERE, closed_loop, percentile_ms
from graders.experiments.shape import Question, Tell
from graders.grading import usable_cores
from graders.measuring.tuning_pictures import Rate, Rates
from graders.running import processes
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.running.tuning.answering import settled
from graders.submission import Submission

USERS_PER_WORKER = 2
LEAST_USERS = 8
FOR_S = 2.5
MOST_WORKERS = 16
"""Each of them imports the framework anew: more would take longer to start than to measure."""

ALIKE = 1.3
"""Figures that differ by a smaller factor are called the same."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What so many workers did; `cores` are those that this machine lets them use."""

    workers: int
    cores: int
    per_s: float
    p50_ms: float
    p95_ms: float
    busy_cores: float

    @property
    def name(self) -> str:
        """How the row is called."""
        return _name(self.workers)


def counts() -> tuple[int, ...]:
    """1, 2, one for each usable core; and 4 on less than four cores, where they have to take turns."""
    return tuple(sorted({1, 2, 4, min(usable_cores(), MOST_WORKERS)}))


def questions() -> tuple[Question[Measured], ...]:
    """One for each number of workers."""

    def asked(count: int) -> Question[Measured]:
        return Question(
            _name(count), "/s", lambda rows: next((row.per_s for row in rows if row.workers == count), None)
        )

    return tuple(asked(count) for count in counts())


async def measure(launcher: Launcher, tell: Tell) -> AsyncGenerator[Measured, None]:
    """A row for each number of workers: users on fresh connections for 2.5 s, at least two for each worker."""
    users = max(LEAST_USERS, USERS_PER_WORKER * max(counts()))
    for count in counts():
        tell(f"{_name(count)}: {users} users for {FOR_S:g} s")
        program = Program(launcher, Submission.at(HERE / "one_service"), {"WEB_CONCURRENCY": str(count)})
        try:
            await program.ready()
            await settled(program)
            before = processes.cpu_s(program.processes())
            served = await closed_loop(program, "/compute", users, FOR_S, fresh=True)
            spent = processes.shares(before, processes.cpu_s(program.processes()))
        finally:
            await program.end()
        lasted_s = max(one.due_s + (one.latency_s or 0.0) for one in served)
        answered = [one for one in served if one.status == 200]
        yield Measured(
            count,
            usable_cores(),
            round(len(answered) / lasted_s, 1),
            round(percentile_ms(answered, 50), 1),
            round(percentile_ms(answered, 95), 1),
            round(sum(spent.values()) / lasted_s, 2),
        )


def _name(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def pictures(rows: Sequence[Measured]) -> list[Picture]:
    """Throughput, latency and processor time, a row for each number of workers."""
    return [Rates("", tuple(Rate(r.name, r.per_s, r.p50_ms, r.p95_ms, f"{r.busy_cores:.1f} cores busy") for r in rows))]


def says(rows: Sequence[Measured]) -> str:
    """What a busy core gave, what more workers brought on as many cores as there are, and where the rest went."""
    first, cores = rows[0], rows[0].cores
    each = [row.per_s / row.busy_cores for row in rows if row.busy_cores > 0]
    full = [row for row in rows if row.workers <= cores][-1]
    on = "1 core" if cores == 1 else f"{cores} cores"
    most, ratios = rows[-1], []
    lead = "Workers make no cores"
    if full is not first:
        ratio = full.per_s / max(first.per_s, 0.1)
        helped = ratio >= ALIKE and full.busy_cores > 1  # one worker cannot use more than one core
        lead = "Workers make cores count, and make none" if helped else "Others held the cores, so more did not help"
        ratios.append(f"{full.name} did {ratio:.1f} times what 1 worker did")
    if most.workers > cores:
        ratios.append(f"{most.name} on {on} {most.per_s / max(full.per_s, 0.1):.1f} times what {full.name} did")
    text = f"{lead}: {', and '.join(ratios)}"
    if each and max(each) < ALIKE * min(each):
        text += f", while a busy core always gave {min(each):.0f} to {max(each):.0f} answers a second"
    if (others := min(full.workers, cores) - full.busy_cores) >= 0.2:
        text += f"; {others:.1f} of {on} went to others: to the load itself, and to whatever else was running"
    return f"{text}."
