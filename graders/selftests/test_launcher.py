"""Children of the lab: what they inherit, what is heard of them, and that none of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from graders.curriculum import LAB
from graders.running.launcher import Child, Launcher
from graders.selftests.ahead import Ahead
from graders.selftests.corpus import Graded, compose, grade

SOON_S = 20.0
MAY_INHERIT = {"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_CTYPE", "PYTHONUNBUFFERED", "PYTHONUTF8"}
Start = Callable[..., Child]


@pytest.fixture(scope="module", params=[True, False], ids=["forked", "started"])
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    """A launcher in a shell full of variables, once with a warm process and once without."""
    with pytest.MonkeyPatch.context() as shell:
        for name in ("LEAK", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "HTTP_PROXY", "LD_PRELOAD_NOT", "LAB_STATE"):
            shell.setenv(name, "from the shell")
        with Launcher(fork=request.param) as launcher:
            yield launcher


@pytest.fixture
async def start(launcher: Launcher) -> AsyncIterator[Start]:
    """Starts children of `graders.selftests.children` by name; they end with the test."""
    children: list[Child] = []

    def begin(function: str, **spec: Any) -> Child:
        children.append(launcher.start(f"graders.selftests.children:{function}", spec))
        return children[-1]

    yield begin
    for child in children:
        await child.end()


async def event(child: Child, name: str) -> dict[str, Any]:
    found = await child.wait_for(name, timeout_s=SOON_S)
    assert found is not None, child.events
    return found


async def hang_up(*children: Child) -> None:
    """Hear no more of children, without ending them."""
    for child in children:
        child.close()
    await asyncio.sleep(0)  # the loop closes what was closed at its next turn


def gone(pids: list[int]) -> bool:
    """Whether these processes end within a few seconds."""
    alive = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end at any moment: asking first proves nothing
            alive.append(psutil.Process(pid))
    _, left = psutil.wait_procs(alive, timeout=5)
    return not left


# --- what a child is given -------------------------------------------------------------------------------------------


async def test_surroundings(start: Start, launcher: Launcher, tmp_path: Path) -> None:
    """A child has no variable of the shell's, an empty standard input, and a folder of the lab's for its home."""
    child = start("tell", env={"PORT": "8000"}, output=str(tmp_path / "output.txt"))
    told = await event(child, "told")
    await event(child, "exited")

    assert set(told["environment"]) - {"PORT"} <= MAY_INHERIT
    assert told["environment"]["PORT"] == "8000"
    assert told["environment"]["HOME"] == told["environment"]["TMPDIR"] == str(launcher.scratch)
    assert told["folder"] == str(launcher.scratch)
    assert told["stdin"] == ""
    assert (tmp_path / "output.txt").read_text(encoding="utf-8") == "printed by the child\n"


async def test_imported_once_for_all(tmp_path: Path) -> None:
    """What one child is known to import is imported before it is forked, and is there for every later one."""
    about = ["wave", "no_such_module"]
    with Launcher(fork=True) as launcher:
        without, wanted, later = (
            launcher.start("graders.selftests.children:loaded", {"about": about, "preload": preload})
            for preload in ([], about, [])
        )
        told = [(await event(child, "told"))["modules"] for child in (without, wanted, later)]
        await hang_up(without, wanted, later)

    assert told == [[], ["wave"], ["wave"]]


async def test_events_are_in_order(start: Start) -> None:
    """What a child tells arrives in order, its end last; of its fork another socket tells, at any time."""
    child = start("tell", number=7)
    assert (await event(child, "exited"))["code"] == 0
    heard = [e["event"] for e in child.events if e["event"] != "forked"]

    assert heard[-3:] == ["told", "told_again", "exited"]
    assert (await event(child, "told_again"))["spec"] == {"number": 7}


@pytest.mark.parametrize("turns", range(6))
async def test_interrupted_at_once(start: Start, turns: int) -> None:
    """Whoever is interrupted while the first connection is made, at any turn of the loop, still ends the child."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    child = start("wait")
    listening = asyncio.create_task(child.listen())
    for _ in range(turns):
        await asyncio.sleep(0)
    listening.cancel()
    await asyncio.wait([listening])
    await child.end()
    await hang_up(child)

    assert (child.is_over, complaints) == (True, [])


async def test_questions(start: Start) -> None:
    """A question gets its own answer; one that nobody answers gets none."""
    child = start("wait")
    first = await child.ask("say", "heard", timeout_s=SOON_S, word="one")
    second = await child.ask("say", "heard", timeout_s=SOON_S, word="two")

    assert first is not None and second is not None
    assert (first["word"], second["word"]) == ("one", "two")
    assert await child.ask("say", "never_said", timeout_s=0.05) is None


# --- how it ended ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spec", "code", "number"), [({"code": 3}, 3, None), ({"signal": 9}, None, 9), ({}, 1, None)])
async def test_its_end(start: Start, spec: dict[str, int], code: int | None, number: int | None) -> None:
    """An exit code, a signal and an exception are told apart."""
    exited = await event(start("leave", **spec), "exited")

    assert (exited["code"], exited["signal"]) == (code, number)


async def test_end_by_term(start: Start) -> None:
    """A child that listens to SIGTERM ends by it."""
    child = start("wait")
    await event(child, "waiting")
    await child.end(grace_s=SOON_S)

    assert child.events[-1] | {"cpu_s": 0, "peak_mib": 0, "limit": None} == {
        "event": "exited", "code": None, "signal": signal.SIGTERM, "cpu_s": 0, "peak_mib": 0, "limit": None,
    }  # fmt: skip


async def test_end_by_kill(start: Start) -> None:
    """A child that is deaf to SIGTERM is killed when its time is over."""
    child = start("wait", is_deaf=True)
    pid = (await event(child, "waiting"))["pid"]
    await child.end(grace_s=0.05)

    assert child.events[-1]["signal"] == signal.SIGKILL
    assert gone([pid])


async def test_end_twice(start: Start) -> None:
    """Ending a child that has ended does nothing."""
    child = start("leave", code=0)
    await event(child, "exited")
    await child.end()
    await child.end(grace_s=1)

    assert [e["event"] for e in child.events].count("exited") == 1


# --- forked children only --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def warm() -> Iterator[Launcher]:
    """A launcher with a warm process."""
    with Launcher() as launcher:
        yield launcher


async def test_what_a_child_says_of_its_own_end(warm: Launcher) -> None:
    """A child cannot say for itself that it has ended or who it is, and nonsense on its line is passed over."""
    child = warm.start("graders.selftests.children:lie", {})
    lied = await event(child, "lied")

    assert child.pid == lied["pid"]
    assert child.last("exited") is None and not child.is_over
    await child.end()
    assert (child.last("exited") or {})["signal"] == signal.SIGKILL


async def test_orphans() -> None:
    """What children scattered into other groups and sessions ends with the launcher, if not with the children."""
    with Launcher() as launcher:
        specs = [{"and_ends": False}, {"and_ends": True}]
        stays, ends = [launcher.start("graders.selftests.children:scatter", spec) for spec in specs]
        left = (await event(stays, "scattered"))["pids"]
        orphans = (await event(ends, "scattered"))["pids"]
        await event(ends, "exited")
        assert len(left) == len(orphans) == 4
        assert all(psutil.pid_exists(pid) for pid in left[:3])  # the fourth is nobody's child any more
        await hang_up(stays, ends)

    assert gone(left + orphans)


async def test_close() -> None:
    """The end of a launcher ends its children and its warm process and removes its folder; a second end is nothing."""
    launcher = Launcher()
    child = launcher.start("graders.selftests.children:wait", {"is_deaf": True})
    pids = [(await event(child, "waiting"))["pid"], launcher._warm.pid]
    await hang_up(child)
    launcher.close()
    launcher.close()

    assert gone(pids)
    assert not launcher.scratch.exists()


async def test_the_warm_process_dies() -> None:
    """Where the warm process has been killed, its children end, and a new start says what has happened."""
    with Launcher() as launcher:
        child = launcher.start("graders.selftests.children:wait", {})
        pid = (await event(child, "waiting"))["pid"]
        launcher._warm.kill()
        launcher._warm.wait()

        assert gone([pid])
        with pytest.raises(ChildProcessError, match="the lab's own helper process has ended"):
            launcher.start("graders.selftests.children:wait", {})
        await hang_up(child)


LAB_THAT_WAITS = """
import asyncio, signal
from graders.running.launcher import Launcher

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests under nohup leaves it ignored

async def main():
    launcher = Launcher()
    children = [launcher.start("graders.selftests.children:wait", {"is_deaf": True}) for _ in range(2)]
    pids = [(await child.wait_for("waiting", timeout_s=20))["pid"] for child in children]
    print(launcher.scratch, launcher._warm.pid, *pids, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


ENDS = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(scope="module")
def labs() -> Iterator[dict[signal.Signals, subprocess.Popen[str]]]:
    """Processes that have started children and wait, one for each way to end."""
    command = [sys.executable, "-c", LAB_THAT_WAITS]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        labs = {n: stack.enter_context(subprocess.Popen(command, cwd=LAB, text=True, **pipes)) for n in ENDS}
        yield labs
        for lab in labs.values():
            lab.kill()  # one that did not end as its test wanted would be waited for without an end


@pytest.mark.parametrize("number", ENDS)
def test_the_lab_dies(labs: dict[signal.Signals, subprocess.Popen[str]], number: signal.Signals) -> None:
    """Whatever ends the lab's own process, its children and the warm process end too, and no copies are left."""
    lab = labs[number]
    assert lab.stdout is not None
    scratch, *pids = lab.stdout.readline().split()
    lab.send_signal(number)
    lab.wait(SOON_S)

    assert len(pids) == 3
    assert gone([int(pid) for pid in pids])
    assert not Path(scratch).exists()


# --- whole runs ------------------------------------------------------------------------------------------------------

WITHOUT_FORKS = ("-c", "import socket, sys; del socket.send_fds; import pytest; sys.exit(pytest.main(sys.argv[1:]))")
FEW = ("tests/test_exercise1.py::test_health", "tests/test_exercise1.py::test_five_parallel")
SCATTERS = """
import os, signal
from pathlib import Path
from fastapi import FastAPI

app = FastAPI()
pids = []
for become in (os.getpid, os.setpgrp, os.setsid):
    pid = os.fork()
    if pid == 0:
        become()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    pids.append(str(pid))
Path({path!r}).write_text(" ".join(pids))
"""


@pytest.fixture(scope="module")
def pids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a service writes whom it started."""
    return tmp_path_factory.mktemp("whole_runs") / "pids"


@pytest.fixture(scope="module")
def graded(pids: Path) -> Iterator[Ahead[Graded]]:
    """Two gradings: the reference of exercise 1 where nothing can be forked, and a service that scatters processes."""
    folder = pids.parent
    unforked, scattering = compose(1, folder / "unforked"), compose(1, folder / "scattering")
    (scattering / "app/main.py").write_text(SCATTERS.format(path=str(pids)), encoding="utf-8")
    ahead = Ahead(
        {
            "unforked": lambda: grade(unforked, *FEW, scratch=folder / "run_unforked", program=WITHOUT_FORKS),
            "scattering": lambda: grade(scattering, "-k", "exercise0", scratch=folder / "run_scattering"),
        }
    )
    yield ahead
    ahead.close()


def test_grading_without_forks(graded: Ahead[Graded]) -> None:
    """Where processes cannot be forked, the same checks are graded by processes that are started one by one."""
    run = graded["unforked"]

    assert set(run.states("exercise0").values()) == {"passed"}, run.printed
    assert {c for c, state in run.states("exercise1").items() if state == "passed"} == {"health", "five_parallel"}
    assert run.exit_code == 0


def test_a_service_that_scatters_processes(graded: Ahead[Graded], pids: Path) -> None:
    """After a grading, nothing that the learner's service started is left, in whatever group or session."""
    assert graded["scattering"].exit_code == 0, graded["scattering"].printed
    scattered = [int(pid) for pid in pids.read_text(encoding="utf-8").split()]

    assert len(scattered) == 3
    assert gone(scattered)
