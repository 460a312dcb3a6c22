"""Which exercise is open: a pure function of what was verified on these very files.

`.lab/verified.json` remembers, per check, the fingerprint under which it passed. It is disposable: without it the
earlier exercises are graded again. It is never trusted for grading somebody else's work.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from graders.curriculum import EXERCISES, Exercise
from graders.files import write_atomically
from graders.submission import Submission
from graders.verdict import Check, Outcome, State

Verified = Mapping[str, Mapping[str, object]]
"""Check ("exercise1.health") to its record: fingerprint, figure."""


def fingerprints(submission: Submission, suite: str, exercises: Iterable[Exercise] = EXERCISES) -> dict[str, str]:
    """Per exercise, what its verdicts depend on: the learner's files and the suite (a digest)."""
    return {e.id: f"{submission.fingerprint(e.files)}-{suite[:16]}" for e in exercises}


def key(check: Check) -> str:
    """The name of a check among all exercises."""
    return f"{check.exercise}.{check.id}"


def is_verified(exercise: Exercise, verified: Verified, prints: Mapping[str, str]) -> bool:
    """Whether every check of the exercise, bonus aside, passed on these very files."""
    return all(
        verified.get(key(check), {}).get("fingerprint") == prints[exercise.id]
        for check in exercise.checks
        if not check.bonus
    )


@dataclass(frozen=True, slots=True)
class Lock:
    """Why an exercise is closed: the first earlier exercise that is not passed, and what is missing there."""

    exercise: Exercise
    missing: int

    @property
    def text(self) -> str:
        """One sentence for the learner."""
        checks = "one check is" if self.missing == 1 else f"{self.missing} checks are"
        return f"opens when {self.exercise.id} passes; {checks} missing there: uv run pytest -k {self.exercise.id}"


def lock_of(
    exercise: Exercise, states: Mapping[str, State], exercises: tuple[Exercise, ...] = EXERCISES
) -> Lock | None:
    """What keeps an exercise closed, given each check's state ("exercise1.health"); `None` if it is open.

    A check without a state has not passed. A check that nothing here can judge does not lock.
    """
    for earlier in exercises:
        if earlier.number >= exercise.number:
            return None
        missing = [
            check
            for check in earlier.checks
            if not check.bonus and states.get(key(check)) not in (State.PASSED, State.NOT_RUN)
        ]
        if missing:
            return Lock(earlier, len(missing))
    return None


class Memory:
    """The remembered verdicts, on disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "verified.json"

    def read(self) -> dict[str, dict[str, object]]:
        """What is remembered; nothing where the file is missing or spoilt."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {name: record for name, record in found.items() if isinstance(record, dict)}

    def write(self, outcomes: Mapping[Check, Outcome], prints: Mapping[str, str]) -> None:
        """Remember what passed and forget what failed; a full disk costs the memory and nothing else."""
        verified = self.read()
        for check, outcome in outcomes.items():
            if outcome.state is State.PASSED:
                verified[key(check)] = {"fingerprint": prints[check.exercise], "figure": outcome.figure}
            elif outcome.state is State.FAILED:
                verified.pop(key(check), None)
        with contextlib.suppress(OSError):
            write_atomically(self._path, json.dumps(verified, indent=1))

    def forget(self) -> None:
        """Grade everything anew next time."""
        self._path.unlink(missing_ok=True)
