"""Every submission of the corpus, graded as a learner's: wrong ones fail for the right reason, right ones pass.

The corpora of the later exercises start Locust, container engines and many services; they take tens of minutes and
are graded when asked for: LAB_CORPUS=exercise2,exercise4 or LAB_CORPUS=all in the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from graders.curriculum import EXERCISES, exercise
from graders.selftests.corpus import Graded, Specimen, compose, grade, remember, specimens
from graders.selftests.engine_here import probed

BROKEN_LIMIT_S = 15
CONTAINERS = "exercise5"
ASKED_FOR = os.environ.get("LAB_CORPUS", "exercise1").split(",")
Grader = Callable[[Specimen], Graded]


def chosen(kind: str) -> list[Specimen]:
    """The specimens of the exercises that were asked for."""
    return [s for s in specimens(kind) if "all" in ASKED_FOR or s.exercise_id in ASKED_FOR]


def name(specimen: Specimen) -> str:
    return f"{specimen.kind}-{specimen.folder.name}"


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    """Grades what this run selected, several at a time: waiting is most of the work."""
    folder = tmp_path_factory.mktemp("corpus")
    references = {e.number: compose(e.number, folder / f"reference{e.number}") for e in EXERCISES}

    def run(specimen: Specimen) -> Graded:
        scratch = folder / name(specimen)
        submission = specimen.compose(scratch / "submission")
        number = exercise(specimen.exercise_id).number
        # A right one must pass the earlier exercises too, as far as its files differ from the reference's.
        remember(number, submission if specimen.kind == "wrong" else references[number], scratch)
        return grade(submission, "-k", specimen.exercise_id, scratch=scratch)

    ours = [item for item in request.session.items if item.path == request.path]
    chosen = (_params(item).get("specimen") for item in ours)
    wanted = [specimen for specimen in chosen if isinstance(specimen, Specimen)]  # a test without any has a placeholder
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1)) as pool:
        runs: dict[Path, Future[Graded]] = {s.folder: pool.submit(run, s) for s in wanted}
        yield lambda specimen: runs[specimen.folder].result()
        pool.shutdown(cancel_futures=True)


def _params(item: pytest.Item) -> dict[str, object]:
    return getattr(getattr(item, "callspec", None), "params", {})


@pytest.fixture(scope="module")
async def no_engine() -> str:
    """Why no container can be run here; empty where one can, and where no specimen of this run would ask."""
    if not {"all", CONTAINERS} & set(ASKED_FOR):
        return ""
    found = await probed()
    if found.engine is not None:
        await found.engine.remove_everything()
    return found.reason


def unjudged_here(specimen: Specimen, states: Mapping[str, str], no_engine: str) -> set[str]:
    """The checks that may be left out of a comparison: not run for want of an engine, or of Linux, where that is so."""
    can_judge_all = not no_engine if specimen.exercise_id == CONTAINERS else sys.platform == "linux"
    if can_judge_all:
        return set()
    return {check for check, state in states.items() if state == "not_run"}


@pytest.mark.parametrize("specimen", chosen("wrong"), ids=name)
def test_wrong(graded: Grader, no_engine: str, specimen: Specimen) -> None:
    """A wrong submission fails exactly its listed checks, with the words that its learner must read.

    Where no container can be run, what needs one is not run, is not compared, and counts as neither.
    """
    result = graded(specimen)

    states = result.states(specimen.exercise_id)
    unjudged = unjudged_here(specimen, states, no_engine)
    fails = {check: told for check, told in specimen.expected["fails"].items() if check not in unjudged}
    assert sorted(fails) == sorted(c for c, state in states.items() if state != "passed" and c not in unjudged), (
        result.printed
    )
    assert {states[c] for c in fails} <= {"failed"}, result.printed
    for check in result.checks(specimen.exercise_id):
        told = check["message"] + str(check["evidence"].get("timeline", ""))
        assert [phrase for phrase in fails.get(check["id"], []) if phrase not in told] == [], told
    assert result.exit_code == (
        1 if any(not c["bonus"] for c in result.checks(specimen.exercise_id) if c["id"] in fails) else 0
    )
    if not fails:
        pytest.skip(f"all that is wrong with it needs a container: {no_engine}")


@pytest.mark.parametrize("specimen", chosen("right"), ids=name)
def test_right(graded: Grader, no_engine: str, specimen: Specimen) -> None:
    """A right submission, however it is written, passes every check that can be judged here."""
    result = graded(specimen)

    states = result.states(specimen.exercise_id)
    unjudged = unjudged_here(specimen, states, no_engine)
    assert {"passed"} == {state for check, state in states.items() if check not in unjudged}, result.printed
    assert result.exit_code == 0


@pytest.mark.parametrize("specimen", chosen("broken"), ids=name)
def test_broken(graded: Grader, specimen: Specimen) -> None:
    """A broken submission gets one clear message in time, the right exit code, and leaves nothing running."""
    result = graded(specimen)

    assert [phrase for phrase in specimen.expected["says"] if phrase not in result.printed] == [], result.printed
    assert result.exit_code == (0 if specimen.expected.get("passes") else 1), result.printed
    assert "graders/" not in result.printed
    assert "the lab itself broke" not in result.printed
    assert [p for p in psutil.process_iter(["cwd"]) if (p.info["cwd"] or "").startswith(str(specimen.folder))] == []
    assert result.seconds < BROKEN_LIMIT_S * crowding(), result.printed


def crowding() -> float:
    """How many processes want each core, by the last minute; 1 at least. What waits for a core takes that long."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
