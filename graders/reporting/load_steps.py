"""A load test drawn in plain characters: users against throughput and p95, the objective, and both breaking points."""

from __future__ import annotations

from dataclasses import dataclass

from graders.measuring.load_record import nearest_index
from graders.measuring.load_test import LoadPicture
from graders.measuring.objective import P95_OBJECTIVE_MS, LoadStep

NUMBERS = 5 + 2 + 6 + 2 + 6 + 2
MARKS = 19


@dataclass(frozen=True, slots=True)
class LoadGlyphs:
    """The characters to draw with."""

    work: str = "█"
    objective: str = "│"
    late: str = "░"
    here: str = "◀"


PRETTY = LoadGlyphs()
ASCII = LoadGlyphs(work="#", objective="|", late="-", here="<")


def load_steps(picture: LoadPicture, width: int = 84, glyphs: LoadGlyphs = PRETTY) -> list[str]:
    """Draw a load test in lines of at most `width` characters, one line for each step.

    The first bar is the throughput, the second the p95 up to the objective, in another character what lies beyond it.
    Where throughput stops growing and p95 begins to, is the knee.
    """
    if not picture.steps:
        return ["(no step was run)"]
    room = max(24, width - NUMBERS - MARKS)
    most_rps = max(step.rps for step in picture.steps) or 1.0
    most_ms = max(2 * P95_OBJECTIVE_MS, *(step.p95_ms or 0.0 for step in picture.steps))
    columns = room // 2
    limit = round(columns * P95_OBJECTIVE_MS / most_ms)
    lines = [
        f"{'users':>5}  {'requests/s':<{columns + 8}}{'p95, ms':<{limit}} {glyphs.objective} {P95_OBJECTIVE_MS:.0f} ms"
    ]
    for step, mark in zip(picture.steps, _marks(picture, glyphs), strict=True):
        throughput = glyphs.work * round(columns * step.rps / most_rps)
        p95 = _p95(step, columns, limit, most_ms, glyphs)
        lines.append(f"{step.users:>5}  {throughput:<{columns}}{step.rps:>6.1f}  {p95}  {mark}".rstrip())
    return lines


def _p95(step: LoadStep, columns: int, limit: int, most_ms: float, glyphs: LoadGlyphs) -> str:
    length = round(columns * (step.p95_ms or 0.0) / most_ms)
    within = f"{glyphs.work * min(length, limit):<{limit}}"
    beyond = glyphs.late * max(0, length - limit)
    number = "none" if step.p95_ms is None else f"{step.p95_ms:.0f}"
    failures = f" {100 * step.failure_ratio:.0f} % fail" if step.failure_ratio > 0 else ""
    return f"{within}{glyphs.objective}{beyond} {number}{failures}"


def _marks(picture: LoadPicture, glyphs: LoadGlyphs) -> list[str]:
    """Beside which step to say that it is the breaking point, and who says so."""
    reported = nearest_index(picture.steps, picture.reported)
    recorded = nearest_index(picture.steps, picture.recorded)
    found = []
    for i in range(len(picture.steps)):
        who = [name for name, where in (("your report", reported), ("the service", recorded)) if i in where]
        found.append(f"{glyphs.here} {' and '.join(who)}" if who else "")
    return found
