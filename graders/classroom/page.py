"""The gradebook as one page: no network, no script but its own, every name and message escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from graders.classroom.gradebook import EXERCISES as COLUMNS
from graders.classroom.ledger import Entry, now
from graders.curriculum import EXERCISES
from graders.tame import tame

PARTS = Path(__file__).with_name("parts")
NOTHING_ELSE = "base-uri 'none'; form-action 'none'"
ORDER = ("passed", "failed", "inconclusive", "locked", "not_run")
WORDS = {
    "passed": "passed",
    "failed": "failed",
    "inconclusive": "unclear",
    "locked": "not reached",
    "not_run": "not judged here",
}


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a bar: how many submissions ended so, and from where to where it reaches, in per cent."""

    state: str
    word: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Hardness:
    """One check across the class."""

    id: str
    exercise: str
    title: str
    bonus: bool
    shares: tuple[Share, ...]
    reached: int
    passed: int

    @property
    def percent(self) -> int | None:
        """Of those who reached it, how many per cent passed; `None` where nobody reached it."""
        return round(100 * self.passed / self.reached) if self.reached else None


@dataclass(frozen=True, slots=True)
class Line:
    """One submission."""

    entry: Entry
    name: str
    link: str
    cells: tuple[tuple[str, int | None], ...]
    why: str

    @property
    def words(self) -> str:
        """What a search looks through."""
        return f"{self.name} {self.entry.status} {self.why}".casefold()


def page(entries: Sequence[Entry]) -> str:
    """The page of a class."""
    css, js = _part("gradebook.css"), _part("gradebook.js")
    points = [entry.total for entry in entries if entry.exercises is not None]
    shares = [100 * entry.total // entry.max_points for entry in entries if entry.exercises and entry.max_points]
    return _template().render(
        css=css,
        js=js,
        policy=f"default-src 'none'; style-src {_hash(css)}; script-src {_hash(js)}; {NOTHING_ELSE}",
        lines=[_line(entry) for entry in entries],
        columns=COLUMNS,
        checks=hardness(entries),
        statuses=Counter(entry.status for entry in entries).most_common(),
        median=f"{median(points):g}" if points else "",
        histogram=_histogram(shares),
        at=now(),
    )


def hardness(entries: Sequence[Entry]) -> list[Hardness]:
    """Each check that somebody was graded on, in the order of the course, with what became of it."""
    graded = [entry.states for entry in entries if entry.states]
    found = []
    for exercise in EXERCISES:
        for check in exercise.checks:
            states = Counter(s[key] for s in graded if (key := f"{exercise.id}.{check.id}") in s)
            if states:
                passed, reached = states["passed"], sum(states[s] for s in ("passed", "failed", "inconclusive"))
                found.append(
                    Hardness(check.id, exercise.id, check.title, check.bonus, _shares(states), reached, passed)
                )
    return found


def _shares(states: Counter[str]) -> tuple[Share, ...]:
    total, start, shares = states.total(), 0.0, []
    for state in ORDER:
        if states[state]:
            width = 100 * states[state] / total
            shares.append(Share(state, WORDS[state], states[state], round(start, 2), round(width, 2)))
            start += width
    return tuple(shares)


def _line(entry: Entry) -> Line:
    cells = tuple((name, (entry.exercises or {}).get(name)) for name in COLUMNS)
    why = tame(" ".join((entry.why, *entry.notes)).strip(), 600)
    return Line(entry, tame(entry.student, 200), quote(entry.report), cells, why)


def _histogram(percents: Sequence[int]) -> list[tuple[str, int, float]]:
    """How many submissions have which share of the points: label, count, height in per cent of the highest."""
    bins = Counter(min(9, value // 10) for value in percents)
    most = max(bins.values(), default=0)
    labels = [f"{10 * n} to {10 * n + 9} %" for n in range(9)] + ["90 % and more"]
    return [(labels[n], bins[n], round(100 * bins[n] / most, 1)) for n in range(10)] if most else []


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _part(name: str) -> Markup:
    """A file of the lab's own, not escaped."""
    return Markup((PARTS / name).read_text(encoding="utf-8"))


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("gradebook.html")
