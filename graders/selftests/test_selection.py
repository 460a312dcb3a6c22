"""What a command line selects, and what its exit code says: real runs of a small course (see `small_lab`)."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from graders.selftests.ahead import Ahead
from graders.selftests.small_lab import Ran, SmallLab

NOUGHT = ["exercise0.ready"]
ONE = ["exercise1.health", "exercise1.five_parallel", "exercise1.extra"]
ONE_BUT_BONUS = ONE[:2]
TWO = ["exercise2.counts", "exercise2.compares_with_exercise1"]
TEN = ["exercise10.ten"]
ALL = NOUGHT + ONE + TWO + TEN

HOSTILE: Mapping[str, str] = {
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--collect-only -k nothing"\npython_files = "x.py"\n',
    "pytest.ini": "[pytest]\naddopts = --collect-only -k nothing -p no:python\ntestpaths = app\n",
    "conftest.py": "import os\nos._exit(0)\n",
    "pytest.py": "import os\nos._exit(0)\n",
    "sitecustomize.py": "import os\nos._exit(0)\n",
    "tests/test_exercise1.py": "def test_health():\n    pass\n",
    "graders/__init__.py": "import os\nos._exit(0)\n",
    "tests/conftest.py": "import os\nos._exit(0)\n",
}


def hostile(folder: Path) -> Path:
    for name, text in HOSTILE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def inside(lab: SmallLab, name: str) -> Path:
    return lab.submission_at(lab.root / "submissions" / name, {"exercise1.health": "failed"})


Run = Callable[[SmallLab], Ran]

RUNS: Mapping[str, Run] = {
    "everything": lambda lab: lab.pytest(),
    "python -m pytest": lambda lab: _as_module(lab),
    "-k exercise1": lambda lab: lab.pytest("-k", "exercise1"),
    "-k exercise10": lambda lab: lab.pytest("-k", "exercise10"),
    "-k exercise1 or exercise0": lambda lab: lab.pytest("-k", "exercise1 or exercise0"),
    "-k five_parallel": lambda lab: lab.pytest("-k", "five_parallel"),
    "-k not exercise1": lambda lab: lab.pytest("-k", "exercise2 and not counts"),
    "-k exercise9": lambda lab: lab.pytest("-k", "exercise9"),
    "-k (": lambda lab: lab.pytest("-k", "exercise1 and ("),
    "a file": lambda lab: lab.pytest("tests/test_exercise1.py"),
    "a test": lambda lab: lab.pytest("tests/test_exercise1.py::test_health"),
    "two tests": lambda lab: lab.pytest(*(f"tests/test_exercise1.py::test_{c}" for c in ("five_parallel", "health"))),
    "no such test": lambda lab: lab.pytest("tests/test_exercise1.py::test_nothing"),
    "from tests/": lambda lab: lab.pytest("test_exercise1.py", cwd=lab.root / "tests"),
    "from app/": lambda lab: lab.pytest("-k", "exercise1", cwd=lab.root / "app"),
    "outside": lambda lab: lab.pytest("-k", "exercise1", submission=lab.submission({"exercise1.health": "failed"})),
    "inside": lambda lab: lab.pytest("-k", "exercise1", submission=inside(lab, "plain")),
    "in two words": lambda lab: lab.pytest("-k", "exercise1", "--submission", str(inside(lab, "two_words"))),
    "relative": lambda lab: lab.pytest("-k", "exercise1", submission=inside(lab, "near").relative_to(lab.root)),
    "by environment": lambda lab: lab.pytest("-k", "exercise1", env={"LAB_SUBMISSION": str(inside(lab, "by_env"))}),
    "hostile outside": lambda lab: lab.pytest(
        "-k", "exercise1", submission=hostile(lab.submission({"exercise1.health": "failed"}))
    ),
    "hostile inside": lambda lab: lab.pytest("-k", "exercise1", submission=hostile(inside(lab, "hostile"))),
    "hostile in two words": lambda lab: lab.pytest(
        "-k", "exercise1", "--submission", str(hostile(inside(lab, "hostile_too")))
    ),
    "no such folder": lambda lab: lab.pytest(submission=lab.root / "nowhere"),
    "no app": lambda lab: lab.pytest(submission=lab.submission() / "app"),
    "the folder above": lambda lab: lab.pytest(submission=lab.submission_at(lab.folder() / "alice").parent),
    "a file as folder": lambda lab: lab.pytest(submission=lab.submission() / "app/main.py"),
    "report without =": lambda lab: lab.pytest("--lab-report", "json"),
    "report without path": lambda lab: lab.pytest("--lab-report", "json="),
    "unknown report": lambda lab: lab.pytest("--lab-report", "pdf=report.pdf"),
    "locked": lambda lab: lab.pytest("-k", "exercise2", submission=lab.submission({"exercise1.health": "failed"})),
    "bonus failed": lambda lab: lab.pytest("-k", "exercise1", submission=lab.submission({ONE[2]: "failed"})),
    "only a bonus": lambda lab: lab.pytest("-k", "extra", submission=lab.submission()),
    "only a bonus failed": lambda lab: lab.pytest("-k", "extra", submission=lab.submission({ONE[2]: "failed"})),
    "inconclusive": lambda lab: lab.pytest("-k", "exercise1", submission=lab.submission({ONE[0]: "inconclusive"})),
    "grader fault": lambda lab: lab.pytest("-k", "exercise1", submission=lab.submission({ONE[0]: "broken"})),
    "one not run": lambda lab: lab.pytest("-k", "exercise1", submission=lab.submission({ONE[0]: "not_run"})),
    "none run": lambda lab: lab.pytest("-k", "exercise1", submission=lab.submission(dict.fromkeys(ALL, "not_run"))),
    "-x": lambda lab: lab.pytest("-x", submission=lab.submission({"exercise1.health": "failed"})),
    "-v": lambda lab: lab.pytest("-v", submission=lab.submission({"exercise2.counts": "failed"})),
    "-q": lambda lab: lab.pytest("-q", "-k", "exercise1", submission=lab.submission({ONE[0]: "failed"})),
    "junit": lambda lab: _with_junit(lab),
    "remembered": lambda lab: _twice(lab),
    "--collect-only": lambda lab: lab.pytest("--collect-only", "-q"),
}


def _as_module(lab: SmallLab) -> Ran:
    folder = lab.folder()
    report = f"--lab-report=json={folder / 'report.json'}"
    return lab.command(sys.executable, "-m", "pytest", "-k", "exercise1", report, folder=folder)


def _with_junit(lab: SmallLab) -> Ran:
    folder = lab.folder()
    submission = lab.submission({"exercise1.health": "failed"})
    return lab.pytest(f"--junitxml={folder / 'junit.xml'}", submission=submission, folder=folder)


def _twice(lab: SmallLab) -> Ran:
    """The second of two runs, after whose first a file of the learner's has not changed."""
    folder, submission = lab.folder(), lab.submission()
    lab.pytest("-k", "exercise1", submission=submission, folder=folder)
    (folder / "executed.txt").unlink()
    return lab.pytest("-k", "exercise2", submission=submission, folder=folder)


@pytest.fixture(scope="module")
def ran(small_lab: SmallLab) -> Iterator[Ahead[Ran]]:
    """Every run of this file, several at a time."""
    ahead = Ahead({name: lambda run=run: run(small_lab) for name, run in RUNS.items()})  # type: ignore[misc]
    yield ahead
    ahead.close()


# --- what is graded --------------------------------------------------------------------------------------------------

GRADED: Mapping[str, list[str]] = {
    "everything": ALL,
    "python -m pytest": NOUGHT + ONE,
    "-k exercise1": NOUGHT + ONE,
    "-k exercise10": NOUGHT + ONE_BUT_BONUS + TWO + TEN,
    "-k exercise1 or exercise0": NOUGHT + ONE,
    "-k five_parallel": [*NOUGHT, "exercise1.five_parallel"],
    "-k not exercise1": [*NOUGHT, *ONE_BUT_BONUS, "exercise2.compares_with_exercise1"],
    "a file": NOUGHT + ONE,
    "a test": [*NOUGHT, "exercise1.health"],
    "two tests": NOUGHT + ONE_BUT_BONUS,
    "from tests/": NOUGHT + ONE,
    "from app/": NOUGHT + ONE,
    "remembered": TWO,
}


@pytest.mark.parametrize("name", GRADED)
def test_graded(ran: Ahead[Ran], name: str) -> None:
    """A command line grades exactly what it asks for, after the earlier exercises that are not verified yet."""
    assert GRADED[name] == ran[name].executed, ran[name].printed
    assert ran[name].exit_code == 0, ran[name].printed


def test_the_copy_stands_in_a_folder_called_like_an_exercise(small_lab: SmallLab) -> None:
    """The names that could be mistaken for exercise 1 are really there."""
    assert small_lab.root.name == "exercise1"
    assert (small_lab.root / "tests/test_exercise10.py").is_file()


def test_a_part_of_an_exercise(ran: Ahead[Ran]) -> None:
    """Where a part of an exercise passes, the card says that it was a part, and opens nothing."""
    printed = ran["-k five_parallel"].printed

    assert "That was a part of exercise1. All of it: uv run pytest -k exercise1" in printed
    assert "is open" not in printed


def test_nothing_selected(ran: Ahead[Ran]) -> None:
    """Where nothing is selected, the exit code is pytest's own for that, and the lab says what there is."""
    run = ran["-k exercise9"]

    assert run.exit_code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "Nothing is graded: no check matches -k exercise9." in run.printed
    assert "exercise0, exercise1, exercise2, exercise10" in run.printed
    assert {"not_run"} == {c["state"] for e in run.report["exercises"] for c in e["checks"]}


@pytest.mark.parametrize("name", ["-k (", "no such test"])
def test_a_command_line_that_cannot_be_read(ran: Ahead[Ran], name: str) -> None:
    """What pytest cannot make sense of ends as a usage error and grades nothing."""
    assert ran[name].exit_code == pytest.ExitCode.USAGE_ERROR, ran[name].printed
    assert ran[name].executed == []
    assert "INTERNALERROR" not in ran[name].printed


def test_collect_only(ran: Ahead[Ran]) -> None:
    """`--collect-only` is pytest's own: it lists, and starts and grades nothing."""
    assert ran["--collect-only"].exit_code == 0
    assert "test_exercise10.py::test_ten" in ran["--collect-only"].printed
    assert ran["--collect-only"].executed == []


# --- whose work it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["outside", "inside", "in two words", "relative", "by environment"])
def test_submission(ran: Ahead[Ran], name: str) -> None:
    """The folder that is named is graded, and not the repository's own app/."""
    run = ran[name]

    assert run.executed == NOUGHT + ONE, run.printed
    assert run.state("exercise1.health") == "failed"
    assert run.exit_code == 1


@pytest.mark.parametrize("name", ["hostile outside", "hostile inside", "hostile in two words"])
def test_hostile_submission(ran: Ahead[Ran], name: str) -> None:
    """A submission's own pytest settings, conftest.py, pytest.py, sitecustomize.py and tests change nothing."""
    run = ran[name]

    assert run.executed == NOUGHT + ONE, run.printed
    assert run.state("exercise1.health") == "failed"
    assert run.exit_code == 1
    assert run.report["max_points"] == 6


USAGE_ERRORS: Mapping[str, tuple[str, ...]] = {
    "no such folder": ("nowhere: no such folder", "Give the folder that holds app/."),
    "no app": ("has no app/ in it", "Give the folder that holds app/."),
    "the folder above": ("has no app/ in it", "There is one in alice/: did you mean that?"),
    "a file as folder": ("main.py: ", "Give the folder that holds app/."),
    "report without =": ("--lab-report json: expected FORMAT=PATH",),
    "report without path": ("--lab-report json=: expected FORMAT=PATH",),
    "unknown report": ("no format is called 'pdf'", "there are json, markdown"),
}


@pytest.mark.parametrize("name", USAGE_ERRORS)
def test_usage_error(ran: Ahead[Ran], name: str) -> None:
    """A folder or a report that cannot be is told in one line: what, why, what to give instead."""
    run = ran[name]

    assert run.exit_code == pytest.ExitCode.USAGE_ERROR
    assert [words for words in USAGE_ERRORS[name] if words not in run.printed] == [], run.printed
    assert len(run.printed.strip().splitlines()) == 1, run.printed
    assert run.executed == []


# --- exit codes ------------------------------------------------------------------------------------------------------

EXIT_CODES = {
    "locked": 1,
    "inconclusive": 1,
    "grader fault": 1,
    "none run": 1,
    "bonus failed": 0,
    "only a bonus": 0,
    "only a bonus failed": 1,
    "one not run": 0,
}


@pytest.mark.parametrize("name", EXIT_CODES)
def test_exit_code(ran: Ahead[Ran], name: str) -> None:
    """The exit code is 0 only where something passed and nothing that counts is left open."""
    assert EXIT_CODES[name] == ran[name].exit_code, ran[name].printed


def test_locked(ran: Ahead[Ran]) -> None:
    """While an earlier exercise fails, the asked one is locked, not run, and says what opens it."""
    run = ran["locked"]

    assert run.executed == NOUGHT + ONE_BUT_BONUS
    for name in TWO:
        assert run.state(name) == "locked"
        assert "one check is missing there: uv run pytest -k exercise1" in run.check(name)["message"]
    assert "⊘ exercise2" in run.printed
    assert run.printed.count("opens when exercise1 passes") == 1


def test_grader_fault(ran: Ahead[Ran]) -> None:
    """The lab's own fault is named as such, with its place, and is inconclusive."""
    run = ran["grader fault"]

    assert run.state("exercise1.health") == "inconclusive"
    assert "the lab itself broke here: RuntimeError: a gear is missing" in run.printed
    assert "This is a fault of the lab, not of your work." in run.printed
    assert "Traceback" not in run.printed


# --- pytest's own switches -------------------------------------------------------------------------------------------


def test_stop_at_the_first_failure(ran: Ahead[Ran]) -> None:
    """With -x the run ends at the first failure, and the report calls the rest inconclusive."""
    run = ran["-x"]

    assert run.executed == ["exercise0.ready", "exercise1.health"]
    assert run.exit_code == 1
    assert run.state("exercise1.five_parallel") == "inconclusive"
    assert run.check("exercise1.five_parallel")["message"] == "the run ended before this check was graded"


def test_verbose(ran: Ahead[Ran]) -> None:
    """With -v pytest names each test, and the card is printed all the same."""
    run = ran["-v"]

    assert "tests/test_exercise1.py::test_health" in run.printed
    assert "✗ counts" in run.printed
    assert "Next: counts in app/main.py" in run.printed
    assert "Traceback" not in run.printed and "def test_counts" not in run.printed


def test_quiet(ran: Ahead[Ran]) -> None:
    """With -q the verdict can still be read."""
    assert "✗ health" in ran["-q"].printed
    assert ran["-q"].exit_code == 1


def test_junit(ran: Ahead[Ran]) -> None:
    """In JUnit's format a locked check is a failure, and each test carries its points and its state."""
    tree = ET.parse(ran["junit"].folder / "junit.xml")
    cases = {case.attrib["name"]: case for case in tree.iter("testcase")}

    def properties(name: str) -> dict[str, str]:
        return {p.attrib["name"]: p.attrib["value"] for p in cases[name].iter("property")}

    assert properties("test_ready") == {"points": "2", "state": "passed"}
    assert properties("test_health") == {"points": "2", "state": "failed"}
    assert properties("test_ten") == {"points": "2", "state": "locked"}
    assert {"test_health", "test_counts", "test_compares_with_exercise1", "test_ten"} == {
        name for name, case in cases.items() if case.find("failure") is not None
    }
    assert not list(tree.iter("skipped"))
