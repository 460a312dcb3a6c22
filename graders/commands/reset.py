"""`lab reset`: the files of one exercise as they were at first; the learner's go to a backup, nothing is deleted."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import typer

from graders.commands.common import console, find_exercise, stop
from graders.curriculum import EXERCISES, LAB, SKELETON, Exercise
from graders.files import write_atomically
from graders.grading import state_folder


def reset(files: list[Path], exercise: str, yes: bool) -> None:
    """Put files of an exercise back to the skeleton, after copying the learner's to `.lab/backups/`."""
    of, out = find_exercise(exercise), console()
    wanted = [_relative(path) for path in files] or list(of.edits)
    if not wanted:
        out.print(f"{of.id} has no files of yours; nothing to do.")
        return
    for name in wanted:
        if not (SKELETON / name).is_file():
            stop(f"{name}: is no file of the skeleton. It has {', '.join(_skeleton_files())}.")
    changed = [name for name in wanted if _content(LAB / name) != _content(SKELETON / name)]
    if not changed:
        out.print(f"Nothing to do: {', '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} as in the skeleton.")
        return
    if not yes:
        for sentence in filter(None, (_shared(name, None if files else of) for name in changed)):
            out.print(sentence)
        if not typer.confirm(f"Put {', '.join(changed)} back to the skeleton (yours is kept in a backup)?"):
            out.print("Nothing was changed.")
            return
    backup = state_folder(LAB) / "backups" / datetime.now().astimezone().strftime("%Y-%m-%d_%H%M%S_%f")
    try:
        for name in changed:
            if (LAB / name).is_file():
                (backup / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(LAB / name, backup / name)
    except OSError as error:
        stop(f"{backup}: your version could not be kept there ({error.strerror or error}), so nothing was changed.")
    for name in changed:
        try:
            write_atomically(LAB / name, (SKELETON / name).read_text(encoding="utf-8"))
        except OSError as error:
            stop(f"{name}: could not be written ({error.strerror or error}). Your version is in {backup}.")
        out.print(f"{name}: the skeleton again")
    if backup.is_dir():
        out.print(f"Your own version is in {backup.relative_to(LAB) if backup.is_relative_to(LAB) else backup}")


def _shared(name: str, of: Exercise | None) -> str:
    """Which exercises lose their work in a file as well, if it goes back for one, or for none in particular.

    Whether a later one has been begun nobody knows: the file alone does not tell.
    """
    editing = [e for e in EXERCISES if name in e.edits]
    if of is None:
        return f"{name} holds your work of {_listed(editing)}." if len(editing) > 1 else ""
    earlier = [e for e in editing if e.number < of.number]
    later = [e for e in editing if e.number > of.number]
    told = [_listed(earlier)] if earlier else []
    if later:
        told.append(f"{_listed(later)}, if you have begun {'it' if len(later) == 1 else 'them'}")
    return f"{name} also holds your work of {', and of '.join(told)}." if told else ""


def _listed(exercises: list[Exercise]) -> str:
    *others, last = (str(e.number) for e in exercises)
    return f"exercises {', '.join(others)} and {last}" if others else f"exercise {last}"


def _relative(path: Path) -> str:
    full = (Path.cwd() / path).resolve()
    if not full.is_relative_to(LAB):
        stop(f"{path}: is outside of this repository; reset knows only its own skeleton.")
    return full.relative_to(LAB).as_posix()


def _skeleton_files() -> list[str]:
    files = (p for p in SKELETON.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sorted(p.relative_to(SKELETON).as_posix() for p in files)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
