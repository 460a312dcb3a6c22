"""The Gradescope kit is what Gradescope asks for, and its script always leaves a results.json."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from graders.classroom.kit import NEED_AN_ENGINE, kit, max_points
from graders.classroom.levels import UnavailableError, choose
from graders.classroom.work import TRIAL_UID
from graders.curriculum import EXERCISES, exercise
from graders.selftests.corpus import compose

ALL = tuple(e.id for e in EXERCISES if e.number > 0)


@pytest.fixture
def autograder() -> Iterator[Path]:
    """A folder laid out as Gradescope lays out /autograder; outside of pytest's own, which is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="lab-autograder-"))
    folder.chmod(0o755)
    for name in ("source", "submission", "results"):
        (folder / name).mkdir()
    with zipfile.ZipFile(io.BytesIO(kit(("exercise1",), 120))) as archive:
        archive.extractall(folder / "source")
    shutil.copyfile(folder / "source/run_autograder", folder / "run_autograder")
    (folder / "run_autograder").chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def run(autograder: Path, lab: str) -> dict[str, object]:
    """Run the script as the harness does, and read what it left."""
    subprocess.run(
        [str(autograder / "run_autograder")],
        cwd=autograder,
        env={"PATH": os.environ["PATH"], "AUTOGRADER_ROOT": str(autograder), "LAB_COMMAND": lab, "HOME": "/"},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=300,
    )
    found: dict[str, object] = json.loads((autograder / "results/results.json").read_text(encoding="utf-8"))
    return found


def test_the_scripts_are_at_the_root() -> None:
    """setup.sh and run_autograder, executable, for bash, and filled in."""
    with zipfile.ZipFile(io.BytesIO(kit(("exercise1", "exercise2")))) as archive:
        for name in ("setup.sh", "run_autograder"):
            text = archive.read(name).decode()
            assert text.startswith("#!/usr/bin/env bash\n")
            assert archive.getinfo(name).external_attr >> 16 & 0o777 == 0o755
            assert subprocess.run(["bash", "-n"], input=text.encode(), check=True).returncode == 0
            assert "@" not in text.replace('"$@"', "")
        assert "exercises=1,2\n" in archive.read("run_autograder").decode()


def test_no_solution_travels() -> None:
    """The suite is there, the solutions and the self-tests are not; and the same lab makes the same zip."""
    with zipfile.ZipFile(io.BytesIO(kit(ALL))) as archive:
        names = archive.namelist()

    assert {"lab/graders/plugin.py", "lab/tests/test_exercise1.py", "lab/pyproject.toml"} <= set(names)
    assert [
        n for n in names if "solutions" in n or "selftests" in n or "__pycache__" in n or n.startswith("lab/app")
    ] == []
    assert kit(ALL) == kit(ALL)


def test_the_points_of_an_assignment() -> None:
    """Checks that need an engine are known by their names, and are left out of what can be had without one."""
    checks = {check.id for check in exercise("exercise5").checks}

    assert checks >= NEED_AN_ENGINE
    assert max_points(("exercise1",)) == (20, 20)
    assert max_points(ALL)[0] == sum(c.points for name in ALL for c in exercise(name).checks if not c.bonus)
    assert 0 < max_points(("exercise5",))[1] < max_points(("exercise5",))[0]


def test_results_of_a_submission(autograder: Path) -> None:
    """The script grades what was handed in, and what it leaves is Gradescope's format."""
    try:
        choose("auto", TRIAL_UID)
    except UnavailableError as error:
        pytest.skip(str(error))
    compose(0, autograder / "submission")
    (autograder / "submission/app/main.py").write_text("def broken(:\n")

    found = run(autograder, str(Path(sys.executable).with_name("lab")))

    assert found["score"] == 0
    tests = found["tests"]
    assert isinstance(tests, list)
    assert "line 1" in "".join(test["output"] for test in tests)
    assert sum(test.get("max_score", 0) for test in tests) == 20


def test_something_that_is_no_submission(autograder: Path) -> None:
    """A student who hands in something else reads what was expected."""
    (autograder / "submission/essay.txt").write_text("sorry")

    found = run(autograder, str(Path(sys.executable).with_name("lab")))

    assert found["score"] == 0
    assert "no app/ folder" in json.dumps(found)


def test_a_lab_that_breaks_leaves_results(autograder: Path) -> None:
    """Even if nothing can be graded at all there is a file, which gives no points and blames nobody."""
    found = run(autograder, "/nowhere/lab")

    assert found["score"] == 0
    assert "no verdict" in str(found["output"])
