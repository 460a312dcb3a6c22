"""`lab grade`: many submissions, one gradebook."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import typer
from rich.console import Console

from graders.classroom.gradebook import ColumnError, parse_columns
from graders.classroom.ledger import BusyError, DiskFullError
from graders.classroom.levels import UnavailableError
from graders.classroom.pool import NoClusterError
from graders.classroom.progress import Display
from graders.classroom.run import Graded, Options, grade_class, totals
from graders.commands.common import chosen_exercises, stop
from graders.curriculum import LAB
from graders.grading import state_folder
from graders.reporting.reports import FORMATS
from graders.running.launcher import Launcher
from graders.running.packages import Packages

NEEDS_A_LOOK, STOPPED_EARLY = 1, 3


def grade(
    paths: list[Path],
    out: Path,
    jobs: int | None,
    timeout_s: float,
    isolate: str,
    exercises: str | None,
    scheduler: str | None,
    columns: str | None,
    reports: list[str],
) -> None:
    """Grade every submission in the paths; the exit code is 0 if all were graded, 1 if some need a look."""
    if sys.platform != "linux":
        stop("lab grade runs on Linux: it depends on what that system offers to keep submissions apart.")
    if unknown := [name for name in reports if name not in FORMATS]:
        stop(f"--report {unknown[0]}: there is no such format; there are {', '.join(FORMATS)}.")
    if missing := next((path for path in paths if not path.exists()), None):
        stop(f"{missing}: there is no such folder or file. Nothing was graded; check the path.")
    if out.exists() and not out.is_dir():
        stop(f"--out {out}: is a file; name the folder for the gradebook and the reports.")
    try:
        options = Options(
            tuple(paths),
            out.absolute(),
            chosen_exercises(exercises),
            isolate,
            timeout_s,
            jobs,
            scheduler,
            parse_columns(columns) if columns else {},
            state_folder(LAB),
            reports=tuple(reports),
        )
    except ColumnError as error:
        stop(str(error))
    if troubles := asyncio.run(broken_packages(options.state)):
        told = "\n".join(f"  {name}: {why}" for name, why in troubles.items())
        stop(f"The lab's own packages do not import, so nothing would be graded fairly:\n{told}\nTry: uv sync")
    display = Display(Console(highlight=False, markup=False, emoji=False))
    try:
        graded = grade_class(options, display)
    except (UnavailableError, NoClusterError, BusyError, DiskFullError) as error:
        stop(str(error))
    except OSError as error:
        stop(f"{out}: {error.strerror or error}")
    finally:
        display.end()
    raise typer.Exit(_tell(graded, options))


async def broken_packages(state: Path) -> dict[str, str]:
    """Try once what each grading would otherwise try again: whether the lab's packages import."""
    with Launcher() as launcher:
        packages = Packages(launcher, state)
        packages.start()
        return await packages.broken()


def _tell(graded: Graded, options: Options) -> int:
    out = Console(highlight=False, markup=False, emoji=False)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(totals(graded.entries).items()))
    out.print(f"{counts or 'nothing to grade'}", soft_wrap=True)
    for entry in [e for e in graded.troubled if e.why][:20]:
        out.print(f"  {entry.student}: {entry.status}: {entry.why}", soft_wrap=True)
    for name in ("gradebook.html", "gradebook.csv", *(["gradebook-columns.csv"] if options.columns else [])):
        out.print(f"  {options.out / name}", soft_wrap=True)
    if graded.stopped:
        out.print(f"stopped early: {graded.stopped}", style="red", soft_wrap=True)
        return STOPPED_EARLY
    return NEEDS_A_LOOK if graded.troubled else 0
