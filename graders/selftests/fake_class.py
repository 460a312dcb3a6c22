"""A class whose grading is pretended: what the tests of the ledger, the resumption and the gradebook need.

python fake_class.py FOLDER OUT LOG SECONDS       grades it with `FakeGrader` in a process that can be killed
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graders.classroom import run
from graders.classroom.ledger import Entry
from graders.classroom.order import Ended, Result
from graders.classroom.run import Graded, Options, grade_class
from graders.classroom.work import Task, lab_fingerprint
from graders.selftests.archives import work
from graders.selftests.cards import whole
from graders.verdict import State

EXERCISES = ("exercise1",)


def hand_in(folder: Path, *students: str) -> Path:
    """Write a small submission for each student."""
    for student in students:
        for name, content in work(f"{student}/").items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content + student.encode("utf-8", "replace").join((b"# ", b"\n")))
    return folder


@dataclass
class FakeGrader:
    """Takes the place of `work.grade`: notes whom it graded, and says what it is told to say."""

    log: Path | None = None
    seconds: float = 0.0
    says: dict[str, Result] = field(default_factory=dict)
    once: dict[str, Result] = field(default_factory=dict)
    graded: list[str] = field(default_factory=list)

    def __call__(self, task: Task) -> Result:
        self.graded.append(task.name)
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{task.name}\n")
        time.sleep(self.seconds)
        return self.once.pop(task.name, self.says.get(task.name, passed()))


def passed() -> Result:
    """A grading that went well."""
    return Result(Ended.FINISHED, whole(State.PASSED).to_json(), "a card", 1.0)


def unclear() -> Result:
    """A grading in which a check could not be judged."""
    return Result(Ended.FINISHED, whole(State.INCONCLUSIVE, "too busy").to_json(), "a card", 1.0)


class Silence:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.told: list[tuple[Entry, bool]] = []
        self.began: tuple[int, int, int, int] = (0, 0, 0, 0)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def begin(self, todo: int, kept: int, refused: int, width: int) -> None:
        self.began = (todo, kept, refused, width)

    def done(self, entry: Entry, is_last_word: bool) -> None:
        self.told.append((entry, is_last_word))


def grade_fakes(
    monkeypatch: Any, folder: Path, out: Path, grader: FakeGrader, **options: Any
) -> tuple[Graded, Silence]:
    """Grade a class with a fake grader; isolation is not tried."""
    monkeypatch.setattr(run, "grade", grader)
    monkeypatch.setattr(run, "level_here", lambda isolate: run_level())
    if getattr(run, "lab_fingerprint") is lab_fingerprint:  # noqa: B009 - another one as soon as the lab is edited
        monkeypatch.setattr(run, "lab_fingerprint", lambda: "this lab")
    audience = Silence()
    chosen = {"jobs": 2, **options}
    return grade_class(Options((folder,), out, EXERCISES, **chosen), audience), audience


def run_level() -> Any:
    """What choosing a level returns."""
    from graders.classroom.levels import Chosen
    from graders.classroom.order import Level

    return Chosen(Level.NONE)


def main() -> None:
    """Grade in this process, with lines that tell how far it is."""
    import pytest

    folder, out, log, seconds = sys.argv[1:]
    with pytest.MonkeyPatch.context() as patch:
        grade_fakes(patch, Path(folder), Path(out), FakeGrader(Path(log), float(seconds)))
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
