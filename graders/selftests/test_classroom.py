"""A class is graded to the end, whatever happens in between: nothing is lost, nothing is graded twice."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graders.classroom import ledger as ledger_module
from graders.classroom import run as run_module
from graders.classroom.gradebook import COLUMNS, ColumnError, as_csv, neutral, parse_columns
from graders.classroom.ledger import BusyError, DiskFullError, Entry, Ledger
from graders.classroom.order import Ended, Result
from graders.classroom.progress import estimate_s, left_text
from graders.curriculum import LAB
from graders.files import write_atomically
from graders.selftests.cards import whole
from graders.selftests.fake_class import FakeGrader, grade_fakes, hand_in, passed, unclear
from graders.verdict import State

FAKE = LAB / "graders" / "selftests" / "fake_class.py"
STUDENTS = [f"student{n:02}" for n in range(12)]


def rows(out: Path) -> list[dict[str, str]]:
    """The gradebook as a spreadsheet reads it."""
    with (out / "gradebook.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(out: Path) -> dict[str, dict[str, Any]]:
    """Every committed result; each must be whole."""
    return {p.parent.name: json.loads(p.read_text("utf-8")) for p in out.glob("reports/*/result.json")}


def test_every_submission_has_a_row_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graded or refused: one row each, in the order of names, with a report that exists."""
    folder = hand_in(tmp_path / "class", "bob", "Alice")
    (folder / "carol").mkdir()

    graded, audience = grade_fakes(monkeypatch, folder, tmp_path / "out", FakeGrader())

    found = rows(tmp_path / "out")
    assert [row["student"] for row in found] == ["Alice", "bob", "carol"]
    assert list(found[0]) == list(COLUMNS)
    assert [row["status"] for row in found] == ["graded", "graded", "refused"]
    assert found[0]["exercise1"] == "20"
    parts = [found[0][column] for column in ("bonus", *(f"exercise{n}" for n in range(1, 6)))]
    assert int(found[0]["total"]) == sum(int(part or 0) for part in parts)
    assert found[2]["total"] == ""
    assert all((tmp_path / "out" / row["report"]).is_file() for row in found)
    assert audience.began == (2, 0, 1, 2)
    assert [e.status for e in graded.troubled] == ["refused"]


def test_nothing_is_graded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run grades what is new, what has changed, and nothing else."""
    folder, out, grader = hand_in(tmp_path / "class", "alice", "bob"), tmp_path / "out", FakeGrader()
    grade_fakes(monkeypatch, folder, out, grader)

    grade_fakes(monkeypatch, folder, out, grader)
    assert sorted(grader.graded) == ["alice", "bob"]

    (folder / "bob/app/main.py").write_text("changed = True\n")
    hand_in(folder, "carol")
    grade_fakes(monkeypatch, folder, out, grader)
    assert sorted(grader.graded) == ["alice", "bob", "bob", "carol"]
    assert len(rows(out)) == 3


def test_another_lab_grades_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed suite, other packages or other exercises make old results speak of something else."""
    folder, out, grader = hand_in(tmp_path / "class", "alice"), tmp_path / "out", FakeGrader()
    grade_fakes(monkeypatch, folder, out, grader)

    monkeypatch.setattr(run_module, "lab_fingerprint", lambda: "another lab")
    grade_fakes(monkeypatch, folder, out, grader)

    assert grader.graded == ["alice", "alice"]


def test_what_was_tampered_with_is_graded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that cannot be read, or whose report is missing, counts as none."""
    folder, out, grader = hand_in(tmp_path / "class", "alice", "bob"), tmp_path / "out", FakeGrader()
    grade_fakes(monkeypatch, folder, out, grader)
    (out / "reports/alice/result.json").write_text('{"version": 1, "student": ')
    (out / rows(out)[1]["report"]).unlink()

    grade_fakes(monkeypatch, folder, out, grader)

    assert sorted(grader.graded) == ["alice", "alice", "bob", "bob"]


def test_the_submissions_own_results_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result.json that was handed in is a file like any other."""
    folder, grader = hand_in(tmp_path / "class", "alice"), FakeGrader()
    (folder / "alice/result.json").write_text('{"version": 1, "status": "graded", "total": 100}')

    grade_fakes(monkeypatch, folder, tmp_path / "out", grader)

    assert grader.graded == ["alice"]


def test_unclear_ones_are_graded_once_more_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be judged in the crowd gets a second chance at the end; never a third, in no later run either."""
    folder, out = hand_in(tmp_path / "class", "alice", "bob", "carol"), tmp_path / "out"
    grader = FakeGrader(once={"alice": unclear()}, says={"bob": unclear()})

    graded, audience = grade_fakes(monkeypatch, folder, out, grader)
    grade_fakes(monkeypatch, folder, out, grader)

    assert sorted(grader.graded) == ["alice", "alice", "bob", "bob", "carol"]
    assert sorted(grader.graded[3:]) == ["alice", "bob"]
    assert [(e.student, e.status) for e in graded.entries] == [
        ("alice", "graded"),
        ("bob", "inconclusive"),
        ("carol", "graded"),
    ]
    assert [last for entry, last in audience.told if entry.student == "alice"] == [False, True]


def test_an_interrupted_second_chance_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was to be graded once more, when the run was killed, is graded once more in the next one."""
    folder, out = hand_in(tmp_path / "class", "alice"), tmp_path / "out"
    grade_fakes(monkeypatch, folder, out, FakeGrader(says={"alice": unclear()}), attempts=1)
    grader = FakeGrader()

    graded, _ = grade_fakes(monkeypatch, folder, out, grader)

    assert grader.graded == ["alice"]
    assert graded.entries[0].status == "graded"


def test_a_timeout_keeps_what_was_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that were earned before the time was over count; the other checks say why they were not reached."""
    card = whole(State.INCONCLUSIVE, "the run ended before this check was graded").to_json()
    card["exercises"][1]["checks"][0] |= {"state": "passed", "message": ""}
    late = Result(Ended.TIMEOUT, card, "", 5.0, "not done after 5 s; what had been graded by then counts")

    graded, _ = grade_fakes(
        monkeypatch, hand_in(tmp_path / "class", "alice"), tmp_path / "out", FakeGrader(says={"alice": late})
    )

    assert graded.entries[0].status == "timeout"
    assert graded.entries[0].total == card["exercises"][1]["checks"][0]["max_points"]
    assert "not done after 5 s" in (tmp_path / "out/reports/alice/report.json").read_text()


def test_a_grading_that_dies_is_repeated_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No card at all still gives a full report: every check is listed, none is passed."""
    dead = Result(Ended.DIED, None, "", 1.0, "the grading process ended before its time (signal 9)")
    grader = FakeGrader(says={"alice": dead})

    graded, _ = grade_fakes(monkeypatch, hand_in(tmp_path / "class", "alice", "bob"), tmp_path / "out", grader)

    assert grader.graded.count("alice") == 2
    assert [e.status for e in graded.entries] == ["died", "graded"]
    report = json.loads((tmp_path / "out/reports/alice/report.json").read_text())
    assert {c["state"] for e in report["exercises"] for c in e["checks"]} == {"inconclusive"}


def test_a_killed_run_resumes(tmp_path: Path) -> None:
    """After kill -9 at any moment every committed result is kept and whole, and none of these is graded again."""
    folder, out = hand_in(tmp_path / "class", *STUDENTS), tmp_path / "out"
    known: set[str] = set()
    for number, wanted in enumerate((3, 6, 9, None)):
        log = tmp_path / f"log{number}.txt"
        command = [sys.executable, str(FAKE), str(folder), str(out), str(log), "0.25"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=LAB)
        if wanted is None:
            assert process.wait(60) == 0
        while wanted is not None and len(list(out.glob("reports/*/result.json"))) < wanted:
            assert process.poll() is None
        process.kill()
        process.wait()
        calls = log.read_text().split()
        assert not known & set(calls)
        assert len(calls) == len(set(calls))
        assert known <= set(results(out))
        known = set(results(out))

    assert known == set(STUDENTS) == {row["student"] for row in rows(out)}
    assert [p for p in out.rglob(".*") if p.name != ".lock"] == []


class Disk:
    """A disk that is full from some moment on, and has a little space when the reserve is given up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, out: Path, full_after: int, reserve_helps: bool) -> None:
        self._write = write_atomically
        self._out, self._left, self._reserve_helps = out, full_after, reserve_helps
        monkeypatch.setattr(ledger_module, "write_atomically", self.write)

    def write(self, path: Path, text: str) -> None:
        """`write_atomically`, or the error of a full disk."""
        if path.name == ledger_module.RESULT:
            self._left -= 1
        has_space = self._left >= 0 or (self._reserve_helps and not (self._out / ".reserve").exists())
        if not has_space:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._write(path, text)


@pytest.mark.parametrize("reserve_helps", [True, False], ids=["with its reserve", "without"])
def test_a_full_disk_stops_the_run_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserve_helps: bool
) -> None:
    """What is under way goes into the reserve; the run stops, says why, and goes on when there is space again."""
    folder, out, grader = hand_in(tmp_path / "class", *STUDENTS), tmp_path / "out", FakeGrader()
    with monkeypatch.context() as patch:
        Disk(patch, out, full_after=4, reserve_helps=reserve_helps)
        graded, _ = grade_fakes(patch, folder, out, grader)

    assert "No space left on device" in graded.stopped
    first = list(grader.graded)
    kept = set(results(out))
    assert len(kept) >= 4
    assert set(first) == kept or not reserve_helps
    assert len(first) < len(STUDENTS)

    grader.graded.clear()
    again, _ = grade_fakes(monkeypatch, folder, out, grader)

    assert again.stopped == ""
    assert set(grader.graded) == set(STUDENTS) - kept
    assert set(results(out)) == set(STUDENTS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MiB; the reserve that a run makes leaves 4 of them."""
    out = tmp_path / "disk"
    out.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(out)], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    yield out
    subprocess.run(["umount", "-l", str(out)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system that somebody else fills up, every result that was committed is whole."""
    folder, out = hand_in(tmp_path / "class", *STUDENTS), small_disk
    grader = FakeGrader(seconds=0.05)
    monkeypatch.setattr(FakeGrader, "__call__", _filling(FakeGrader.__call__, out))

    graded, _ = grade_fakes(monkeypatch, folder, out, grader)

    assert "No space left on device" in graded.stopped
    assert set(results(out)) == set(grader.graded)
    (out / "somebody-else").unlink()
    grader.graded.clear()
    kept = set(results(out))
    again, _ = grade_fakes(monkeypatch, folder, out, grader)
    assert again.stopped == ""
    assert not kept & set(grader.graded)
    assert len(rows(out)) == len(STUDENTS)


@pytest.mark.parametrize(("files", "kib"), [(2, 3_000), (1_500, 4)], ids=["large", "small"])
def test_a_disk_too_small_to_unpack_on(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, kib: int
) -> None:
    """Where the disk is full before all is unpacked, the run stops and says so; no student is to blame for it."""
    folder = hand_in(tmp_path / "class", "alice")
    for number in range(files):
        (folder / f"alice/app/data{number}.txt").write_bytes(bytes(1024 * kib))

    graded, _ = grade_fakes(monkeypatch, folder, small_disk, FakeGrader())

    assert "what was handed in cannot be unpacked below --out (No space left on device)" in graded.stopped
    assert "free some space and run the same command again" in graded.stopped
    assert graded.entries == ()


def _filling(grade: Any, out: Path) -> Any:
    """A grader during whose fifth grading the disk becomes full, once."""
    filled: list[bool] = []

    def filling(self: FakeGrader, task: Any) -> Result:
        result: Result = grade(self, task)
        if len(self.graded) >= 5 and not filled:
            filled.append(True)
            handle = os.open(out / "somebody-else", os.O_WRONLY | os.O_CREAT)
            try:
                while True:
                    os.write(handle, bytes(4096))
            except OSError:
                os.close(handle)
        return result

    return filling


def test_a_folder_without_space_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that could keep nothing does not begin."""

    def no_space(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", no_space)
    with pytest.raises(DiskFullError, match="are free there"), Ledger(tmp_path / "out"):
        pass


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """A second run on the same folder is told so."""
    with Ledger(tmp_path / "out"), pytest.raises(BusyError, match="another run"), Ledger(tmp_path / "out"):
        pass


def test_an_interrupt_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the run with a gradebook of what was graded."""
    folder, out = hand_in(tmp_path / "class", *STUDENTS[:4]), tmp_path / "out"

    class Interrupted(FakeGrader):
        def __call__(self, task: Any) -> Result:
            if len(self.graded) == 2:
                raise KeyboardInterrupt
            return super().__call__(task)

    graded, _ = grade_fakes(monkeypatch, folder, out, Interrupted(), jobs=1)

    assert "interrupted" in graded.stopped
    assert len(rows(out)) == len(results(out)) == 2


def test_formulas_are_neutral() -> None:
    """No cell that a stranger wrote is taken for a formula, whatever it begins with."""
    assert [neutral(cell) for cell in ("=1+1", "+1", "-1", "@x", "\tx", "alice", "")] == [
        "'=1+1", "'+1", "'-1", "'@x", "'\tx", "alice", "",
    ]  # fmt: skip
    entry = Entry('=cmd|" /C calc"!A0', "s", "s", "graded", "f", "l", ())
    assert as_csv([entry]).split("\r\n")[1].startswith("\"'=cmd|")


def test_columns_for_a_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second table has the platform's own headings and no others."""
    folder = hand_in(tmp_path / "class", "alice")

    columns = parse_columns("Email address=student,Lab (100)=total")
    grade_fakes(monkeypatch, folder, tmp_path / "out", FakeGrader(), columns=columns)

    lines = (tmp_path / "out/gradebook-columns.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Email address,Lab (100)"
    assert lines[1].startswith("alice,")
    for wrong in ("total", "=total", "Total=grade", ""):
        with pytest.raises(ColumnError, match="expected HEADING=COLUMN"):
            parse_columns(wrong)


def test_the_time_left_is_told_in_words() -> None:
    """From what was done in this run; rounded, because nobody knows it to the second."""
    assert estimate_s(0, 10, 5.0) is None
    assert estimate_s(5, 20, 50.0) == 150.0
    assert [left_text(s) for s in (None, 3, 42, 600, 9000)] == [
        "time left unknown", "about 5 s left", "about 40 s left", "about 10 min left", "about 2.5 h left",
    ]  # fmt: skip


def test_a_line_for_each_submission(tmp_path: Path) -> None:
    """Without a terminal, each submission is one line with its place, its points and the time left."""
    folder = hand_in(tmp_path / "class", "alice", "\x1b[31mbob")
    command = [sys.executable, "-m", "graders.cli", "grade", str(folder), "--out", str(tmp_path / "out")]
    text = (
        "import sys\nfrom graders.selftests import fake_class\nfrom graders.classroom import run\n"
        "import graders.commands.grade as command\n"
        "run.grade = fake_class.FakeGrader()\nrun.level_here = lambda isolate: fake_class.run_level()\n"
        "async def none(state): return {}\ncommand.broken_packages = none\n"
        f"sys.argv = {command[2:]!r}\nfrom graders.cli import main\nmain()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", text], cwd=LAB, capture_output=True, text=True, check=False, timeout=60
    )

    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].startswith("Submissions: 2 to grade")
    assert [line.split("]")[0] for line in lines[1:3]] == ["[1/2", "[2/2"]
    assert all(" points, graded, " in line and "left" in line for line in lines[1:3])
    assert "\x1b" not in done.stdout
    assert lines[3] == "2 graded"


def test_who_needs_a_look_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`passed` results alone trouble nobody."""
    graded, _ = grade_fakes(
        monkeypatch, hand_in(tmp_path / "class", "alice"), tmp_path / "out", FakeGrader(says={"alice": passed()})
    )

    assert graded.troubled == ()
