"""A submission that would never answer is stopped, in virtual time or in real time, and the reason names its line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from graders.exact.result import ExactResult
from graders.exact.run import run_exact
from graders.exact.scenario import Burst, Limits, predictions
from graders.selftests.exact_shapes import write_submission

LIMITS = Limits(virtual_s=60, real_s=1.5, import_s=2)


@dataclass(frozen=True)
class Case:
    """What the learner wrote, how the run must end, and what its reason must say."""

    name: str
    code: str
    kind: str
    says: str
    stage: str = "serve"
    is_judged: bool = True
    users: int = 1


def route(body: str, kind: str = "async def") -> str:
    """A prediction with this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f'@app.post("/predict")\n{kind} predict():\n{lines}\n'


CASES = (
    Case("sleeps_on", route("while True:\n    await asyncio.sleep(1)"), "virtual", "within 60 s of virtual time"),
    Case("blocks_on", route("while True:\n    time.sleep(1)"), "virtual", "in predict: did not end"),
    Case("sleeps_on_in_a_thread", route("while True:\n    time.sleep(1)", "def"), "virtual", "app/main.py"),
    Case("waits_for_nobody", route("await asyncio.Event().wait()"), "stuck", "everything waits"),
    Case("waits_for_a_lock", "held = threading.Lock()\n" + route("held.acquire()"), "stuck", "everything waits"),
    Case(
        "two_locks_crosswise",
        "a, b = threading.Lock(), threading.Lock()\n"
        "def take(one, other):\n    with one:\n        time.sleep(0.1)\n        with other:\n            pass\n"
        + route("turn = a.locked()\ntake(*((b, a) if turn else (a, b)))", "def"),
        "stuck",
        "in take: everything waits",
        users=2,
    ),
    Case("computes_on", route("while True:\n    pass"), "real", "would never have ended"),
    Case("computes_on_in_a_thread", route("while True:\n    pass", "def"), "real", "would never have ended"),
    Case("imports_for_ever", "time.sleep(1000)", "virtual", "app/main.py", stage="import"),
    Case("computes_in_the_import", "while True:\n    pass", "real", "computed for", stage="import"),
    Case(
        "starts_for_ever",
        "async def lifespan(app):\n    await asyncio.sleep(1000)\n    yield\napp = FastAPI(lifespan=lifespan)",
        "virtual",
        "within 60 s of virtual time",
        stage="startup",
    ),
    Case(
        "spins_on_the_loop",
        route("while True:\n    await asyncio.sleep(0)"),
        "spins",
        "round and round",
        is_judged=False,
    ),
    Case(
        "spins_on_the_clock",
        route("end = time.perf_counter() + 0.1\nwhile time.perf_counter() < end:\n    pass"),
        "spins",
        "in predict: computes, or spins",
        is_judged=False,
    ),
    Case(
        "spins_on_a_flag",
        "done = threading.Event()\n"
        + route("threading.Timer(0.1, done.set).start()\nwhile not done.is_set():\n    pass", "def"),
        "spins",
        "without a pause",
        is_judged=False,
    ),
    Case("ends_the_process", "import os\n" + route("os._exit(3)"), "died", "ended in the middle", is_judged=False),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ExactResult]]:
    """Every case in a child of its own: one prediction, then five."""
    folder = tmp_path_factory.mktemp("limits")

    def run(case: Case) -> ExactResult:
        root = write_submission(folder / case.name, case.code)
        return run_exact(root, (Burst("one", predictions(case.users)), Burst("five", predictions(5, series=1))), LIMITS)

    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        yield dict(zip([case.name for case in CASES], pool.map(run, CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_is_stopped(results: dict[str, ExactResult], case: Case) -> None:
    """The run ends with its reason, and says whether virtual time can judge it."""
    result = results[case.name]

    assert result.stop is not None
    assert (case.kind, case.stage if case.kind != "died" else "startup") == (result.stop.kind, result.stop.stage)
    assert case.says in result.stop.reason
    assert case.is_judged == (result.never_ends is not None)
    assert case.is_judged == (result.cannot_judge is None)


def test_says_where_it_waits(results: dict[str, ExactResult]) -> None:
    """The line is the learner's own, with its text."""
    stop = results["sleeps_on"].stop

    assert stop is not None and stop.where is not None
    assert (stop.where["function"], stop.where["code"]) == ("predict", "await asyncio.sleep(1)")


def test_tells_the_unfinished_burst(results: dict[str, ExactResult]) -> None:
    """Requests without an answer are in the timeline, with the reason, and so is the block that lasts."""
    burst = results["blocks_on"].burst("one")

    assert burst is not None
    assert [answer.done_s for answer in burst.timeline.answers] == [None]
    assert all("60 s of virtual time" in (answer.error or "") for answer in burst.timeline.answers)
    assert float("inf") == burst.timeline.wall_s
    assert sum(b.length_s for b in burst.timeline.blocked) == pytest.approx(60)
    assert results["blocks_on"].burst("five") is None


def test_stuck_start_is_told_as_the_live_service_tells_it(results: dict[str, ExactResult]) -> None:
    """An import or a start-up without an end makes the same event as in the live service."""
    trouble = results["imports_for_ever"].trouble

    assert trouble is not None
    assert (trouble["event"], trouble["stage"], trouble["limit_s"]) == ("stuck", "import", 60)
    assert trouble["where"]["code"] == "time.sleep(1000)"


def test_a_child_that_cannot_stop_itself_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Native code that never lets go of the interpreter is ended from outside; what came before it counts."""
    code = "import re\n" + route('re.match(r"(a|aa)+$", "a" * 80 + "b")')
    root = write_submission(tmp_path_factory.mktemp("killed") / "submission", code)
    began = time.monotonic()

    result = run_exact(root, (Burst("one", predictions(1)),), LIMITS, patience_s=4)

    assert time.monotonic() - began < 15
    assert result.stop is not None and result.stop.kind == "died"
    assert result.cannot_judge is not None
