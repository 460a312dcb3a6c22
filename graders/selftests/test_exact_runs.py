"""What a run of the exact judge is made of: import, start-up, probe, bursts, and figures to read back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from graders.exact.result import ExactResult
from graders.exact.run import run_exact
from graders.exact.scenario import Burst, Request, predictions
from graders.selftests.exact_shapes import HEALTH, write_submission
from graders.selftests.test_exact_limits import route

SERVICE = """
import os
from contextlib import asynccontextmanager
from fastapi import Request
from starlette.responses import Response

durations = []
background = []

@asynccontextmanager
async def lifespan(app):
    async def beat():
        while True:
            await asyncio.sleep(0.007)
    background.append(asyncio.create_task(beat()))
    await asyncio.sleep(3)
    yield {"model": "loaded"}

app = FastAPI(lifespan=lifespan)

class Timed:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = time.perf_counter()
        try:
            await self.app(scope, receive, send)
        finally:
            durations.append((time.perf_counter() - began) * 1000)

app.add_middleware(Timed)

@app.post("/predict")
async def predict(request: Request):
    time.sleep(0.05)
    return {"model": request.state.model, "who": os.environ.get("WHO"), "body": await request.json()}

@app.get("/wait/{ms}")
async def wait_ms(ms: float, response: Response):
    await asyncio.sleep(ms / 1000)
    response.headers.append("Server-Timing", "app;dur=1")
    response.headers.append("Server-Timing", "db;dur=2")

@app.get("/figures")
async def figures():
    return durations

@app.get("/raises")
async def raises():
    raise RuntimeError("a bug")

@app.get("/later")
async def later(tasks: BackgroundTasks):
    tasks.add_task(time.sleep, 100)

@app.get("/hops")
def hops():
    time.sleep(0.1)
"""

DELAYS_MS = random.Random(7).sample(range(5, 400), 40)
BURSTS = (
    Burst("predict", (*predictions(2), Request("GET", "/wait/10", at_s=0.03, label="wait"))),
    Burst("waits", tuple(Request("GET", f"/wait/{ms}", at_s=n / 100) for n, ms in enumerate(DELAYS_MS))),
    Burst("figures", (Request("GET", "/figures"),), pause_s=1),
    Burst("raises", (Request("GET", "/raises"), Request("GET", "/nowhere"), Request("POST", "/predict", body="{"))),
    Burst("probe", (Request("GET", "/_lab/delay/20"),)),
    Burst("pool", tuple(Request("GET", "/hops", user=n) for n in range(45))),
    Burst("later", (Request("GET", "/later"),)),
    Burst("after", (HEALTH,)),
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ExactResult:
    """One run over the service above, with an environment and a probe."""
    root = write_submission(tmp_path_factory.mktemp("runs") / "submission", SERVICE)
    return run_exact(root, BURSTS, env={"WHO": "a learner"}, probe="graders.selftests.exact_shapes:add_probe")


def test_runs_to_the_end(result: ExactResult) -> None:
    """Every burst comes back, in order; a task that beats for ever in the background hinders nothing."""
    assert (result.stop, result.trouble, result.cannot_judge) == (None, None, None)
    assert [burst.name for burst in BURSTS] == [burst.name for burst in result.bursts]
    assert result.import_s is not None and result.import_s > 0


def test_state_environment_and_bodies_reach_the_app(result: ExactResult) -> None:
    """The lifespan has run, the environment is set, each request has its own body."""
    answers = result.bursts[0].timeline.only("predict").answers

    assert [
        {"model": "loaded", "who": "a learner", "body": {"feature_1": n, "feature_2": 2.0}} for n in (1.0, 2.0)
    ] == [answer.json() for answer in answers]


def test_blocked_intervals_carry_the_line(result: ExactResult) -> None:
    """Each interval in which the loop was held has its place in the learner's file and the text of that line."""
    timeline = result.bursts[0].timeline

    assert [(round(b.start_s, 9), round(b.end_s, 9)) for b in timeline.blocked] == [(0.0, 0.05), (0.05, 0.1)]
    assert {("app/main.py", "predict", "time.sleep(0.05)")} == {(b.file, b.function, b.code) for b in timeline.blocked}
    assert timeline.clock == "exact"


def test_a_request_is_sent_when_it_is_due(result: ExactResult) -> None:
    """A client does not wait for the server: what is due while the loop is held counts from when it was due."""
    (waiting,) = result.bursts[0].timeline.only("wait").answers

    assert (waiting.sent_s, waiting.done_s) == (0.03, 0.11)
    assert waiting.latency_s == pytest.approx(0.08)


def test_figures_of_the_service_are_exact(result: ExactResult) -> None:
    """What a middleware measures with `perf_counter` are the injected delays themselves."""
    (answer,) = result.bursts[2].timeline.answers
    measured = answer.json()[3:]

    assert sorted(DELAYS_MS) == pytest.approx(sorted(measured), abs=1e-6)
    assert [ms / 1000 for ms in DELAYS_MS] == pytest.approx(
        [a.latency_s for a in result.bursts[1].timeline.answers], abs=1e-6
    )


def test_headers_of_one_name_are_joined(result: ExactResult) -> None:
    """As HTTP has it: several lines of one header are one list."""
    assert result.bursts[1].timeline.answers[0].headers["server-timing"] == "app;dur=1, db;dur=2"


def test_errors_are_answers(result: ExactResult) -> None:
    """An exception is a 500, a wrong path a 404, a broken body a 422 or 500: all of them complete."""
    raised, nowhere, broken = result.bursts[3].timeline.answers

    assert [raised.status, nowhere.status] == [500, 404]
    assert raised.is_complete and nowhere.is_complete and broken.is_complete


def test_the_probe_adds_routes(result: ExactResult) -> None:
    """The lab's own routes go through the learner's application."""
    (answer,) = result.bursts[4].timeline.answers

    assert (answer.status, answer.done_s, answer.json()) == (200, 0.02, {"ms": 20})


def test_a_full_pool_is_seen(result: ExactResult) -> None:
    """How many threads there are and how many requests waited for one."""
    pool = result.bursts[5].timeline.pool

    assert pool is not None
    assert (pool.threads, pool.waiting) == (40, 5)
    assert result.bursts[0].timeline.pool is None


def test_work_after_an_answer_does_not_hold_up_the_next_burst(result: ExactResult) -> None:
    """A background task has as long as a burst may take; then the next burst begins beside it."""
    later, after = (result.bursts[n].timeline.answers[0] for n in (6, 7))

    assert (later.done_s, after.status) == (0.0, 404)


@pytest.mark.parametrize(
    ("code", "stage", "says"),
    [
        ("import nothing_of_the_kind", "import", "No module named 'nothing_of_the_kind'"),
        ("def broken(:", "import", "invalid syntax"),
        ("app = None", "app", "NoneType"),
        (
            "async def lifespan(app):\n    raise OSError('no model')\n    yield\napp = FastAPI(lifespan=lifespan)",
            "startup",
            "no model",
        ),
    ],
    ids=["missing_module", "syntax", "no_app", "failed_start"],
)
def test_a_broken_submission_is_told(tmp_path: Path, code: str, stage: str, says: str) -> None:
    """What cannot be imported or started makes the same event as in the live service."""
    result = run_exact(write_submission(tmp_path / "submission", code), (Burst("one", predictions(1)),))

    assert result.trouble is not None and result.bursts == ()
    assert ("broken", stage) == (result.trouble["event"], result.trouble["stage"])
    assert says in f"{result.trouble.get('message')} {result.trouble.get('found')}"


def test_two_runs_are_the_same(tmp_path: Path) -> None:
    """Nothing in a result depends on the run: threads take turns in one and the same order."""
    code = "order = []\n" + route("order.append(threading.get_ident())\ntime.sleep(0.1)\nreturn len(order)", "def")
    root = write_submission(tmp_path / "submission", code)
    burst = Burst("many", (*predictions(50), HEALTH))

    first, second = (run_exact(root, (burst,)).bursts[0].timeline for _ in range(2))

    assert first == second
