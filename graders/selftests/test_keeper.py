"""One grading, kept: its time is limited, its end is everybody's end, its level is tried and told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from graders.classroom import bubble, levels, work
from graders.classroom.intake.unpack import take_in
from graders.classroom.levels import UnavailableError, choose, no_namespaces, no_plain
from graders.classroom.order import Ended, Level, Order, Result
from graders.classroom.work import Task, fingerprint, lab_fingerprint, pack
from graders.curriculum import LAB
from graders.running.confine import Confinement, hand_over
from graders.selftests.corpus import compose

SLEEPER = "lab-keeper-test-sleeper"
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="bulk grading is for Linux")
pytestmark = needs_linux


@pytest.fixture
def level() -> str:
    """The strongest level that holds here."""
    try:
        return choose("auto", work.TRIAL_UID).level.value
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def task(tmp_path: Path, level: str) -> Callable[..., Task]:
    """Makes a task of a submission that differs from the reference of exercise 1 in `app/main.py`."""

    def make(main: str | None = None, timeout_s: float = 120.0) -> Task:
        folder = compose(1, Path(tmp_path / "handed_in"))
        if main is not None:
            (folder / "app/main.py").write_text(main, encoding="utf-8")
        given = next(iter(take_in([folder], tmp_path / "work", print)))
        assert given.folder is not None
        return Task("alice", str(given.folder), b"", ("exercise1",), level, timeout_s, lab_fingerprint())

    for place in (tmp_path, *tmp_path.parents[:2]):
        place.chmod(place.stat().st_mode | 0o711)  # the sandbox of a root's grading is entered by somebody else
    return make


def processes_with(word: str) -> list[int]:
    """Processes that carry a word among their arguments."""
    return [p.pid for p in psutil.process_iter(["cmdline"]) if word in (p.info["cmdline"] or [])]


def test_the_reference_passes(task: Callable[..., Task], level: str) -> None:
    """A right submission gets its points, and the report says which level held."""
    result = work.grade(task())

    assert result.ended is Ended.FINISHED, result.why
    assert result.card is not None
    assert result.card["environment"]["isolation"] == level
    states = {c["id"]: c["state"] for c in result.card["exercises"][1]["checks"]}
    assert {state for check, state in states.items() if "parallel" not in check} == {"passed"}
    assert "failed" not in states.values()
    assert result.survivors == 0
    assert "Inference Lab" in result.printed
    assert "page" not in result.printed


HANGS = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)", "{SLEEPER}"], start_new_session=True)
while True:
    time.sleep(1)
"""


def test_a_timeout_ends_everything(task: Callable[..., Task]) -> None:
    """When the time is over, the whole tree is killed at once, and a full card with no points comes back."""
    began = time.monotonic()
    result = work.grade(task(HANGS, timeout_s=4.0))

    assert result.ended is Ended.TIMEOUT
    assert "not done after 4 s" in result.why
    assert time.monotonic() - began < 30
    assert processes_with(SLEEPER) == []
    if result.card is not None:
        assert {c["state"] for c in result.card["exercises"][1]["checks"]} <= {"inconclusive", "locked"}


def test_who_kills_the_keeper_ends_the_grading(task: Callable[..., Task]) -> None:
    """When the process that grades a class is killed, no grading of it lives on."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(work.grade(task(HANGS, timeout_s=60.0))))
    thread.start()
    until = time.monotonic() + 30
    while not processes_with(SLEEPER):
        assert time.monotonic() < until
    keepers = [p for p in psutil.Process().children() if str(work.KEEPER) in p.cmdline()]

    for keeper in keepers:
        os.kill(keeper.pid, signal.SIGKILL)
    thread.join(20)

    assert results[0].ended is Ended.DIED
    until = time.monotonic() + 10
    while processes_with(SLEEPER) and time.monotonic() < until:
        pass
    assert processes_with(SLEEPER) == []


def test_stop_all(task: Callable[..., Task]) -> None:
    """An interrupt ends every grading of this process."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(work.grade(task(HANGS, timeout_s=60.0))))
    thread.start()
    until = time.monotonic() + 30
    while not processes_with(SLEEPER):
        assert time.monotonic() < until

    work.stop_all()
    thread.join(20)

    assert results[0].ended is Ended.DIED


def test_packed_work_is_graded_elsewhere(task: Callable[..., Task]) -> None:
    """A submission that travels as bytes is the same submission; another lab refuses it."""
    local = task("raise RuntimeError('not today')\n")
    packed = Task("alice", "", pack(Path(local.folder)), local.exercises, local.isolate, 60.0, local.lab)

    result = work.grade(packed)

    assert result.ended is Ended.FINISHED, result.why
    assert "not today" in str(result.card)
    other = Task("alice", "", packed.packed, local.exercises, local.isolate, 60.0, "another lab")
    assert "another version of the lab" in work.grade(other).why


def test_the_teachers_python_path_reaches_nobody(task: Callable[..., Task], tmp_path: Path) -> None:
    """Modules on PYTHONPATH, in the current folder or in the user's own packages are not imported by the grading."""
    evil, log = tmp_path / "evil", tmp_path / "imported.txt"
    evil.mkdir()
    for name in ("pytest", "httpx", "sitecustomize", "json", "graders"):
        (evil / f"{name}.py").write_text(f"open({str(log)!r}, 'a').write('{name} by ' + str(__import__('sys').argv))\n")
    command = [sys.executable, "-I", str(work.KEEPER)]
    made = task()
    level = Level(made.isolate)
    with work._uid_for(level) as uid:
        order = Order(made.folder, "alice", ("exercise1",), level, uid, 60.0, "")
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(evil), "PYTHONUSERBASE": str(evil), "HOME": str(evil)}
        run = subprocess.run(
            command, input=json.dumps(order.to_json()), capture_output=True, text=True, cwd=evil, env=env, check=False
        )

    assert Result.from_json(json.loads(run.stdout)).ended is Ended.FINISHED
    assert not log.exists()


def test_fingerprints_speak_of_names_and_contents(tmp_path: Path) -> None:
    """Another byte or another name is another submission; another time or place is not."""
    a, b = compose(1, tmp_path / "a"), compose(1, tmp_path / "b")

    assert fingerprint(a) == fingerprint(b)
    (b / "app/main.py").rename(b / "app/other.py")
    assert fingerprint(a) != fingerprint(b)


# --- levels ----------------------------------------------------------------------------------------------------------


def test_without_bubblewrap_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` goes on with the next level and says so; `namespaces` is refused."""
    monkeypatch.setattr(bubble, "program", lambda: None)

    assert "apt install bubblewrap" in no_namespaces(work.TRIAL_UID)
    with pytest.raises(UnavailableError, match="apt install bubblewrap"):
        choose("namespaces", work.TRIAL_UID)


def test_root_is_refused_plain_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain process of root's could do anything, so there is none; the message says what to do instead."""
    monkeypatch.setattr(levels, "is_root", lambda: True)
    assert "could do anything" in no_plain(0)
    with pytest.raises(UnavailableError, match="--isolate user"):
        choose("none", work.TRIAL_UID)


def test_a_weak_level_comes_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever grades with plain processes is told what they do not keep out, and why it was not better."""
    monkeypatch.setattr(levels, "is_root", lambda: False)
    monkeypatch.setattr(bubble, "program", lambda: None)

    chosen = choose("auto", work.TRIAL_UID)

    assert chosen.level is Level.NONE
    assert any("bubblewrap is not installed" in text for text in chosen.warnings)
    assert "can read what you can" in chosen.warnings[-1]


def test_a_sandbox_that_leaks_is_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """The level is tried, not assumed: one that shows the suite or the network is not taken."""
    seen = {
        "uid": 61_999, "groups": [], "sees_hidden": ["tests"], "sees_grader": False, "writes_own_folder": True,
        "writes_lab": False, "reads_packages": True, "has_route": True,
    }  # fmt: skip
    monkeypatch.setattr(bubble, "program", lambda: "/usr/bin/bwrap")
    monkeypatch.setattr(levels, "_probe", lambda *_: (seen, ""))

    reason = no_namespaces(work.TRIAL_UID)

    assert "would see the suite" in reason
    assert "a way out to the network" in reason


def test_bubblewrap_is_given_only_what_is_needed(tmp_path: Path) -> None:
    """Not the root of the file system, not /etc, not a home, not the folder of the results."""
    words = bubble.command("/usr/bin/bwrap", tmp_path, "alice", tmp_path, 61_999)
    bound = [words[n + 1] for n, word in enumerate(words) if word in ("--ro-bind", "--bind", "--ro-bind-try")]

    assert "--bind" not in words
    assert not {"/", "/etc", "/home", "/root", "/var", "/run", "/tmp", str(LAB), str(LAB / ".git")} & set(bound)
    assert {str(LAB / "graders"), str(LAB / "tests")} <= set(bound)


@pytest.fixture
def a_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "own"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text("mine")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(not levels.is_root(), reason="only root can give files away")
def test_a_folder_is_handed_over_once_and_without_what_is_linked(a_folder: Path, tmp_path: Path) -> None:
    """Links are not followed, hard links are not given away, and a folder that was a learner's is left alone."""
    (tmp_path / "secret").write_text("secret")
    (a_folder / "link").symlink_to(tmp_path / "secret")
    (a_folder / "hard").hardlink_to(tmp_path / "secret")

    hand_over(a_folder, 61_999)

    assert (a_folder / "file").stat().st_uid == 61_999
    assert (tmp_path / "secret").stat().st_uid == 0
    (a_folder / "later").write_text("root's")
    hand_over(a_folder, 61_998)
    assert (a_folder / "later").stat().st_uid == 0


def test_a_spoilt_order_for_confinement_is_an_error() -> None:
    """An unknown kind is never taken for no confinement."""
    with pytest.raises(ValueError, match="no confinement is called"):
        Confinement.from_environment({"LAB_CONFINE": '{"kind": "weak", "uid": 0, "hidden": [], "private": []}'})
