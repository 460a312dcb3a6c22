"""The course as data: which exercises there are, in which order, what each reads and what it is worth."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from graders.verdict import Check

LAB = Path(__file__).resolve().parents[1]
SUITE = LAB / "tests"
LESSONS = LAB / "lessons"
SOLUTIONS = LAB / "graders" / "solutions"
SKELETON = LAB / "graders" / "skeleton"
"""What a learner starts from; in the repository as shipped, the submission at its root is equal to it."""

PREDICT_S = 0.1
"""How long the simulated inference takes, in seconds (contract, `takes_its_time`)."""

Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: `files` are patterns below the submission's folder that its verdict depends on.

    `edits` are the files in which the learner works on it, the first one first; none where nothing is to be built.
    """

    number: int
    title: str
    files: tuple[str, ...]
    edits: tuple[str, ...]

    @property
    def id(self) -> str:
        """The name in reports and in `-k`: exercise1."""
        return f"exercise{self.number}"

    @property
    def lesson(self) -> Path:
        """The page that teaches it."""
        return LESSONS / f"{self.id}.md"

    @property
    def reading(self) -> str:
        """What to read, and what to edit where there is something: for a line that says what is next."""
        return f"lessons/{self.lesson.name}" + (f", edit {', '.join(self.edits)}" if self.edits else "")

    @property
    def suite(self) -> Path:
        """The file that grades it."""
        return SUITE / f"test_{self.id}.py"

    @property
    def checks(self) -> tuple[Check, ...]:
        """Its promises, in the order of the suite."""
        return _checks_in(self.suite, self.id)

    @property
    def hints(self) -> Mapping[str, Hints]:
        """The hints to its checks, by check id."""
        return _hints_in(LESSONS / "hints" / f"{self.id}.toml")

    def file_of(self, check_id: str) -> str:
        """The learner's file in which a check is met; empty where there is none to name."""
        hints = self.hints.get(check_id)
        return (hints and hints.file) or (self.edits[0] if self.edits else "")


@dataclass(frozen=True, slots=True)
class Hints:
    """Help for one check: three levels from vague to plain, where to read, and why it works (told after passing).

    `file` is where the check is met, if that is not the first file that its exercise edits.
    """

    lesson: str
    hints: tuple[str, str, str]
    why: str
    file: str = ""


IMAGE_LISTS = ("requirements.txt", "pyproject.toml", "uv.lock")
"""What an image may be told its packages by."""

EXERCISES = (
    Exercise(0, "Set up", ("app/**",), ()),
    Exercise(1, "A first inference endpoint", ("app/**",), ("app/main.py", "app/observations.py")),
    Exercise(2, "Timing middleware", ("app/**",), ("app/metrics.py", "app/timing.py", "app/logs.py", "app/main.py")),
    Exercise(3, "Load testing", ("locustfile.py",), ("locustfile.py",)),
    Exercise(
        4,
        "Tuning for throughput",
        ("app/**",),
        # Not app/metrics.py, which a bonus check asks for: a reset would take the whole of exercise 2 with it.
        (
            "app/__main__.py",
            "app/tuning.py",
            "app/shedding.py",
            "app/feature_store.py",
            "app/batching.py",
            "app/main.py",
        ),
    ),
    Exercise(
        5,
        "Containers",
        ("app/**", "Dockerfile", "docker-compose.yml", "compose.yaml", ".dockerignore", *IMAGE_LISTS),
        ("Dockerfile", "docker-compose.yml", ".dockerignore"),
    ),
)


def exercise(exercise_id: str) -> Exercise:
    """The exercise of that id; `KeyError` if the course has none."""
    for known in EXERCISES:
        if known.id == exercise_id:
            return known
    raise KeyError(exercise_id)


def check(*, points: int, bonus: bool = False) -> Callable[[Test], Test]:
    """Mark a test function as a graded check; its docstring's first line is the promise that the learner reads.

    The numbers are read from the suite's source (see `_checks_in`), so that a report can list every check although
    the run ended before pytest had collected it.
    """

    def mark(test: Test) -> Test:
        test.lab_points = points  # type: ignore[attr-defined]
        test.lab_bonus = bonus  # type: ignore[attr-defined]
        return test

    return mark


@functools.cache
def _checks_in(suite: Path, exercise_id: str) -> tuple[Check, ...]:
    found = []
    for node in ast.parse(suite.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        title = (ast.get_docstring(node) or "").split("\n")[0]
        found.append(Check(node.name.removeprefix("test_"), exercise_id, title, **_marked(node, suite)))
    return tuple(found)


def _marked(test: ast.FunctionDef | ast.AsyncFunctionDef, suite: Path) -> dict[str, Any]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "check":
            return {str(k.arg): ast.literal_eval(k.value) for k in decorator.keywords}
    raise ValueError(f"{suite.name}: {test.name} is not graded; decorate it with @check(points=...)")


@functools.cache
def _hints_in(path: Path) -> Mapping[str, Hints]:
    if not path.is_file():
        return {}
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        check_id: Hints(table["lesson"], tuple(table["hints"]), table.get("why", ""), table.get("file", ""))
        for check_id, table in tables.items()
    }
