"""One run over one submission: what is graded, what is locked, what came out. Knows no pytest."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graders.curriculum import EXERCISES, Exercise, exercise
from graders.submission import Submission, suite_fingerprint
from graders.unlocking import Lock, Memory, fingerprints, is_verified, key, lock_of
from graders.verdict import OUTSIDE_RUN, Check, CheckResult, ExerciseResult, Outcome, ReportCard, State

EXACT_NAME = re.compile(r"\bexercise(\d+)\b", re.IGNORECASE)


def exact_keyword(expression: str) -> str:
    """Turn each `exerciseN` of a -k expression into a word that only checks of that very exercise carry.

    pytest matches parts of names and of folder names; the word has delimiters that neither contains.
    """
    return EXACT_NAME.sub(lambda found: exercise_word(f"exercise{int(found[1])}"), expression)


def exercise_word(exercise_id: str) -> str:
    """The unmistakable keyword of an exercise."""
    return f"lab:{exercise_id}:"


class Grading:
    """The state of a run: selected checks, earlier ones that they need, outcomes as they arrive."""

    def __init__(self, submission: Submission, memory: Memory) -> None:
        self.submission = submission
        self._memory = memory
        self._prints = fingerprints(submission, suite_fingerprint())
        self._verified = memory.read()
        self._order: list[Check] = []
        self.outcomes: dict[Check, Outcome] = {}
        self.facts: dict[str, Any] = {}

    def plan(self, selected: Iterable[Check]) -> list[Check]:
        """The checks to run for these, in order: unverified earlier exercises come first, whole."""
        wanted = set(selected)
        last = max((exercise(c.exercise).number for c in wanted), default=-1)
        for earlier in EXERCISES:
            if earlier.number < last and not is_verified(earlier, self._verified, self._prints):
                wanted |= {c for c in earlier.checks if not c.bonus}
        self._order = [c for e in EXERCISES for c in e.checks if c in wanted]
        return list(self._order)

    @property
    def graded(self) -> list[str]:
        """The exercises that this run grades, in order."""
        return list(dict.fromkeys(check.exercise for check in self._order))

    @property
    def left_open(self) -> Exercise | None:
        """The first exercise of which this run grades a part only, while the rest has not passed on these files."""
        for of in map(exercise, self.graded):
            if not all(check in self._order or check.bonus or self.has_passed(check) for check in of.checks):
                return of
        return None

    def is_trusted(self, of: Exercise) -> bool:
        """Whether the exercise passed earlier on these very files and is not graded again."""
        return of.id not in self.graded and is_verified(of, self._verified, self._prints)

    def has_passed(self, check: Check) -> bool:
        """Whether the check passed earlier on these very files."""
        return self._verified.get(key(check), {}).get("fingerprint") == self._prints[check.exercise]

    def verified_in(self, of: Exercise) -> int:
        """How many of an exercise's checks, bonus aside, passed earlier on these very files."""
        return sum(self.has_passed(check) for check in of.checks if not check.bonus)

    def lock(self, check: Check) -> Lock | None:
        """What keeps a check closed right now; `None` if it is open."""
        states = {key(c): o.state for c, o in self.outcomes.items()}
        for earlier in EXERCISES:
            if self.is_trusted(earlier):
                states |= {key(c): State.PASSED for c in earlier.checks if not c.bonus}
        return lock_of(exercise(check.exercise), states)

    def record(self, check: Check, outcome: Outcome) -> None:
        """Note what came of a check."""
        self.outcomes[check] = outcome

    def remember(self) -> None:
        """Keep this run's verdicts for the next one."""
        self._memory.write(self.outcomes, self._prints)

    def card(self) -> ReportCard:
        """The report card as of now; checks that the run has not reached are inconclusive."""
        exercises = tuple(
            ExerciseResult(e.id, e.title, tuple(self._result(e, check) for check in e.checks)) for e in EXERCISES
        )
        return ReportCard(self.submission.name, exercises, environment() | self.facts)

    def _result(self, of: Exercise, check: Check) -> CheckResult:
        hints = of.hints.get(check.id)
        hint = f"{hints.hints[0]} (lessons/{hints.lesson})" if hints else ""
        return CheckResult(check, self.outcomes.get(check) or self._not_graded(of, check), hint)

    def _not_graded(self, of: Exercise, check: Check) -> Outcome:
        if check in self._order:
            return Outcome(State.INCONCLUSIVE, "the run ended before this check was graded")
        if self.is_trusted(of) and not check.bonus:
            figure = str(self._verified.get(key(check), {}).get("figure", ""))
            return Outcome(State.PASSED, "passed earlier on these very files", figure)
        return Outcome(State.NOT_RUN, OUTSIDE_RUN)


def environment() -> dict[str, Any]:
    """Facts about this machine that a reader of the report may need."""
    packages = ("fastapi", "uvicorn", "httpx", "pytest")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": usable_cores(),
        "versions": {name: found for name in packages if (found := _version(name))},
        "isolation": "process",
    }


def usable_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def state_folder(lab: Path) -> Path:
    """Where the lab keeps what it can lose."""
    return Path(os.environ.get("LAB_STATE") or lab / ".lab")
