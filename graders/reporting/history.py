"""What earlier runs measured: one line of JSON for each run in `.lab/history.jsonl`, disposable like all of `.lab`."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graders.files import write_atomically
from graders.measuring.figures import FIGURES, Figure, figures_in
from graders.measuring.trend import Trend, trend
from graders.verdict import Check, Outcome, ReportCard, State

MOST_BYTES = 1_500_000


@dataclass(frozen=True, slots=True)
class Run:
    """One graded run: when, of which submission, on which machine, what passed, what was measured."""

    at: str
    submission: str
    machine: str
    states: Mapping[str, str]
    figures: Mapping[str, float]
    points: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(state == State.PASSED for state in self.states.values())

    @classmethod
    def of(cls, card: ReportCard, outcomes: Mapping[Check, Outcome], root: Path, at: datetime | None = None) -> Run:
        """What a run that ends now is worth keeping of."""
        graded = {f"{c.exercise}.{c.id}": o for c, o in outcomes.items() if o.state is not State.LOCKED}
        figures: dict[str, float] = {}
        for name, outcome in graded.items():
            figures |= figures_in(name, outcome.evidence)
        exercises = {name.partition(".")[0] for name in graded}
        return cls(
            (at or datetime.now(UTC)).isoformat(timespec="seconds"),
            str(root),
            machine(card.environment.get("cores", "")),
            {name: outcome.state.value for name, outcome in graded.items()},
            figures,
            {e.id: e.points for e in card.exercises if e.id in exercises},
        )

    def to_json(self) -> dict[str, Any]:
        """One line of the history, version 1."""
        return {
            "version": 1,
            "at": self.at,
            "submission": self.submission,
            "machine": self.machine,
            "states": dict(self.states),
            "figures": dict(self.figures),
            "points": dict(self.points),
        }

    @classmethod
    def from_json(cls, data: Any) -> Run:
        """The run again; `KeyError`, `TypeError` or `ValueError` where the line is of something else."""
        if data["version"] != 1:
            raise ValueError(f"version {data['version']}")
        figures = {str(name): float(value) for name, value in data["figures"].items()}
        states = {str(name): str(state) for name, state in data["states"].items()}
        points = {str(name): int(value) for name, value in data["points"].items()}
        return cls(str(data["at"]), str(data["submission"]), str(data["machine"]), states, figures, points)


def machine(cores: object) -> str:
    """What has to be equal for times to be compared: system, processor, cores, Python without its last number."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {python}"


class History:
    """The runs on disk; whatever is wrong with the file costs the history and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.jsonl"

    def read(self) -> list[Run]:
        """Every run that can be read, oldest first."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        runs = []
        for line in lines:
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, RecursionError):
                runs.append(Run.from_json(json.loads(line)))
        return runs

    def add(self, run: Run) -> None:
        """Append a run; a history that has grown too long loses its older half."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(run.to_json()) + "\n")
            if self.path.stat().st_size > MOST_BYTES:
                runs = self.read()
                kept = runs[len(runs) // 2 :]
                write_atomically(self.path, "".join(json.dumps(r.to_json()) + "\n" for r in kept))


def of_submission(runs: Iterable[Run], root: Path) -> list[Run]:
    """The runs of one submission."""
    return [run for run in runs if run.submission == str(root)]


def trends(runs: Iterable[Run], on: str) -> list[tuple[Figure, Trend]]:
    """Each figure that was measured on that machine (`machine`), with its trend, in the order of the course."""
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.machine == on:
            for name, value in run.figures.items():
                values.setdefault(name, []).append(value)
    return [(figure, trend(values[figure.name], figure.better)) for figure in FIGURES if figure.name in values]


def in_words(figure: Figure, found: Trend) -> str:
    """What the trend says, in a sentence or two."""
    count = len(found.values)
    best = f" Your best in {count} runs is {figure.shown(found.best)}."
    band = figure.range(found.low, found.high)
    if found.change == "first":
        return "The first run that measured it."
    if found.change == "too few":
        return f"Too few runs to tell a change from noise: {count} of 5.{best}"
    if found.change == "noise":
        return f"No more than noise: the {found.earlier} runs before vary from {band}.{best}"
    if found.change == "outside":
        return (
            f"Outside of what the {found.earlier} runs before vary by ({band}). Run it again: once may be noise.{best}"
        )
    since = "" if found.runs == 1 else f" in {found.runs} runs"
    way = "Better" if found.change == "better" else "Worse"
    return f"{way} than before{since}, and more than noise: the {found.earlier} runs before vary from {band}.{best}"
