"""`lab`: where the learner is."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from graders.commands.common import card, console, current_exercise, find_submission, grading_of
from graders.curriculum import EXERCISES
from graders.verdict import State


def show_progress(folder: Path | None) -> None:
    """Print the path of exercises, what is verified on the files at hand, and the next step."""
    grading = grading_of(find_submission(folder))
    current = current_exercise(grading)
    shown, done = card(), grading.is_trusted(current)
    lines: list[Text] = [Text.assemble(("Inference Lab", "bold")), Text()]
    for exercise in EXERCISES:
        passed = grading.is_trusted(exercise)
        total = len([c for c in exercise.checks if not c.bonus])
        if passed:
            mark, note = shown.mark(State.PASSED), f"{total} of {total} checks pass"
        elif exercise == current:
            verified = grading.verified_in(exercise)
            mark = Text("▶" if not shown.is_plain else ">", "bold cyan")
            note = f"{verified} of {total} checks passed on these files" if verified else f"{total} checks, open"
        else:
            mark, note = shown.mark(State.LOCKED), "locked"
        name = f"exercise {exercise.number}  {exercise.title}"
        lines.append(
            Text.assemble("  ", mark, f" {name:44}", (note, "dim" if exercise.number > current.number else ""))
        )
    lines.append(Text())
    if done:
        lines.append(Text("All of it passes on these files.", "bold green"))
    else:
        lines += [
            Text.assemble(("Next: ", "bold"), f"read {current.reading}"),
            Text(f"  run  uv run pytest -k {current.id}"),
            Text("  or   uv run lab watch      grade at every save"),
            Text("       uv run lab hint       help with the next check"),
        ]
    console().print(*lines, sep="\n")
