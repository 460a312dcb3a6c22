"""`lab doctor`: what the lab needs of this machine, what is there, and what to do about what is not."""

from __future__ import annotations

import typer
from rich.text import Text

from graders.commands.checkup import Health, findings
from graders.commands.common import card, console
from graders.verdict import State

MARKS = {Health.GOOD: State.PASSED, Health.LIMITED: State.INCONCLUSIVE, Health.BAD: State.FAILED}
WORDS = {
    Health.GOOD: "All of it is as the lab needs it. Next: uv run pytest -k exercise1",
    Health.LIMITED: "The lab works here; what has a question mark limits a part of it.",
    Health.BAD: "Something keeps the lab from working: begin with what has a cross.",
}


def examine() -> None:
    """Print every finding as it is made; exit code 1 where one keeps the lab from working."""
    out, shown = console(), card()
    seen = set()
    for finding in findings():
        seen.add(finding.health)
        line = Text.assemble("  ", shown.mark(MARKS[finding.health]), f" {finding.name:12}", finding.found)
        out.print(line, soft_wrap=True)
        if finding.advice:
            out.print(Text(f"{'':16}{finding.advice}", "cyan"), soft_wrap=True)
    worst = next(health for health in (Health.BAD, Health.LIMITED, Health.GOOD) if health in seen)
    out.print(Text(f"\n{WORDS[worst]}", "bold"), soft_wrap=True)
    if worst is Health.BAD:
        raise typer.Exit(1)
