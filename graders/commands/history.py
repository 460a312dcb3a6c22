"""`lab history`: the learner's own figures from run to run, with the best, and whether a change is more than noise."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from graders.commands.common import card, console, find_submission
from graders.curriculum import LAB
from graders.grading import state_folder, usable_cores
from graders.measuring.figures import Figure
from graders.measuring.trend import Change, Trend
from graders.reporting.history import History, in_words, machine, of_submission, trends

LEVELS = "▁▂▃▄▅▆▇█"
PLAIN_LEVELS = "_.-=^"
SHOWN = 24
STYLES = {Change.BETTER: "green", Change.WORSE: "red", Change.OUTSIDE: "yellow"}


def show_history(folder: Path | None) -> None:
    """Print each figure with a small curve, the latest value, the best one, and what the trend says."""
    submission = find_submission(folder)
    runs = of_submission(History(state_folder(LAB)).read(), submission.root)
    out = console()
    if not runs:
        out.print("No run yet. Each `uv run pytest -k exercise1` adds one to the history.")
        return
    here = machine(usable_cores())
    elsewhere = sum(run.machine != here for run in runs)
    since = runs[0].at.partition("T")[0]
    out.print(Text.assemble(("Your figures", "bold"), f"  {len(runs)} runs since {since}, on {here}"), soft_wrap=True)
    if elsewhere:
        out.print(f"{elsewhere} of them were made on another kind of machine and are left out.", soft_wrap=True)
    found = trends(runs, here)
    if not found:
        out.print("\nNo figure was measured yet: the first ones come with exercise 1, check takes_its_time.")
        return
    levels = PLAIN_LEVELS if card().is_plain else LEVELS
    for figure, trend in found:
        out.print()
        for line in _lines(figure, trend, levels):
            out.print(line, soft_wrap=True)
    out.print()
    out.print(Text("The same as pictures: .lab/report.html", "dim"))


def _lines(figure: Figure, found: Trend, levels: str) -> list[Text]:
    best = ("  personal best", "bold green") if found.is_best else ("", "")
    head = Text.assemble(
        (figure.title, "bold"), "  ", (figure.shown(found.latest), "cyan"), "  ", curve(found.values, levels), best
    )
    return [head, Text(f"  {in_words(figure, found)}", STYLES.get(found.change, ""))]


def curve(values: tuple[float, ...], levels: str = LEVELS) -> str:
    """The latest values as characters, the lowest one at the bottom."""
    shown = values[-SHOWN:]
    low, high = min(shown), max(shown)
    steps = len(levels) - 1
    return "".join(levels[round(steps * (value - low) / (high - low)) if high > low else steps // 2] for value in shown)
