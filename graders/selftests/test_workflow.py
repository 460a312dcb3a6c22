"""The workflow for learners' repositories names what the reporter reads, and grades with the lab's own command."""

from __future__ import annotations

import re
from typing import Any

import pytest

from graders.curriculum import EXERCISES, LAB
from graders.reporting.github import github
from graders.selftests.cards import CARDS

yaml: Any = pytest.importorskip("yaml")
WORKFLOW = LAB / ".github" / "workflows" / "classroom.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    """The file as GitHub reads it (where YAML takes the key `on` for true)."""
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return found


def test_its_shape(workflow: dict[Any, Any]) -> None:
    """Name, triggers, permissions and job are those that Classroom looks for."""
    assert workflow["name"] == "Autograding Tests"
    assert set(workflow[True]) == {"push", "workflow_dispatch"}
    assert workflow["permissions"] == {"checks": "write", "actions": "read", "contents": "read"}
    assert list(workflow["jobs"]) == ["run-autograding-tests"]


def test_the_reporter_gets_every_exercise(workflow: dict[Any, Any]) -> None:
    """Each runner has its variable, filled from the output that the report writes under that name."""
    steps = workflow["jobs"]["run-autograding-tests"]["steps"]
    reporter = next(
        s for s in steps if s.get("uses", "").startswith("classroom-resources/autograding-grading-reporter@v1")
    )
    runners = reporter["with"]["runners"].split(",")

    assert runners == [f"exercise{n}" for n in range(1, 6)]
    assert set(runners) >= {e.id for e in EXERCISES if e.number > 0}
    for runner in runners:
        assert reporter["env"][f"{runner.upper()}_RESULTS"] == f"${{{{ steps.lab.outputs.{runner} }}}}"
    written = [line.split("=")[0] for line in github(CARDS["mixed"]).splitlines()]
    assert set(written) <= set(runners)


def test_the_grading_step(workflow: dict[Any, Any]) -> None:
    """It is the step `lab`, goes on when checks fail, and hands out outputs and a summary."""
    steps = workflow["jobs"]["run-autograding-tests"]["steps"]
    step = next(s for s in steps if s.get("id") == "lab")

    assert step["continue-on-error"] is True
    assert re.search(r"uv run pytest .*--lab-report github=outputs\.txt", step["run"])
    assert 'cat outputs.txt >> "$GITHUB_OUTPUT"' in step["run"]
    assert 'cat card.md >> "$GITHUB_STEP_SUMMARY"' in step["run"]
    assert step["run"].rstrip().endswith("exit $status")
