"""What the page shows, worked out from the `json` report: the path of exercises, what is open, what opens the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graders.curriculum import EXERCISES, Exercise
from graders.reporting.html.picture import Drawn
from graders.reporting.html.pictures import pictures_in
from graders.verdict import OUTSIDE_RUN, State

NOT_REACHED = "the run ended before this check was graded"
PICTURES_LIMIT = 380_000
"""Characters for all pictures together, so that the page stays under 500 KB."""
STORY = (("did", "Did"), ("saw", "Saw"), ("wanted", "Wanted"), ("look_at", "Look at"))

WORDS = {
    "passed": "passed",
    "failed": "failed",
    "locked": "locked",
    "not_run": "not judged here",
    "inconclusive": "unclear",
    "waiting": "not graded yet",
    "elsewhere": "not in this run",
}
STEP_WORDS = {"passed": "passed", "open": "open", "locked": "locked"}


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check on the page; `state` is the report's, or `waiting`, or `elsewhere` where the run left it out."""

    id: str
    title: str
    state: str
    figure: str
    points: int
    max_points: int
    bonus: bool
    story: tuple[tuple[str, str], ...]
    message: str
    hint: str
    why: str
    seconds: float
    pictures: tuple[Drawn, ...]

    @property
    def word(self) -> str:
        """The state in words, for those who see no colours."""
        return WORDS[self.state]

    @property
    def is_open(self) -> bool:
        """Whether its details are shown at once."""
        return self.state in ("failed", "inconclusive")

    @property
    def has_details(self) -> bool:
        """Whether there is anything to unfold."""
        return bool(self.story or self.message or self.hint or self.why or self.pictures)


@dataclass(frozen=True, slots=True)
class StepView:
    """One exercise on the path: `state` is passed, open or locked; `note` says what is missing or what opens it."""

    id: str
    number: str
    title: str
    state: str
    note: str
    points: int
    max_points: int
    checks: tuple[CheckView, ...]
    known: Exercise | None

    @property
    def word(self) -> str:
        """The state in words."""
        return STEP_WORDS[self.state]

    @property
    def first_missing(self) -> CheckView | None:
        """The check to work on next."""
        return next((c for c in self.checks if not c.bonus and not _passes(c)), None)


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page."""

    submission: str
    points: int
    max_points: int
    steps: tuple[StepView, ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def current(self) -> StepView | None:
        """The exercise to work on; `None` when all of it passes."""
        return next((step for step in self.steps if step.state == "open"), None)

    @property
    def verdict(self) -> str:
        """The page in one sentence."""
        if waiting := sum(check.state == "waiting" for step in self.steps for check in step.checks):
            return f"{_checks(waiting)} still to be graded."
        current = self.current
        if current is None:
            return "Every check passes on these files."
        missing = sum(not c.bonus and not _passes(c) for c in current.checks)
        return f"Exercise {current.number} is open; {_checks(missing)} to go."


def view(report: Mapping[str, Any]) -> Page:
    """The page of one `json` report, version 1."""
    steps: list[StepView] = []
    numbers = [_number(entry) for entry in report["exercises"]]
    pictures = _pictures(report["exercises"])
    for entry, following in zip(report["exercises"], [*numbers[1:], ""], strict=True):
        steps.append(_step(entry, steps, following, pictures))
    return Page(
        str(report["submission"]), report["points"], report["max_points"], tuple(steps), _facts(report["environment"])
    )


def _pictures(exercises: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[Drawn, ...]]:
    """The pictures of each check; where they are too many, those of what passed first are left out first."""
    order = sorted(
        ((e["id"], c) for e in exercises for c in e["checks"]), key=lambda pair: bool(pair[1]["state"] == "passed")
    )
    passed_from = next((i for i, (_, check) in enumerate(order) if check["state"] == "passed"), len(order))
    found: dict[tuple[str, str], tuple[Drawn, ...]] = {}
    left = PICTURES_LIMIT
    for exercise_id, check in [*order[:passed_from], *reversed(order[passed_from:])]:
        drawn = tuple(pictures_in(check["evidence"])) if left > 0 else ()
        left -= sum(picture.size for picture in drawn)
        found[exercise_id, check["id"]] = drawn if left > 0 else ()
    return found


def _step(
    entry: Mapping[str, Any],
    earlier: Sequence[StepView],
    following: str,
    pictures: Mapping[tuple[str, str], tuple[Drawn, ...]],
) -> StepView:
    known = next((e for e in EXERCISES if e.id == entry["id"]), None)
    checks = tuple(_check(c, known, pictures[entry["id"], c["id"]]) for c in entry["checks"])
    missing = sum(not c.bonus and not _passes(c) for c in checks)
    needed = next((step for step in earlier if step.state != "passed"), None)
    if needed is not None:
        state = "locked"
        short = sum(not c.bonus and not _passes(c) for c in needed.checks)
        note = f"opens when exercise {needed.number} passes: {_checks(short)} to go there"
    elif missing:
        state = "open"
        what = f"exercise {following} opens" if following else "the course is done"
        note = f"{_checks(missing)} to go, then {what}"
    else:
        state, note = "passed", f"all {len([c for c in checks if not c.bonus])} checks pass"
    points = sum(c.points for c in checks)
    most = sum(c.max_points for c in checks if not c.bonus)
    return StepView(entry["id"], _number(entry), entry["title"], state, note, points, most, checks, known)


def _check(entry: Mapping[str, Any], of: Exercise | None, pictures: tuple[Drawn, ...]) -> CheckView:
    state, message, evidence = State(entry["state"]).value, str(entry["message"]), entry["evidence"]
    if state == "not_run" and message == OUTSIDE_RUN:
        state, message = "elsewhere", ""
    elif state == "inconclusive" and message == NOT_REACHED:
        state, message = "waiting", ""
    story = tuple((label, str(evidence[key])) for key, label in STORY if evidence.get(key))
    hints = of.hints.get(entry["id"]) if of is not None else None
    return CheckView(
        id=entry["id"],
        title=entry["title"],
        state=state,
        figure=str(evidence.get("figure", "")),
        points=entry["points"],
        max_points=entry["max_points"],
        bonus=entry["bonus"],
        story=story,
        message="" if story else message,
        hint=str(entry["hint"]) if state in ("failed", "inconclusive") else "",
        why=hints.why if hints is not None and state == "passed" else "",
        seconds=float(entry["seconds"]),
        pictures=pictures,
    )


def _number(entry: Mapping[str, Any]) -> str:
    return str(entry["id"]).removeprefix("exercise")


def _passes(check: CheckView) -> bool:
    return check.state in ("passed", "not_run")


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"


def _facts(environment: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a reader may need to know of the machine, flat."""
    facts = []
    for key, value in environment.items():
        name = str(key).replace("_", " ")
        if isinstance(value, Mapping):
            facts.append((name, ", ".join(f"{k} {v}" for k, v in value.items())))
        elif isinstance(value, str | int | float) and str(value):
            facts.append((name, str(value)))
    return tuple(facts)
