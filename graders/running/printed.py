"""What a program printed before it died or answered 500, cut down to what its author can use."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from graders.files import read_regular

FRAME = re.compile(r'^[\s|]*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
TAIL_BYTES = 64 * 2**10


def tail(output: Path, since: int = 0, until: int | None = None) -> str:
    """The end of what was printed to a file, at most 64 KiB, from a place on and up to another one."""
    return read_regular(output, TAIL_BYTES, since, until).decode(errors="replace")


def traceback_in(text: str, root: Path) -> tuple[str, str | None] | None:
    """The last traceback in a text: the frames below `root` with the exception, and the innermost place.

    `None` where there is no traceback. The place is `None` where no frame is below the root.
    """
    _, found, last = text.rpartition("Traceback (most recent call last):")
    if not found:
        return None
    lines = last.splitlines()
    shown: list[str] = []
    place = None
    error = ""
    for at, line in enumerate(lines):
        if frame := FRAME.match(line):
            if (file := _below(frame["file"], root)) is not None:
                place = f"{file}, line {frame['line']}"
                code = lines[at + 1].strip(" |") if at + 1 < len(lines) else ""
                shown += [f"  {place}" + (f", in {frame['function']}" if frame["function"] else ""), f"      {code}"]
        elif line.strip(" |+-") and not line.strip("|").startswith("  "):
            error = line.strip(" |")
            break
    shown = shown[-12:]
    return "\n".join([*shown, error] if error else shown), place


def last_lines(text: str, count: int = 6) -> str:
    """The last few lines of a text, indented, under a heading; empty where nothing was printed."""
    lines = [line for line in text.strip().splitlines() if line.strip()][-count:]
    return "\nthe last it printed:\n" + "\n".join(f"    {line[:160]}" for line in lines) if lines else ""


def _below(file: str, root: Path) -> str | None:
    with contextlib.suppress(ValueError, OSError):
        relative = Path(file).resolve().relative_to(root)
        return relative.as_posix()
    return None
