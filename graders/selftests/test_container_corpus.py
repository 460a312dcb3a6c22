"""The corpus of exercise 5, with an engine and without. Earlier exercises count as passed: theirs is another corpus.

Without an engine every specimen is graded that is about files; it takes seconds. With one, the reference, the skeleton
and a few specimens are; LAB_CORPUS=exercise5 in the environment adds the rest (see `test_corpus`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from graders.selftests.corpus import Graded, Specimen, compose, grade, remember, specimens
from graders.selftests.engine_here import engine_or_skip

EXERCISE = "exercise5"
ON_FILES = {"base_image", "layer_order", "non_root", "starts_the_service", "healthcheck", "dockerignore", "compose"}
ALWAYS_RUN = (
    "copies_before_installing",
    "copies_one_level_off",
    "health_check_cannot_fail",
    "health_check_only_connects",
    "listens_on_another_port",
    "shell_form_cmd",
    "drops_requests_on_stop",
    "sheds_in_the_image",
    "two_stages_with_uv",
)
Grade = Callable[[Path, str], Graded]


@pytest.fixture
def graded(tmp_path: Path) -> Grade:
    """Grades exercise 5 of a submission whose earlier exercises are taken for passed; with a PATH of its own."""

    def run(root: Path, path: str) -> Graded:
        remember(5, root, tmp_path / "graded")
        return grade(root, "-k", EXERCISE, scratch=tmp_path / "graded", env={"PATH": path})

    return run


def of_exercise_5(kind: str) -> list[Specimen]:
    return specimens(kind, EXERCISE)


def name(specimen: Specimen) -> str:
    return specimen.folder.name


# --- without an engine -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "specimen",
    [s for s in of_exercise_5("wrong") if ON_FILES & set(s.expected["fails"])] + of_exercise_5("right"),
    ids=name,
)
def test_files_are_judged_without_an_engine(graded: Grade, tmp_path: Path, specimen: Specimen) -> None:
    """What stands in the files is judged everywhere; what needs an engine is left out, named, and never passed."""
    result = graded(specimen.compose(tmp_path / "submission"), str(tmp_path))

    fails = set(specimen.expected.get("fails", {})) & ON_FILES
    states = result.states(EXERCISE)
    assert {c for c in ON_FILES if states[c] != "passed"} == fails, result.printed
    assert {states[c] for c in fails} <= {"failed"}, result.printed
    assert {state for c, state in states.items() if c not in ON_FILES} == {"not_run"}
    assert result.exit_code == bool(fails)
    told = [check["message"] for check in result.checks(EXERCISE) if check["state"] == "not_run"]
    assert all("install Docker" in message for message in told)


def test_the_skeleton_fails_every_check_on_files(graded: Grade, tmp_path: Path) -> None:
    """A learner begins with nothing: no check is passed by the files as they are shipped."""
    result = graded(unfinished(tmp_path), str(tmp_path))

    assert {c for c, state in result.states(EXERCISE).items() if state == "failed"} == ON_FILES, result.printed


def unfinished(tmp_path: Path) -> Path:
    """The reference of exercises 1 to 4 with the container files of the skeleton."""
    return compose(4, tmp_path / "submission")


# --- with an engine --------------------------------------------------------------------------------------------------


@pytest.fixture
async def engine() -> None:
    """Goes on where containers can be run."""
    found = await engine_or_skip()
    await found.remove_everything()


def test_the_reference_passes(engine: None, graded: Grade, tmp_path: Path) -> None:
    """With an engine every check of the reference is run, and passes."""
    result = graded(compose(5, tmp_path / "submission"), os.environ["PATH"])

    assert set(result.states(EXERCISE).values()) == {"passed"}, result.printed
    assert result.exit_code == 0


def test_the_skeleton_fails_every_check(engine: None, graded: Grade, tmp_path: Path) -> None:
    """With an engine, too, nothing is passed by the files as they are shipped."""
    result = graded(unfinished(tmp_path), os.environ["PATH"])

    assert set(result.states(EXERCISE).values()) == {"failed"}, result.printed


@pytest.mark.parametrize(
    "specimen",
    [s for s in of_exercise_5("wrong") + of_exercise_5("right") if s.folder.name.endswith(ALWAYS_RUN)],
    ids=name,
)
def test_what_only_a_real_container_shows(engine: None, graded: Grade, tmp_path: Path, specimen: Specimen) -> None:
    """What a wrong container does is seen by running it, and told in words that its learner must read."""
    result = graded(specimen.compose(tmp_path / "submission"), os.environ["PATH"])

    fails = specimen.expected.get("fails", {})
    states = result.states(EXERCISE)
    assert {c for c, state in states.items() if state == "failed"} == set(fails), result.printed
    assert set(states.values()) <= {"passed", "failed"}, result.printed
    for check in result.checks(EXERCISE):
        told = check["message"] + str(check["evidence"].get("timeline", ""))
        assert [phrase for phrase in fails.get(check["id"], []) if phrase not in told] == [], told
