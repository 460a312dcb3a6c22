"""Which exercise is open, what is remembered, and what makes the lab forget it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from graders.curriculum import SKELETON, Exercise
from graders.submission import GIVEN, Submission, suite_fingerprint
from graders.unlocking import Memory, fingerprints, is_verified, key, lock_of
from graders.verdict import Check, Outcome, State

PASSED, FAILED, LOCKED = State.PASSED, State.FAILED, State.LOCKED
NOT_RUN, INCONCLUSIVE = State.NOT_RUN, State.INCONCLUSIVE


@dataclass(frozen=True)
class FakeExercise(Exercise):
    """An exercise whose checks are told instead of read from a suite."""

    told: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        return self.told


def fake(number: int, *names: str, bonus: str = "", files: tuple[str, ...] = ("app/**",)) -> FakeExercise:
    exercise_id = f"exercise{number}"
    checks = [Check(name, exercise_id, f"{name} holds.", 1) for name in names]
    if bonus:
        checks.append(Check(bonus, exercise_id, f"{bonus} holds.", 1, bonus=True))
    return FakeExercise(number, f"Number {number}", files, ("app/main.py",), tuple(checks))


SET_UP = fake(0, "ready")
ONE = fake(1, "a", "b", bonus="extra")
TWO = fake(2, "c")
TEN = fake(10, "d", files=("locustfile.py",))
COURSE = (SET_UP, ONE, TWO, TEN)
READY = {"exercise0.ready": PASSED}
ONE_PASSED = READY | {"exercise1.a": PASSED, "exercise1.b": PASSED}


# --- the table -------------------------------------------------------------------------------------------------------

TABLE: Mapping[str, tuple[FakeExercise, Mapping[str, State], tuple[str, int] | None]] = {
    "the first is always open": (SET_UP, {}, None),
    "nothing graded yet": (ONE, {}, ("exercise0", 1)),
    "the one before passed": (ONE, READY, None),
    "all before passed": (TWO, ONE_PASSED, None),
    "its own checks do not matter": (TWO, ONE_PASSED | {"exercise2.c": FAILED}, None),
    "one failed": (TWO, ONE_PASSED | {"exercise1.b": FAILED}, ("exercise1", 1)),
    "both failed": (TWO, READY | {"exercise1.a": FAILED, "exercise1.b": FAILED}, ("exercise1", 2)),
    "one was not graded": (TWO, READY | {"exercise1.a": PASSED}, ("exercise1", 1)),
    "one is inconclusive": (TWO, ONE_PASSED | {"exercise1.a": INCONCLUSIVE}, ("exercise1", 1)),
    "one is locked itself": (TWO, READY | {"exercise1.a": LOCKED, "exercise1.b": LOCKED}, ("exercise1", 2)),
    "nothing here can judge one": (TWO, ONE_PASSED | {"exercise1.b": NOT_RUN}, None),
    "a failed bonus locks nothing": (TWO, ONE_PASSED | {"exercise1.extra": FAILED}, None),
    "a passed bonus opens nothing": (TWO, READY | {"exercise1.extra": PASSED}, ("exercise1", 2)),
    "the earliest gap is named": (TEN, {"exercise2.c": PASSED}, ("exercise0", 1)),
    "a gap in between": (TEN, ONE_PASSED | {"exercise2.c": FAILED}, ("exercise2", 1)),
    "ten comes after two": (TEN, ONE_PASSED | {"exercise2.c": PASSED}, None),
    "a later one does not matter": (TWO, ONE_PASSED | {"exercise10.d": FAILED}, None),
}


@pytest.mark.parametrize("name", TABLE)
def test_lock(name: str) -> None:
    """An exercise is open exactly while every earlier check that counts has passed, or cannot be judged here."""
    of, states, expected = TABLE[name]

    lock = lock_of(of, states, COURSE)

    assert expected == (None if lock is None else (lock.exercise.id, lock.missing))


def test_lock_in_words() -> None:
    """A lock says what opens it, how many checks are missing, and the command that shows them."""
    one, two = lock_of(TWO, ONE_PASSED | {"exercise1.b": FAILED}, COURSE), lock_of(TWO, READY, COURSE)

    assert one is not None and two is not None
    assert one.text == "opens when exercise1 passes; one check is missing there: uv run pytest -k exercise1"
    assert two.text == "opens when exercise1 passes; 2 checks are missing there: uv run pytest -k exercise1"


# --- fingerprints ----------------------------------------------------------------------------------------------------


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    """The skeleton's app/ and a load test, in a folder of their own."""
    for relative in ("app/__init__.py", "app/main.py", *GIVEN):
        (tmp_path / relative).parent.mkdir(exist_ok=True)
        (tmp_path / relative).write_bytes((SKELETON / relative).read_bytes())
    (tmp_path / "locustfile.py").write_text("USERS = 1\n", encoding="utf-8")
    return Submission.at(tmp_path)


def prints(submission: Submission, suite: str = "s" * 64) -> dict[str, str]:
    return fingerprints(submission, suite, COURSE)


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {exercise_id for exercise_id in before if before[exercise_id] != after[exercise_id]}


def test_same_files_same_fingerprint(submission: Submission) -> None:
    """A save without a change changes no fingerprint."""
    before = prints(submission)
    (submission.root / "app/main.py").touch()

    assert before == prints(submission)


def test_a_changed_file(submission: Submission) -> None:
    """A changed file changes the fingerprints of the exercises that are judged by it, and of no other."""
    before = prints(submission)
    (submission.root / "locustfile.py").write_text("USERS = 2\n", encoding="utf-8")
    with_load = prints(submission)
    (submission.root / "app/main.py").write_text("app = None\n", encoding="utf-8")

    assert changed(before, with_load) == {"exercise10"}
    assert changed(with_load, prints(submission)) == {"exercise0", "exercise1", "exercise2"}


@pytest.mark.parametrize(
    ("what", "change"),
    {
        "a new file": lambda root: (root / "app/routes.py").write_text("", encoding="utf-8"),
        "a removed file": lambda root: (root / "app/__init__.py").unlink(),
        "a renamed file": lambda root: (root / "app/main.py").rename(root / "app/other.py"),
        "bytes that moved from one file to the next": lambda root: (
            (root / "app/__init__.py").write_bytes((root / "app/main.py").read_bytes()),
            (root / "app/main.py").write_bytes(b""),
        ),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_counts_as_a_change(submission: Submission, what: str, change: object) -> None:
    """Files that come, go or trade their contents change the fingerprint."""
    before = prints(submission)
    assert callable(change)
    change(submission.root)

    assert {"exercise0", "exercise1", "exercise2"} <= changed(before, prints(submission)), what


def test_a_changed_suite(submission: Submission) -> None:
    """Another suite changes every fingerprint: what passed an old promise has not passed a new one."""
    assert changed(prints(submission), prints(submission, "t" * 64)) == {e.id for e in COURSE}


def test_the_suites_fingerprint_reads_the_suite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The suite's digest follows the suite's and the graders' files, and not the lab's own tests or solutions."""
    monkeypatch.setattr("graders.submission.LAB", tmp_path)
    monkeypatch.setattr("graders.submission.SUITE", tmp_path / "tests")
    files = ["tests/test_exercise1.py", "graders/race.py", "graders/selftests/test_race.py", "graders/solutions/x.py"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old", encoding="utf-8")

    def is_noticed(name: str) -> bool:
        before = suite_fingerprint()
        (tmp_path / name).write_text("new", encoding="utf-8")
        return before != suite_fingerprint()

    assert [is_noticed(name) for name in files] == [True, True, False, False]


def test_given_files(submission: Submission) -> None:
    """What a learner does to a given file changes nothing: grading uses the lab's copy."""
    before = prints(submission)
    (submission.root / GIVEN[0]).write_text("raise SystemExit\n", encoding="utf-8")
    (submission.root / GIVEN[1]).unlink()

    assert before == prints(submission)


def test_caches_links_and_neighbours(submission: Submission) -> None:
    """Caches, symbolic links and files beside app/ are no part of a submission."""
    before = prints(submission)
    (submission.root / "app/__pycache__").mkdir()
    (submission.root / "app/__pycache__/main.cpython-311.pyc").write_bytes(b"cache")
    (submission.root / "app/stray.pyc").write_bytes(b"cache")
    (submission.root / "app/link.py").symlink_to("/etc/hostname")
    (submission.root / "notes.md").write_text("mine", encoding="utf-8")

    assert before == prints(submission)


# --- memory ----------------------------------------------------------------------------------------------------------


def outcomes(*states: State) -> dict[Check, Outcome]:
    return {check: Outcome(state, figure="0.1 s") for check, state in zip(ONE.checks, states, strict=False)}


NOW = {"exercise1": "now"}


def test_what_passed_is_remembered(tmp_path: Path) -> None:
    """An exercise whose checks all passed is verified at the next start, under its fingerprint alone."""
    Memory(tmp_path).write(outcomes(PASSED, PASSED), NOW)
    verified = Memory(tmp_path).read()

    assert is_verified(ONE, verified, NOW)
    assert not is_verified(ONE, verified, {"exercise1": "later"})
    assert verified["exercise1.a"] == {"fingerprint": "now", "figure": "0.1 s"}


@pytest.mark.parametrize("state", [FAILED, INCONCLUSIVE, LOCKED, NOT_RUN])
def test_what_did_not_pass_is_not_verified(tmp_path: Path, state: State) -> None:
    """Only a pass is remembered as one."""
    Memory(tmp_path).write(outcomes(PASSED, state), NOW)

    assert not is_verified(ONE, Memory(tmp_path).read(), NOW)
    assert set(Memory(tmp_path).read()) == {"exercise1.a"}


def test_a_failed_check_forgets_its_own_pass(tmp_path: Path) -> None:
    """A check that fails on files on which it passed is forgotten, and no other is."""
    Memory(tmp_path).write(outcomes(PASSED, PASSED), NOW)
    Memory(tmp_path).write(outcomes(FAILED), NOW)

    assert set(Memory(tmp_path).read()) == {"exercise1.b"}


@pytest.mark.parametrize("state", [INCONCLUSIVE, LOCKED, NOT_RUN])
def test_noise_forgets_nothing(tmp_path: Path, state: State) -> None:
    """A check that could not be judged this time keeps what it had."""
    Memory(tmp_path).write(outcomes(PASSED, PASSED), NOW)
    Memory(tmp_path).write(outcomes(state, state), NOW)

    assert is_verified(ONE, Memory(tmp_path).read(), NOW)


def test_a_part_at_a_time(tmp_path: Path) -> None:
    """Checks that passed in different runs on the same files add up to a verified exercise; the bonus is not asked."""
    first, second, _ = ONE.checks
    Memory(tmp_path).write({first: Outcome(PASSED)}, NOW)
    assert not is_verified(ONE, Memory(tmp_path).read(), NOW)
    Memory(tmp_path).write({second: Outcome(PASSED)}, NOW)

    assert is_verified(ONE, Memory(tmp_path).read(), NOW)


SPOILT = {
    "empty": b"",
    "cut short": b'{"exercise1.a": {"fingerpr',
    "no JSON": b"verified: all of it",
    "no text": b"\xff\xfe\x00\x00",
    "a list": b"[1, 2, 3]",
    "a number": b"7",
    "null": b"null",
    "records of another kind": b'{"exercise1.a": "now", "exercise1.b": ["now"]}',
    "records without a fingerprint": b'{"exercise1.a": {}, "exercise1.b": {"figure": "now"}}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_memory(tmp_path: Path, name: str) -> None:
    """A memory that cannot be read verifies nothing, and the next run writes it anew."""
    (tmp_path / "verified.json").write_bytes(SPOILT[name])

    assert not is_verified(ONE, Memory(tmp_path).read(), NOW)
    Memory(tmp_path).write(outcomes(PASSED, PASSED), NOW)
    assert is_verified(ONE, Memory(tmp_path).read(), NOW)


def test_no_memory(tmp_path: Path) -> None:
    """Without a memory nothing is verified; writing makes the folder."""
    folder = tmp_path / "not" / "there"
    assert Memory(folder).read() == {}
    Memory(folder).write(outcomes(PASSED), NOW)

    assert set(Memory(folder).read()) == {key(ONE.checks[0])}


def test_forget(tmp_path: Path) -> None:
    """Forgetting removes the memory, and does so twice without a word."""
    Memory(tmp_path).write(outcomes(PASSED), NOW)
    Memory(tmp_path).forget()
    Memory(tmp_path).forget()

    assert Memory(tmp_path).read() == {}


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while the memory is written leaves the old one whole, and no half file beside it."""
    Memory(tmp_path).write(outcomes(PASSED), NOW)

    def no_space(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    Memory(tmp_path).write(outcomes(PASSED, PASSED), NOW)

    assert [path.name for path in tmp_path.iterdir()] == ["verified.json"]
    assert {"exercise1.a"} == set(json.loads((tmp_path / "verified.json").read_text(encoding="utf-8")))


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """Where the memory's folder cannot be made, nothing is remembered and nothing is raised."""
    (tmp_path / ".lab").write_text("a file", encoding="utf-8")
    memory = Memory(tmp_path / ".lab")

    memory.write(outcomes(PASSED), NOW)
    assert memory.read() == {}
