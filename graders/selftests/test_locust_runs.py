"""Locust as a child: a faster clock, raw events, reruns of what hangs or dies, and nothing left running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from graders.curriculum import SOLUTIONS
from graders.expect import Unmet
from graders.running.launcher import Launcher
from graders.running.load_run import LoadRun, run_load
from graders.running.loads import Loads
from graders.running.locust_process import LocustLauncher, LocustProcess
from graders.running.locust_troubles import ended_early
from graders.submission import Submission

USER = """
from locust import HttpUser, LoadTestShape, constant, events, task

class InferenceUser(HttpUser):
    wait_time = constant(0.3)

    @task
    def predict(self):
        self.client.post("/predict", json={"feature_1": 1, "feature_2": 2})
"""
SHAPE = """
class StepLoad(LoadTestShape):
    def tick(self):
        return (4, 1) if self.get_run_time() < 20 else (8, 1) if self.get_run_time() < 40 else None
"""
REPORT = """
import json, os

@events.test_stop.add_listener
def write(**_):
    with open(os.environ["LOAD_REPORT"], "w") as file:
        json.dump({"breaking_point_users": 8, "steps": []}, file)
"""


@pytest.fixture(scope="module")
def launchers() -> Iterator[tuple[Launcher, LocustLauncher]]:
    with Launcher() as launcher, LocustLauncher() as locust:
        assert isinstance(locust, LocustLauncher)
        yield launcher, locust
        scratch = str(locust.scratch)
    assert running_in(scratch) == []


def running_in(folder: str) -> list[psutil.Process]:
    """Processes whose current folder lies below a folder."""
    return [p for p in psutil.process_iter(["cwd"]) if (p.info["cwd"] or "").startswith(folder)]


def submission(folder: Path, locustfile: str | None) -> Submission:
    (folder / "app").mkdir()
    (folder / "app/__init__.py").touch()
    if locustfile is not None:
        (folder / "locustfile.py").write_text(dedent(locustfile), encoding="utf-8")
    return Submission.at(folder)


@pytest.fixture
async def loads(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> AsyncIterator[Loads]:
    """The reference's load test, nothing of it started yet."""
    source = (SOLUTIONS / "exercise3/locustfile.py").read_text(encoding="utf-8")
    runs = Loads(launchers[0], submission(tmp_path, source), [])
    yield runs
    await runs.close()


async def run(
    launchers: tuple[Launcher, LocustLauncher],
    folder: Path,
    locustfile: str,
    factor: float = 10.0,
    limit_s: float = 20.0,
) -> LoadRun:
    return await run_load(launchers, submission(folder, locustfile), "Service", factor=factor, limit_s=limit_s)


async def test_the_clock_of_a_shape_runs_faster(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """Forty seconds of run time take four, users come as much faster, and the report is read as data."""
    found = await run(launchers, tmp_path, USER + SHAPE + REPORT)

    assert [users for _, users in found.ticks] == [4, 8, None]
    assert 3 < found.ticks[-1][0] - found.ticks[0][0] < 9
    assert found.is_over
    assert found.report == {"breaking_point_users": 8, "steps": []}
    assert found.report_trouble == ""


async def test_both_sides_keep_a_record(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """Each of Locust's raw events is set beside the service's own record by the number of the answer."""
    found = await run(launchers, tmp_path, USER + SHAPE)

    by_number = {served.answer: served for served in found.record}
    assert len(found.events) >= 20
    for event in found.events:
        assert event.answer in by_number
        assert event.latency_ms > by_number[event.answer].latency_ms - 2
    assert found.users["waits"] > 0
    assert found.users["executions"]["predict"].keys() == {"1 of 1"}
    assert found.weights == {"predict": 1}


async def test_users_without_a_shape(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """A locustfile without a shape is run with a fixed number of users."""
    found = await run_load(
        launchers,
        submission(tmp_path, USER),
        "Service",
        factor=1,
        limit_s=20,
        is_enough=lambda process, service: len(process.rows) > 40,
    )

    assert len(found.events) > 40
    assert not found.is_over


@pytest.mark.parametrize(
    ("locustfile", "says"),
    [
        (None, "there is no file locustfile.py"),
        (None, "`uv run lab reset locustfile.py` brings the skeleton's back"),
        ("def broken(:\n    pass\n", "locustfile.py, line 1: SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("import os\nos._exit(7)\n", "exit code 7"),
        ("import nonexistent_thing\n", "ModuleNotFoundError"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("x = 1\n", "no user class"),
        (USER.replace("InferenceUser", "Client"), "user classes called Client"),
        (USER.replace("    wait_time", "    abstract = True\n    wait_time"), "no user class"),
        ("while True:\n    pass\n", "loading it did not end within 1 s; it was in locustfile.py, line"),
        ("import time\ntime.sleep(99)\n", "it was in locustfile.py, line 2"),
    ],
)
async def test_what_cannot_be_loaded(
    launchers: tuple[Launcher, LocustLauncher],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    locustfile: str | None,
    says: str,
) -> None:
    """A locustfile that cannot be loaded gets one clear message with its place, and its process is ended."""
    monkeypatch.setattr("graders.running.locust_process.LOAD_LIMIT_S", 1.0 if "within 1 s" in says else 4.0)
    process = LocustProcess(launchers[1], submission(tmp_path, locustfile), "arithmetic")

    with pytest.raises(Unmet) as caught:
        process.start(cases=[])
        await process.loaded()

    assert says in caught.value.text
    assert "graders/" not in caught.value.text
    assert caught.value.cause == "locustfile"
    assert running_in(str(process.root)) == []


ENDS = {
    "a task that spins": (
        USER.replace("        self.client", "        while True: pass\n        self.client"),
        "line 9",
    ),
    "a task that sleeps": (
        "import time\n" + USER.replace("        self.client", "        time.sleep(99)\n        self.client"),
        "line 10",
    ),
    "an end that never comes": (
        "import time\n" + USER + SHAPE + "\n@events.test_stop.add_listener\ndef wait(**_):\n    time.sleep(99)\n",
        "in wait",
    ),
}


@pytest.mark.parametrize("what", ENDS)
async def test_what_hangs_is_ended(
    launchers: tuple[Launcher, LocustLauncher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A run that hangs is ended, and the line in which it hung is named."""
    monkeypatch.setattr("graders.running.load_run.FIRST_REQUEST_LIMIT_S", 3.0)
    locustfile, where = ENDS[what]

    found = await run(launchers, tmp_path, locustfile, limit_s=7.0)

    assert not found.is_over
    assert found.where is not None
    assert where in f"line {found.where['line']}, in {found.where['function']}"


async def test_what_a_run_starts_ends_with_it(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """A process that the locustfile started, and did not end, is gone when the run is over."""
    child = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"

    found = await run(launchers, tmp_path, child + USER + SHAPE)

    assert found.is_over
    assert [p for p in running_in(str(launchers[1].scratch)) if "time.sleep(600)" in " ".join(p.cmdline())] == []


async def test_an_exit_from_a_task(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """sys.exit() in a task ends Locust; the place is told."""
    locustfile = USER.replace("        self.client", "        raise SystemExit(4)\n        self.client")

    found = await run(launchers, tmp_path, locustfile + SHAPE)

    assert found.left is not None
    assert found.left["frames"][-1]["function"] == "predict"


async def test_exceptions_of_tasks_and_listeners(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """What a task raises is told; what a listener raises stands in the output, with the learner's own lines alone."""
    raises = USER.replace('json={"feature_1": 1, "feature_2": 2})', "json={}).json()['nothing']")
    listener = "\n@events.test_stop.add_listener\ndef stop(**_):\n    raise LookupError('no results')\n"

    found = await run(launchers, tmp_path, raises + SHAPE + listener)

    assert found.raised is not None
    assert found.raised["kind"] == "KeyError"
    assert "LookupError: no results" in found.printed
    assert "in stop" in found.printed
    assert "site-packages" not in found.printed


async def test_a_signal_is_not_an_end(launchers: tuple[Launcher, LocustLauncher], tmp_path: Path) -> None:
    """A process that a signal ended did not end by itself, and the message says which one it was."""
    kills = "import os, signal\n" + USER.replace(
        "        self.client", "        os.kill(os.getpid(), signal.SIGSEGV)\n        self.client"
    )

    found = await run(launchers, tmp_path, kills + SHAPE)

    trouble = ended_early("ran it", found)
    assert trouble is not None
    assert "SIGSEGV" in trouble.saw


async def test_a_rehearsal_takes_no_time(loads: Loads) -> None:
    """The reference's shape is known from end to end before any user is started."""
    rehearsal = await loads.rehearsal()

    assert [step.users for step in rehearsal.schedule.steps] == [10, 20, 30, 45, 60, 80, 100]
    assert {30.0} == {round(step.hold_s, 1) for step in rehearsal.schedule.steps}
    assert round(rehearsal.schedule.factor, 1) == 15
    assert rehearsal.name == "StepLoad"


async def test_arithmetic(loads: Loads) -> None:
    """find_breaking_point is asked in the child, and answers as it would anywhere."""
    told = await loads.arithmetic([[[10, 9, 100, 0], [20, 18, 900, 0]], []])

    assert told is not None
    assert told["answers"] == [{"value": 10, "shown": "10"}, {"value": None, "shown": "None"}]


async def test_nothing_is_started_until_it_is_asked_for(
    launchers: tuple[Launcher, LocustLauncher], tmp_path: Path
) -> None:
    """A locked exercise costs no process."""
    runs = Loads(launchers[0], submission(tmp_path, USER), ["runs_headless", "breaking_point_found"])

    await runs.close()

    assert runs._warm is None
