"""A class graded on a Dask cluster gets the same gradebook as on one machine, also when a worker is lost half way."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graders.classroom import work
from graders.classroom.levels import UnavailableError
from graders.classroom.pool import NoClusterError, dask_pool
from graders.classroom.run import Options, grade_class
from graders.curriculum import LAB
from graders.selftests.corpus import compose, specimens
from graders.selftests.fake_class import Silence

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="Dask is not here: --group cluster"),
    pytest.mark.skipif(sys.platform != "linux", reason="bulk grading is for Linux"),
]
START_LIMIT_S = 60.0


@dataclass
class Cluster:
    """A scheduler and its workers, as processes of this machine."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler with two workers that grade one submission at a time each."""
    told = tmp_path / "scheduler.json"
    scheduler = _start(
        "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", f"--scheduler-file={told}"
    )
    workers: list[subprocess.Popen[bytes]] = []
    try:
        until = time.monotonic() + START_LIMIT_S
        while not told.exists() or not told.read_text():
            assert scheduler.poll() is None
            assert time.monotonic() < until
        address = json.loads(told.read_text())["address"]
        for number in range(2):
            folder = tmp_path / f"worker{number}"
            folder.mkdir()
            options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
            workers.append(_start("dask_worker", address, *options, f"--local-directory={folder}"))
        _wait_for_workers(address, 2)
        yield Cluster(address, workers)
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
    return subprocess.Popen(command, cwd=LAB, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_for_workers(address: str, count: int) -> None:
    distributed: Any = importlib.import_module("distributed")
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=START_LIMIT_S)


class Saboteur(Silence):
    """Kills a worker as soon as the first submission is graded."""

    def __init__(self, victim: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self._victim = victim

    def done(self, entry: object, is_last_word: bool) -> None:
        self._victim.kill()


def test_a_lost_worker_loses_no_result(cluster: Cluster, tmp_path: Path) -> None:
    """One of two workers is killed half way: everybody is graded, with the verdicts of a run on this machine."""
    try:
        work.level_here("auto")
    except UnavailableError as error:
        pytest.skip(str(error))
    folder = tmp_path / "class"
    broken = [
        s for s in specimens("broken") if s.folder.name in ("syntax_error", "missing_package", "os_exit_at_import")
    ]
    for specimen in broken:
        specimen.compose(folder / specimen.folder.name)
    compose(0, folder / "untouched")
    compose(0, folder / "untouched_too")
    for student in folder.iterdir():
        (student / "app" / "who.py").write_text(f"NAME = {student.name!r}\n")
    options = Options((folder,), tmp_path / "cluster", ("exercise1",), scheduler=cluster.address, attempts=1)

    saboteur = Saboteur(cluster.workers[0])
    graded = grade_class(options, saboteur)

    assert cluster.workers[0].poll() is not None
    assert cluster.workers[1].poll() is None
    local = grade_class(Options((folder,), tmp_path / "local", ("exercise1",), attempts=1), Silence())
    assert [(e.student, e.status, e.total, e.states) for e in graded.entries] == [
        (e.student, e.status, e.total, e.states) for e in local.entries
    ]
    assert {e.status for e in graded.entries} == {"graded"}


def test_no_cluster_is_told() -> None:
    """A scheduler that does not answer is named, with the address."""
    with pytest.raises(NoClusterError, match="no Dask scheduler answers at tcp"), dask_pool("tcp://127.0.0.1:9"):
        pass
