"""Submissions that grade the grader: composed from skeleton, solutions and differences."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.curriculum import EXERCISES, LAB, SKELETON, SOLUTIONS, exercise
from graders.submission import Submission, suite_fingerprint
from graders.unlocking import fingerprints, key

CORPUS = LAB / "graders" / "selftests"
RUN_LIMIT_S = 240


@dataclass(frozen=True, slots=True)
class Specimen:
    """One folder of the corpus: what it differs in, and what must come of it."""

    folder: Path

    @property
    def kind(self) -> str:
        """wrong, right or broken."""
        return self.folder.parent.name

    @property
    def expected(self) -> Mapping[str, Any]:
        """Its expected.toml."""
        return tomllib.loads((self.folder / "expected.toml").read_text(encoding="utf-8"))

    @property
    def exercise_id(self) -> str:
        """The exercise that it is about; broken ones break the first."""
        return "exercise1" if self.kind == "broken" else self.folder.name.split("_")[0]

    def compose(self, into: Path) -> Path:
        """Write the whole submission into a folder."""
        compose(exercise(self.exercise_id).number, into)
        overlay(self.folder, into)
        for removed in self.expected.get("removes", []):
            (into / removed).unlink()
        return into


@dataclass(frozen=True, slots=True)
class Graded:
    """What a run of the suite said about a submission."""

    exit_code: int
    printed: str
    report: Mapping[str, Any]
    seconds: float

    def states(self, exercise_id: str) -> dict[str, str]:
        """Check id to state."""
        return {check["id"]: check["state"] for check in self.checks(exercise_id)}

    def checks(self, exercise_id: str) -> list[dict[str, Any]]:
        """The checks of an exercise as the report has them."""
        found: list[dict[str, Any]] = next(e["checks"] for e in self.report["exercises"] if e["id"] == exercise_id)
        return found


def specimens(kind: str, exercise_id: str | None = None) -> list[Specimen]:
    """The corpus of one kind, in order; folders of exercises that the course does not have yet are left out."""
    known = {e.id for e in EXERCISES}
    found = [Specimen(f.parent) for f in sorted((CORPUS / kind).glob("*/expected.toml"))]
    return [s for s in found if s.exercise_id in known and exercise_id in (None, s.exercise_id)]


def compose(number: int, into: Path) -> Path:
    """Write the skeleton with the reference solutions of exercises 1 to `number` into a folder."""
    into.mkdir(parents=True, exist_ok=True)
    overlay(SKELETON, into)
    for earlier in range(1, number + 1):
        overlay(SOLUTIONS / f"exercise{earlier}", into)
    return into


def overlay(differences: Path, into: Path) -> None:
    """Put the files of a folder over those of another; expected.toml stays behind."""
    if not differences.is_dir():
        return
    for path in sorted(differences.rglob("*")):
        relative = path.relative_to(differences)
        if path.is_file() and relative.name != "expected.toml" and "__pycache__" not in relative.parts:
            (into / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into / relative)


def remember(before: int, submission: Path, scratch: Path) -> None:
    """Let a later `grade` in that scratch folder find the exercises before a number passed, on that submission's files.

    What differs in the submission that is then graded is graded again, as the rule of unlocking has it.
    """
    prints = fingerprints(Submission.at(submission), suite_fingerprint())
    earlier = [e for e in EXERCISES if e.number < before]
    passed = {key(check): {"fingerprint": prints[e.id], "figure": ""} for e in earlier for check in e.checks}
    (scratch / "state").mkdir(parents=True)
    (scratch / "state" / "verified.json").write_text(json.dumps(passed), encoding="utf-8")


def grade(
    submission: Path,
    *arguments: str,
    scratch: Path,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-P", "-m", "pytest"),
) -> Graded:
    """Run the graded suite as a learner would, in a process of its own, with a memory of its own."""
    report = scratch / "report.json"
    scratch.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *program, *arguments]
    command += [f"--submission={submission}", f"--lab-report=json={report}"]
    began = time.monotonic()
    run = subprocess.run(
        command,
        cwd=LAB,
        env={**os.environ, "LAB_STATE": str(scratch / "state"), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=RUN_LIMIT_S,
        check=False,
    )
    seconds = time.monotonic() - began
    found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    return Graded(run.returncode, run.stdout, found, seconds)
