"""Report cards for the tests of what is made of them: every state, every kind of text."""

from __future__ import annotations

from graders.classroom.cards import empty_card
from graders.curriculum import EXERCISES
from graders.verdict import CheckResult, ExerciseResult, Outcome, ReportCard, State

HOSTILE = '</pre><script>alert(1)</script> =cmd|" /C calc"!A0 \u202e "quotes" and a\nsecond line'


def whole(state: State, message: str = "") -> ReportCard:
    """Every check of the course in one state."""
    outcome = Outcome(state, message, "0.11 s" if state is State.PASSED else "")
    return ReportCard("alice", tuple(_with(e.id, e.title, [outcome] * len(e.checks)) for e in EXERCISES))


def mixed() -> ReportCard:
    """Exercises 0 and 1 passed but for one check; all that follows locked, its last check not judged here."""
    exercises = []
    for number, e in enumerate(EXERCISES):
        states = [State.PASSED] * len(e.checks) if number < 2 else [State.LOCKED] * len(e.checks)
        if number == 1:
            states[2], states[3] = State.FAILED, State.INCONCLUSIVE
        if number > 1:
            states[-1] = State.NOT_RUN
        messages = {State.FAILED: HOSTILE, State.NOT_RUN: "install a container engine", State.INCONCLUSIVE: "busy"}
        outcomes = [Outcome(s, messages.get(s, ""), "0.11 s", seconds=0.25) for s in states]
        exercises.append(_with(e.id, e.title, outcomes))
    return ReportCard(HOSTILE, tuple(exercises), {"isolation": "namespaces"})


def died() -> ReportCard:
    """A run that told nothing."""
    return empty_card("alice", "the grading process ended before its time", {})


def one_exercise() -> ReportCard:
    """Exercise 1 alone, passed; nobody asked for the others."""
    passed, outside = Outcome(State.PASSED, "", "0.11 s"), Outcome(State.NOT_RUN, "not part of this run")
    return ReportCard(
        "alice",
        tuple(_with(e.id, e.title, [passed if e.number == 1 else outside] * len(e.checks)) for e in EXERCISES),
    )


def _with(exercise_id: str, title: str, outcomes: list[Outcome]) -> ExerciseResult:
    checks = next(e.checks for e in EXERCISES if e.id == exercise_id)
    pairs = zip(checks, outcomes, strict=True)
    return ExerciseResult(exercise_id, title, tuple(CheckResult(c, o, "look at main.py") for c, o in pairs))


CARDS = {
    "all passed": whole(State.PASSED),
    "all failed": whole(State.FAILED, HOSTILE),
    "all locked": whole(State.LOCKED),
    "nothing judged": whole(State.NOT_RUN, "install something"),
    "mixed": mixed(),
    "died": died(),
    "one exercise": one_exercise(),
}
