"""`lab solution`: the learner's files beside the reference."""

from __future__ import annotations

import difflib
from pathlib import Path

from rich.text import Text

from graders.commands.common import console, find_exercise, find_submission, grading_of, stop
from graders.curriculum import SOLUTIONS


def show_solution(name: str, force: bool, folder: Path | None) -> None:
    """Print what would have to change in the learner's files to become the reference's; nothing is written."""
    exercise, submission = find_exercise(name), find_submission(folder)
    if not force and not grading_of(submission).is_trusted(exercise):
        stop(
            f"{exercise.id} has not passed on these files yet. The reference is for comparing afterwards.\n"
            f"Stuck? uv run lab hint. To see it all the same: uv run lab solution {exercise.id} --force"
        )
    reference = SOLUTIONS / exercise.id
    files = sorted(p for p in reference.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    if not files:
        stop(f"{exercise.id} needs no solution: the skeleton passes it.")
    out = console()
    for path in files:
        relative = path.relative_to(reference).as_posix()
        yours = _lines(submission.root / relative)
        changes = list(
            difflib.unified_diff(yours, _lines(path), f"yours/{relative}", f"reference/{relative}", lineterm="")
        )
        for line in changes or [f"{relative}: the same as the reference"]:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            out.print(Text(line, style), soft_wrap=True)
        out.print()
    out.print("Another way that passes is as right as this one.")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
