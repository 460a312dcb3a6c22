"""The editor's files: what they start exists, and the test explorer finds and runs what it expects."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from graders.cli import app
from graders.commands.watch import PAGE_PORT
from graders.curriculum import EXERCISES, LAB
from graders.selftests.corpus import compose

FILES = (".vscode/settings.json", ".vscode/tasks.json", ".vscode/launch.json", ".vscode/extensions.json",
         ".devcontainer/devcontainer.json")  # fmt: skip


def content(name: str) -> Any:
    """JSON with comments on lines of their own."""
    lines = (LAB / name).read_text(encoding="utf-8").splitlines()
    return json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))


@pytest.mark.parametrize("name", FILES)
def test_it_can_be_read(name: str) -> None:
    """Every file is JSON."""
    assert content(name)


def test_every_task_runs_a_command_that_exists() -> None:
    """`lab` has each command that a task names, with its options."""
    known = typer.main.get_command(app)
    commands = [task["command"] for task in content(".vscode/tasks.json")["tasks"]]
    commands.append(content(".devcontainer/devcontainer.json")["postCreateCommand"].rsplit("&& ", 1)[1])

    for name, option in re.findall(r"uv run lab (\w+)(?: (--\w+))?", "\n".join(commands)):
        command = known.commands[name]  # type: ignore[attr-defined]
        assert not option or any(option in parameter.opts for parameter in command.params)


def test_the_tasks_offer_every_exercise() -> None:
    """In the order of the course."""
    offered = content(".vscode/tasks.json")["inputs"][0]["options"]

    assert [e.id for e in EXERCISES] == [name for name in offered if name in {e.id for e in EXERCISES}]


def test_the_page_is_forwarded_out_of_the_container() -> None:
    """The port of `lab watch --page` is among those that the container forwards."""
    assert PAGE_PORT in content(".devcontainer/devcontainer.json")["forwardPorts"]


def test_the_explorer_runs_one_check_by_its_name(tmp_path: Path) -> None:
    """As a click does: one test by its path and name, from the folder of the lab."""
    arguments = content(".vscode/settings.json")["python.testing.pytestArgs"]
    submission = compose(1, tmp_path / "submission")
    env = {**os.environ, "LAB_STATE": str(tmp_path), "LAB_SUBMISSION": str(submission)}
    pytest_ = [sys.executable, "-P", "-m", "pytest", "--rootdir", str(LAB)]

    found = subprocess.run(
        [*pytest_, "--collect-only", "-q", *arguments], cwd=LAB, env=env, capture_output=True, text=True, check=False
    )
    ran = subprocess.run(
        [*pytest_, "tests/test_exercise1.py::test_health"],
        cwd=LAB,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "tests/test_exercise1.py::test_five_parallel" in found.stdout
    assert ran.returncode == 0, ran.stdout
    assert "five_parallel" not in ran.stdout.split("exercise1:")[0]
