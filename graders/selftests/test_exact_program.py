"""Exercise 4 in exact time: pools, limits, batches and timeouts of `python -m app`, to the microsecond, every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from graders.curriculum import LAB
from graders.exact.launched import judge_program
from graders.exact.result import ExactBurst, ExactResult
from graders.exact.scenario import Burst, Request, Upstream, predictions
from graders.running import replies
from graders.running.launcher import Launcher
from graders.running.model_log import ModelLog
from graders.selftests.corpus import compose, overlay
from graders.submission import Submission

TIMES = 20
SINS = ("pool_only_grows", "one_call_for_each", "timeout_of_one_second_always", "queues_instead_of_shedding")
"""Each in files of its own, so that one submission can have them all."""
STORE = Upstream(
    replies={
        "quick": replies.after(0.2),
        "slow": replies.after(1.5),
        "hangs": replies.HANGS,
        "hangs up": replies.HANGS_UP,
        "is cut off": replies.CUTS_OFF,
        "is no HTTP": replies.SPEAKS_OTHERWISE,
        "unknown": replies.of_status(404),
    }
)
Seen = Counter[tuple[int | None, float | None]]


def entities(*names: str) -> tuple[Request, ...]:
    """One request for each entity, together."""
    return tuple(Request("POST", "/predict/entity", {"entity_id": name}, label=name) for name in names)


WIDE = {"THREAD_POOL_SIZE": "90", "BATCH_WAIT_MS": "100", "FEATURE_STORE_TIMEOUT": "0.5"}
NARROW = {"THREAD_POOL_SIZE": "10", "FEATURE_STORE_TIMEOUT": "3.0"}
LIMITED = {"MAX_CONCURRENCY": "4"}
BURSTS: Mapping[str, tuple[Mapping[str, str], tuple[Burst, ...]]] = {
    "wide": (
        WIDE,
        (
            Burst("pool", predictions(81, path="/predict/sync")),
            Burst("batch", predictions(64, path="/predict/batched")),
            Burst("store", entities(*STORE.replies)),
        ),
    ),
    "narrow": (
        NARROW,
        (Burst("pool", predictions(21, path="/predict/sync")), Burst("store", entities("slow", "hangs"))),
    ),
    "limited": (LIMITED, (Burst("shed", predictions(20)),)),
}
RIGHT: Mapping[str, Mapping[str, dict[tuple[int, float], int]]] = {
    "wide": {
        "pool": {(200, 0.1): 81},
        "batch": {(200, 0.082): 32, (200, 0.164): 32},
        "store": {(200, 0.2): 1, (504, 0.5): 2, (502, 0.0): 3, (404, 0.0): 1},
    },
    # FastAPI checks what a `def` handler returns in the same pool, behind those who already wait for a thread.
    "narrow": {"pool": {(200, 0.2): 20, (200, 0.3): 1}, "store": {(200, 1.5): 1, (504, 3.0): 1}},
    "limited": {"shed": {(200, 0.1): 4, (503, 0.0): 16}},
}
SINFUL: Mapping[str, Mapping[str, dict[tuple[int, float], int]]] = {
    "wide": {
        "pool": {(200, 0.1): 81},
        "store": {(200, 0.2): 1, (504, 1.0): 2, (502, 0.0): 3, (404, 0.0): 1},
    },
    "narrow": {"pool": {(200, 0.1): 21}, "store": {(504, 1.0): 2}},
    "limited": {"shed": {(200, 0.1 * n): 4 for n in range(1, 6)}},
}


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """One warm process for all runs."""
    with Launcher() as launcher:
        yield launcher


def submission(folder: Path, *sins: str) -> Submission:
    """The reference of exercise 4 with some sins."""
    compose(4, folder)
    for sin in sins:
        overlay(LAB / "graders" / "selftests" / "wrong" / f"exercise4_{sin}", folder)
    return Submission.at(folder)


def answers(result: ExactResult, name: str) -> Seen:
    """Those of the first burst of that name."""
    burst = result.burst(name)
    assert burst is not None, result
    return answers_of(burst)


def answers_of(burst: ExactBurst) -> Seen:
    """How many answers there were of each status at each moment, in whole microseconds."""
    return Counter((a.status, None if a.done_s is None else round(a.done_s, 6)) for a in burst.timeline.answers)


def batches(log: ModelLog) -> list[int]:
    """Items per call of the model."""
    return [call.items for call in log.calls("infer_batch")]


@pytest.mark.parametrize("start", BURSTS)
@pytest.mark.parametrize(("sins", "wanted"), [((), RIGHT), (SINS, SINFUL)], ids=["reference", "sins"])
async def test_program(
    launcher: Launcher,
    tmp_path: Path,
    sins: tuple[str, ...],
    wanted: Mapping[str, Mapping[str, dict[tuple[int, float], int]]],
    start: str,
) -> None:
    """Every answer has its status at its moment, and nothing else happens in any of the runs."""
    of = submission(tmp_path / "submission", *sins)
    settings, bursts = BURSTS[start]
    result, log = await judge_program(
        launcher, of, tuple(replace(each, repeat=TIMES) for each in bursts), settings, STORE
    )

    assert (result.stop, result.trouble, result.cannot_judge) == (None, None, None)
    for name, times in wanted[start].items():
        found = [answers_of(burst) for burst in result.bursts if burst.name == name]
        assert found == [{(s, round(at, 6)): count for (s, at), count in times.items()}] * TIMES
    if start == "wide":
        assert batches(log) == ([1] * 64 if sins else [32, 32]) * TIMES


async def test_a_timeout_for_each_wait(launcher: Launcher, tmp_path: Path) -> None:
    """A store that sends a little now and then keeps a client busy that limits each wait; the whole call is limited."""
    drips = Upstream(replies.dripped(2.5))
    burst = (Burst("store", entities("anybody")),)

    right, _ = await judge_program(launcher, submission(tmp_path / "right"), burst, {}, drips)
    wrong, _ = await judge_program(launcher, submission(tmp_path / "wrong", "timeout_for_each_wait"), burst, {}, drips)

    assert answers(right, "store") == {(504, 1.0): 1}
    ((status, done_s),) = answers(wrong, "store")
    assert status == 200 and done_s is not None and done_s > 2


async def test_connections_are_kept(launcher: Launcher, tmp_path: Path) -> None:
    """A store that has been asked is asked again over the same connection: a client sees that it is still good."""
    of = submission(tmp_path / "submission")
    first, *others = entities("quick", "quick", "quick")
    chain = (first, *(Request(o.method, o.path, o.json, after=place) for place, o in enumerate(others)))

    result, _ = await judge_program(launcher, of, (Burst("store", chain),), {"FEATURE_STORE_POOL": "1"}, STORE)

    assert answers(result, "store") == {(200, 0.2): 1, (200, 0.4): 1, (200, 0.6): 1}


MAINS = {
    "workers": ('uvicorn.run("app.main:app", workers=2)', "serves with several processes"),
    "limit": ('uvicorn.run("app.main:app", limit_concurrency=4)', "lets uvicorn limit connections"),
    "nothing": ("pass", "does not serve with uvicorn"),
}


@pytest.mark.parametrize("name", MAINS)
async def test_what_uvicorn_would_do_is_not_judged(launcher: Launcher, tmp_path: Path, name: str) -> None:
    """What happens beside the application is said to be out of reach."""
    code, says = MAINS[name]
    of = submission(tmp_path / "submission")
    (of.root / "app" / "__main__.py").write_text(f"import uvicorn\n\n{code}\n")

    result, _ = await judge_program(launcher, of, (Burst("one", predictions(1)),), {})

    assert result.cannot_judge is not None and says in result.cannot_judge


@pytest.mark.parametrize(
    "code",
    [
        'uvicorn.Server(uvicorn.Config("app.main:app")).run()',
        'import asyncio\nasyncio.run(uvicorn.Server(uvicorn.Config("app.main:app")).serve())',
        "from app.main import app\nuvicorn.run(app)",
        'import os\nos.environ["MAX_CONCURRENCY"] = "2"\nuvicorn.run("app.main:app")',
    ],
    ids=["server", "own_loop", "object", "environment"],
)
async def test_ways_to_serve(launcher: Launcher, tmp_path: Path, code: str) -> None:
    """However uvicorn is started, in one process, the application is served on the virtual clock."""
    of = submission(tmp_path / "submission")
    (of.root / "app" / "__main__.py").write_text(f"import uvicorn\n\n{code}\n")

    result, _ = await judge_program(launcher, of, (Burst("three", predictions(3)),), {})

    limited = "MAX_CONCURRENCY" in code
    assert answers(result, "three") == ({(200, 0.1): 2, (503, 0.0): 1} if limited else {(200, 0.1): 3})


async def test_a_program_that_cannot_start(launcher: Launcher, tmp_path: Path) -> None:
    """The learner's own exception is told."""
    of = submission(tmp_path / "submission")

    result, _ = await judge_program(launcher, of, (Burst("one", predictions(1)),), {"THREAD_POOL_SIZE": "many"})

    assert result.trouble is not None
    assert (result.trouble["event"], result.trouble["stage"]) == ("broken", "import")
    assert "'many'" in str(result.trouble.get("message"))
