"""Three kinds of trouble, three voices: the learner's mistake, the machine's noise, the lab's own fault."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

from graders.curriculum import LAB
from graders.expect import Expect, Inconclusive, NotRun, Unmet
from graders.tame import tame, tame_data
from graders.verdict import Outcome, State


class LockedError(Exception):
    """The exercise is not open yet; the message says what opens it."""


def outcome_of(error: BaseException | None, notes: Expect, seconds: float) -> Outcome:
    """What an exception (or none) out of a test function means, with what the test noted on its way.

    What of it comes from the learner's program is tamed: it will be printed, written and shown on a page.
    """
    told = _outcome_of(error, notes, seconds)
    evidence = tame_data(dict(told.evidence))
    return replace(told, message=tame(told.message), figure=tame(told.figure, 200), evidence=evidence)


def _outcome_of(error: BaseException | None, notes: Expect, seconds: float) -> Outcome:
    evidence = dict(notes.evidence)
    for picture in notes.pictures:
        evidence["timeline"] = picture.to_json()
    match error:
        case None:
            return Outcome(State.PASSED, "", notes.figure, "", evidence, seconds)
        case Unmet():
            evidence |= {"did": error.did, "saw": error.saw, "wanted": error.wanted, "look_at": error.look_at}
            return Outcome(State.FAILED, error.text, notes.figure, error.cause, evidence, seconds)
        case LockedError():
            return Outcome(State.LOCKED, str(error))
        case NotRun():
            return Outcome(State.NOT_RUN, str(error), evidence=evidence)
        case Inconclusive():
            return Outcome(State.INCONCLUSIVE, str(error), notes.figure, "", evidence, seconds)
    return Outcome(State.INCONCLUSIVE, grader_fault(error), "", "grader", evidence, seconds)


def grader_fault(error: BaseException) -> str:
    """The lab's own trouble in two sentences: what, where, and that it costs nothing."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(LAB / "graders")]
    where = f" ({Path(ours[-1].filename).relative_to(LAB).as_posix()}, line {ours[-1].lineno})" if ours else ""
    return (
        f"the lab itself broke here: {type(error).__name__}: {error}{where}\n"
        "This is a fault of the lab, not of your work. Please report it with this message."
    )
