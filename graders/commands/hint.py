"""`lab hint`: help with one check, from vague to plain, a level further each time."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from rich.text import Text

from graders.commands.common import console, current_exercise, find_submission, grading_of, stop
from graders.curriculum import EXERCISES, LAB, Exercise
from graders.files import write_atomically
from graders.grading import Grading, state_folder
from graders.verdict import Check


def show_hint(name: str | None, level: int | None, folder: Path | None) -> None:
    """Print the next hint to a check (by default the first that has not passed), or why it works if it has."""
    grading = grading_of(find_submission(folder))
    exercise, check = _find(name, grading)
    hints = exercise.hints.get(check.id)
    if hints is None:
        stop(f"{check.id}: the lab has no hint for it; see lessons/{exercise.lesson.name}.")
    out = console()
    out.print(Text.assemble((check.id, "bold"), f"  {check.title}"))
    if grading.has_passed(check) and level is None:
        out.print(Text(f"\nIt passes. Why it works: {hints.why}"), soft_wrap=True)
        return
    memory = state_folder(LAB) / "hints.json"
    seen = _read(memory)
    key = f"{exercise.id}.{check.id}"
    shown = level or min(3, seen.get(key, 0) + 1)
    out.print()
    for number, text in enumerate(hints.hints[:shown], 1):
        out.print(Text.assemble((f"{number}. ", "cyan"), text), soft_wrap=True)
    out.print(f"\nread  lessons/{hints.lesson}")
    if shown < len(hints.hints):
        out.print(f"more  uv run lab hint {check.id}")
    else:
        out.print("That was the plainest hint. To see the reference before passing:")
        out.print(f"      uv run lab solution {exercise.id} --force")
    with contextlib.suppress(OSError):
        write_atomically(memory, json.dumps(seen | {key: max(shown, seen.get(key, 0))}))


def _find(name: str | None, grading: Grading) -> tuple[Exercise, Check]:
    if name is None:
        exercise = current_exercise(grading)
        open_checks = [c for c in exercise.checks if not c.bonus and not grading.has_passed(c)]
        return exercise, (open_checks or exercise.checks)[0]
    wanted = name.removeprefix("test_")
    found = [(e, c) for e in EXERCISES for c in e.checks if c.id == wanted]
    if not found:
        names = ", ".join(c.id for c in current_exercise(grading).checks)
        stop(f"{name}: there is no such check. The current exercise has {names}.")
    return found[0]


def _read(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, int)} if isinstance(found, dict) else {}
