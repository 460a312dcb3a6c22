"""A copy of the lab with a course of its own, small and quick, whose checks come out as the submission asks.

The engine is the real one: command line, processes, memory and reports are as a learner has them; only the suites are
others. The copy stands in a folder called `exercise1`, and its course has an exercise 10.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.curriculum import LAB, SKELETON

RUN_LIMIT_S = 60.0
NOT_COPIED = shutil.ignore_patterns("selftests", "solutions", "skeleton", "__pycache__")

COURSE = """EXERCISES = (
    Exercise(0, "Nought", ("app/**",), ()),
    Exercise(1, "One", ("app/**",), ("app/main.py", "app/observations.py")),
    Exercise(2, "Two", ("app/**",), ("app/main.py",)),
    Exercise(10, "Ten", ("app/**", "locustfile.py"), ("locustfile.py",)),
)
"""
CHECKS: Mapping[str, Sequence[str]] = {
    "exercise0": ("ready",),
    "exercise1": ("health", "five_parallel", "extra"),
    "exercise2": ("counts", "compares_with_exercise1"),
    "exercise10": ("ten",),
}
BONUS = "extra"
HEAD = '''"""A suite whose checks come out as app/answers.py says."""

from graders.curriculum import check
from graders.selftests.small_suite import come_out
'''
CHECK = '''

@check(points=2{bonus})
def test_{check}(submission, expect):
    """The promise of {check}."""
    come_out("{exercise}.{check}", submission, expect)
'''
HINTS = '[{check}]\nlesson = "{exercise}.md#step-1"\nhints = ["vague", "clearer", "plain"]\nwhy = "because it does"\n'
SOLUTION = 'app = "the reference of the small course"\n'


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one command; `executed` are the checks whose test functions ran, in order."""

    exit_code: int
    printed: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """The json report, if one was asked for."""
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return found

    @property
    def executed(self) -> list[str]:
        """The checks that really ran."""
        log = self.folder / "executed.txt"
        return log.read_text(encoding="utf-8").split() if log.exists() else []

    def state(self, name: str) -> str:
        """The state of a check such as "exercise1.health"."""
        return str(self.check(name)["state"])

    def check(self, name: str) -> dict[str, Any]:
        """A check of the report."""
        exercise_id, check_id = name.split(".")
        checks = next(e["checks"] for e in self.report["exercises"] if e["id"] == exercise_id)
        found: dict[str, Any] = next(c for c in checks if c["id"] == check_id)
        return found


class SmallLab:
    """The copy; its root is a submission too, as in the lab itself."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "exercise1"
        self._runs = folder / "runs"
        self._runs.mkdir(parents=True)
        shutil.copytree(LAB / "graders", self.root / "graders", ignore=NOT_COPIED)
        shutil.copy2(LAB / "conftest.py", self.root)
        for name in ("__init__.py", "small_suite.py"):
            _write(self.root / "graders/selftests" / name, (LAB / "graders/selftests" / name).read_text("utf-8"))
        shutil.copytree(SKELETON / "app", self.root / "graders/skeleton/app", ignore=NOT_COPIED)
        _write(self.root / "graders/skeleton/locustfile.py", "# TODO\n")
        _write(self.root / "graders/solutions/exercise1/app/main.py", SOLUTION)
        for exercise_id, checks in CHECKS.items():
            _write(self.root / f"lessons/hints/{exercise_id}.toml", "".join(_hints(exercise_id, c) for c in checks))
            _write(self.root / f"tests/test_{exercise_id}.py", HEAD + "".join(_test(exercise_id, c) for c in checks))
        self._adapt()
        self.submission_at(self.root)

    def _adapt(self) -> None:
        curriculum = self.root / "graders/curriculum.py"
        text, count = re.subn(r"(?ms)^EXERCISES = \(\n.*?^\)\n", COURSE, curriculum.read_text("utf-8"))
        assert count == 1, "graders/curriculum.py: EXERCISES no longer looks as the small course expects"
        _write(curriculum, text)
        # Locust takes a second of processor time to import, at each run with a memory of its own.
        text, count = re.subn(r"(?m)^load = \[.*\]$", "load = []", (LAB / "pyproject.toml").read_text("utf-8"))
        assert count == 1, "pyproject.toml: the group `load` no longer looks as the small course expects"
        _write(self.root / "pyproject.toml", text)

    def submission_at(self, folder: Path, answers: Mapping[str, str] | None = None) -> Path:
        """Write a submission whose checks come out as told; all others pass."""
        shutil.copytree(self.root / "graders/skeleton", folder, dirs_exist_ok=True)
        _write(folder / "app/answers.py", f"ANSWERS = {dict(answers or {})!r}\n")
        return folder

    def folder(self, what: str = "run") -> Path:
        """A new empty folder beside the copy."""
        return Path(tempfile.mkdtemp(prefix=f"{what}-", dir=self._runs))

    def submission(self, answers: Mapping[str, str] | None = None) -> Path:
        """A submission in a new folder beside the copy."""
        return self.submission_at(self.folder("submission"), answers)

    def environment(self, folder: Path, **more: str) -> dict[str, str]:
        """A shell's environment in which the copy is the lab, and its memory lies in the folder."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "LAB", "PYTHONDONT"))}
        ours = {
            "PYTHONPATH": str(self.root),
            "LAB_STATE": str(folder / "state"),
            "LAB_EXECUTED": str(folder / "executed.txt"),
            "COLUMNS": "120",
        }
        return kept | ours | more

    def pytest(self, *arguments: str, submission: Path | None = None, **options: Any) -> Ran:
        """Run the suite as `uv run pytest` does, with a json report."""
        where = [f"--submission={submission}"] if submission else []
        folder = options.pop("folder", None) or self.folder()
        program = [str(Path(sys.executable).with_name("pytest"))]
        report = f"--lab-report=json={folder / 'report.json'}"
        return self.command(*program, *arguments, *where, report, folder=folder, **options)

    def lab(self, *arguments: str, **options: Any) -> Ran:
        """Run the `lab` command."""
        return self.command(sys.executable, "-P", "-m", "graders.cli", *arguments, **options)

    def command(
        self,
        *command: str,
        folder: Path | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        typed: str = "",
    ) -> Ran:
        """Run any command in the copy; its standard input is no terminal."""
        folder = folder or self.folder()
        done = subprocess.run(
            command,
            cwd=cwd or self.root,
            env=self.environment(folder, **(env or {})),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=RUN_LIMIT_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout, folder)


def _test(exercise_id: str, check: str) -> str:
    return CHECK.format(exercise=exercise_id, check=check, bonus=", bonus=True" if check == BONUS else "")


def _hints(exercise_id: str, check: str) -> str:
    return HINTS.format(exercise=exercise_id, check=check)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
