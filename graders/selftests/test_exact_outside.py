"""What the virtual clock cannot see is said to be so, never guessed at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graders.exact import launched
from graders.exact.result import ExactBurst, ExactResult, Stop
from graders.exact.run import run_exact
from graders.exact.scenario import Burst, Limits, predictions
from graders.measuring.timeline import Timeline
from graders.running.launcher import Launcher
from graders.selftests.exact_shapes import write_submission
from graders.selftests.test_exact_limits import route
from graders.submission import Submission

COMPUTE = (
    "def compute(seconds):\n    end = time.thread_time() + seconds\n    while time.thread_time() < end:\n        pass\n"
)

CASES = {
    "runs_a_program": (
        "import subprocess, sys\n" + route('subprocess.run([sys.executable, "-c", ""])', "def"),
        "in predict: starts another process",
    ),
    "asks_the_shell": ("import os\n" + route('os.system("true")'), "in predict: starts another process"),
    "process_pool": (
        "from concurrent.futures import ProcessPoolExecutor\npool = ProcessPoolExecutor(1)\n"
        + route("await asyncio.get_running_loop().run_in_executor(pool, abs, -1)"),
        "starts another process",
    ),
    "spawned_process": (
        "import multiprocessing\n" + route('multiprocessing.get_context("spawn").Process(target=print).start()'),
        "starts another process",
    ),
    "forked_in_the_import": (
        'import multiprocessing\npool = multiprocessing.get_context("fork").Pool(1)\n' + route("return 1"),
        "in <module>: starts another process",
    ),
    "real_socket": (
        "import socket\n" + route('socket.create_connection(("127.0.0.1", 9))', "def"),
        "in predict: uses a real socket",
    ),
    "real_http": (
        "import httpx\n" + route('async with httpx.AsyncClient() as c:\n    await c.get("http://127.0.0.1:9/")'),
        "in predict: uses a real socket",
    ),
    "reads_a_pipe": (
        "import os\nreader, writer = os.pipe()\n" + route("os.read(reader, 1)", "def"),
        "in predict: waits for something that is not in the virtual world",
    ),
    "waits_for_a_pipe": (
        "import os, selectors\nreader, writer = os.pipe()\n"
        + route("with selectors.DefaultSelector() as s:\n    s.register(reader, 1)\n    s.select()", "def"),
        "in predict: waits for a file",
    ),
    "computes": (COMPUTE + route("compute(0.06)"), "without a pause (app/main.py, line"),
    "computes_in_a_thread": (COMPUTE + route("compute(0.06)", "def"), "without a pause (app/main.py, line"),
    "computes_a_little_too_often": (
        COMPUTE + route("for _ in range(8):\n    compute(0.004)\n    await asyncio.sleep(0.01)"),
        "on 2 requests, which virtual time leaves out",
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ExactResult]]:
    """Every case in a child of its own, with two predictions."""
    folder = tmp_path_factory.mktemp("outside")

    def run(name: str) -> ExactResult:
        root = write_submission(folder / name, CASES[name][0])
        return run_exact(root, (Burst("two", predictions(2)),), Limits(real_s=2))

    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        yield dict(zip(CASES, pool.map(run, CASES), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_cannot_judge(results: dict[str, ExactResult], name: str) -> None:
    """The result carries the reason, and no verdict that the submission never ends."""
    result = results[name]

    assert result.cannot_judge is not None
    assert CASES[name][1] in result.cannot_judge
    assert result.never_ends is None


def test_a_burst_that_only_computed_is_shown(results: dict[str, ExactResult]) -> None:
    """Computing does not stop the run: the times are there, with the warning beside them."""
    burst = results["computes"].burst("two")

    assert burst is not None and burst.cannot_judge is not None
    assert [answer.status for answer in burst.timeline.answers] == [200, 200]


def test_processes_of_the_import_do_not_matter(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A program that runs while app.main is imported, as some libraries do, is over before anything is judged."""
    code = 'import os\nos.system("true")\n' + route("await asyncio.sleep(0.1)")
    root = write_submission(tmp_path_factory.mktemp("imported") / "submission", code)

    result = run_exact(root, (Burst("five", predictions(5)),))

    assert (result.cannot_judge, result.stop) == (None, None)
    assert result.bursts[0].timeline.wall_s == pytest.approx(0.1, abs=1e-6)


def test_routes_that_are_built_late_do_not_matter(tmp_path: Path) -> None:
    """FastAPI builds the routes of an included router at the first request: no computing of that request's."""
    code = "from fastapi import APIRouter\nrouter = APIRouter()\n" + "".join(
        f"class Answer{n}(BaseModel):\n    a: int\n    b: list[str]\n\n"
        f'@router.post("/{n}")\nasync def route_{n}(asked: Answer{n}) -> Answer{n}:\n    return asked\n\n'
        for n in range(80)
    )
    code += (
        '@router.post("/predict")\nasync def predict():\n    await asyncio.sleep(0.1)\n\napp.include_router(router)\n'
    )
    root = write_submission(tmp_path / "submission", code)

    result = run_exact(root, (Burst("five", predictions(5)),))

    assert (result.cannot_judge, result.stop) == (None, None)
    assert result.bursts[0].timeline.wall_s == pytest.approx(0.1, abs=1e-6)


def computed(*times: float, stop: Stop | None = None) -> list[ExactResult]:
    """Runs that computed so much, as multiples of what may be left out."""
    return [ExactResult((ExactBurst("two", Timeline(()), computing=each),), stop) for each in times]


@pytest.mark.parametrize(
    "runs",
    [
        computed(0.9),
        computed(1.4, 0.7),
        computed(1.4, 1.3, 0.8),
        computed(1.4, 1.3, 1.2),
        computed(3.1),
        computed(1.4, stop=Stop("stuck", "waits for itself", "serve")),
    ],
)
async def test_noise_is_no_computing(runs: list[ExactResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a burst computed a little too much it is run again, three times at most; the last run counts."""
    left = iter(runs)

    async def run(*_: object) -> ExactResult:
        return next(left)

    monkeypatch.setattr(launched, "_run", run)
    with Launcher() as launcher:
        submission = Submission.at(write_submission(tmp_path / "submission", CASES["computes"][0]))
        result = await launched.judge(launcher, submission, (Burst("two", predictions(2)),))

    assert result == runs[-1]
    assert next(left, None) is None
