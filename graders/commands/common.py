"""What the commands share: finding the submission, the current exercise, and saying things."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from graders.curriculum import EXERCISES, LAB, Exercise
from graders.grading import Grading, state_folder
from graders.reporting.terminal import Card
from graders.submission import NoSubmissionError, Submission
from graders.unlocking import Memory


def console() -> Console:
    """The terminal, with nothing interpreted that a learner wrote."""
    return Console(highlight=False, markup=False, emoji=False)


def card() -> Card:
    """A renderer that fits the terminal."""
    terminal = console()
    plain = "utf" not in (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return Card(width=terminal.width, colour=terminal.is_terminal and not terminal.no_color, plain=plain)


def stop(message: str) -> NoReturn:
    """End with a clear message: what, why, what to do."""
    Console(stderr=True, highlight=False, markup=False, emoji=False).print(message, style="red", soft_wrap=True)
    raise typer.Exit(2)


def find_submission(folder: Path | None) -> Submission:
    """The submission in a folder, this repository's by default."""
    try:
        return Submission.at(folder or LAB)
    except NoSubmissionError as error:
        stop(str(error))


def find_exercise(text: str) -> Exercise:
    """`exercise1` or `1`."""
    digits = re.fullmatch(r"(?:exercise)?(\d+)", text.strip().lower())
    for exercise in EXERCISES:
        if digits and exercise.number == int(digits[1]):
            return exercise
    stop(f"{text}: there is no such exercise; there are {', '.join(e.id for e in EXERCISES)}.")


def chosen_exercises(text: str | None) -> tuple[str, ...]:
    """`1,2` or `exercise1,exercise2`: their ids, in order; all that give points where nothing is said."""
    known = tuple(e.id for e in EXERCISES if e.number > 0)
    if not text:
        return known
    wanted = {find_exercise(word).id for word in text.split(",")}
    chosen = tuple(name for name in known if name in wanted)
    if not chosen:
        stop(f"--exercises {text}: exercise0 gives no points; choose from {', '.join(known)}.")
    return chosen


def grading_of(submission: Submission) -> Grading:
    """What is remembered of a submission, on these very files."""
    return Grading(submission, Memory(state_folder(LAB)))


def current_exercise(grading: Grading, first: int = 0) -> Exercise:
    """The first exercise, from number `first` on, that has not passed on these very files; else the last one."""
    return next((e for e in EXERCISES if e.number >= first and not grading.is_trusted(e)), EXERCISES[-1])
