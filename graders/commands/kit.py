"""`lab gradescope-kit`: the autograder zip for a Gradescope assignment."""

from __future__ import annotations

from pathlib import Path

from graders.classroom.kit import kit, max_points
from graders.commands.common import chosen_exercises, console, stop


def write_kit(out: Path, exercises: str | None) -> None:
    """Write the zip and say what to set in the assignment."""
    chosen = chosen_exercises(exercises)
    try:
        out.write_bytes(kit(chosen))
    except OSError as error:
        stop(f"--out {out}: {error.strerror or error}; name a zip file in a folder that exists.")
    whole, without_engine = max_points(chosen)
    shown = console()
    shown.print(f"{out}: upload it under Configure Autograder; base image Ubuntu 22.04 or newer.", soft_wrap=True)
    shown.print(f"Autograder points: {without_engine} (bonus points come on top).", soft_wrap=True)
    if without_engine < whole:
        left = whole - without_engine
        shown.print(f"The other {left} need a container engine, which Gradescope has not; they are not counted there.")
    shown.print("Container: 1 CPU and 1.5 GB or more; with less, checks that look at the clock stay unclear.")
