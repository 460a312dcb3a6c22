"""Facts about `lab doctor`: what it finds, how much it matters, and what it advises."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graders.cli import app
from graders.commands import checkup, doctor
from graders.commands.checkup import Finding, Health, engine, is_free, packages, port_finding
from graders.running.containers.engine import Engine, Readiness


def test_an_old_python_keeps_the_lab_from_working() -> None:
    """3.11 is the least; outside of an environment it is limited."""
    assert checkup.python((3, 10, 4), True).health is Health.BAD
    assert checkup.python((3, 11, 0), True) == Finding("Python", Health.GOOD, "3.11.0")
    assert checkup.python((3, 13, 0), False).health is Health.LIMITED


def test_missing_and_old_packages_are_named() -> None:
    """With what to do: uv sync."""
    found = packages({"fastapi": "0.136", "httpx": "0.28", "rich": ""}, {"fastapi": "0.99.1", "rich": "14.2.0"}.get)

    assert (found.health, found.advice) == (Health.BAD, "uv sync")
    assert found.found == "missing: httpx; fastapi 0.99.1 (needs 0.136)"


def test_versions_are_compared_as_numbers() -> None:
    """0.136 is newer than 0.99, and 1.0 newer than both."""
    assert packages({"a": "0.99", "b": "0.136"}, {"a": "0.136.0", "b": "1.0"}.get).health is Health.GOOD


def test_a_port_that_is_taken_limits_and_does_not_stop() -> None:
    """Grading takes any free port; only a lesson's own commands need that one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)

    found = port_finding(8000, "your service", False, "nginx (process 7)")
    assert (found.health, found.found) == (Health.LIMITED, "taken by nginx (process 7)")
    assert "grading does not need this one" in found.advice


def test_one_core_and_a_busy_machine_are_told() -> None:
    """Both limit; two idle cores are good."""
    assert checkup.cores(1, 0.0).health is Health.LIMITED
    assert "busy" in checkup.cores(2, 9.5).advice
    assert checkup.cores(2, 1.0).health is Health.GOOD


def test_an_engine_counts_only_if_it_runs_a_container() -> None:
    """The reason why it does not is told as it was found."""
    assert engine(Readiness(Engine("Podman", "podman", "5.2"))).found == "Podman 5.2 runs containers"
    assert engine(Readiness(None, "docker is installed, but no Docker daemon answers")).health is Health.LIMITED


def test_a_full_disk_and_a_locked_folder_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images need room, and what the lab remembers needs a folder that it can write."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "file" / "below"))

    assert checkup.disk(0.4).health is Health.LIMITED
    assert checkup.notes_folder().health is Health.LIMITED


def test_the_folder_of_the_labs_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named for what it holds, so that nobody takes it for the machine's memory."""
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "state"))

    assert checkup.notes_folder() == Finding("lab's notes", Health.GOOD, f"{tmp_path / 'state'} can be written")


def test_this_very_environment_has_what_it_requires() -> None:
    """Every package that pyproject.toml names for service and lab is installed, in a version that is new enough."""
    required = checkup._required()

    assert {"fastapi", "pytest", "locust"} <= set(required)
    assert packages(required, checkup._version).health is Health.GOOD


@pytest.mark.parametrize(
    ("findings", "code", "ends"),
    [
        ([Finding("Python", Health.GOOD, "3.11")], 0, "All of it is as the lab needs it."),
        ([Finding("cores", Health.LIMITED, "1", "so what"), Finding("disk", Health.GOOD, "")], 0, "The lab works here"),
        (
            [Finding("Python", Health.BAD, "3.9", "newer"), Finding("disk", Health.GOOD, "")],
            1,
            "Something keeps the lab",
        ),
    ],
)
def test_the_worst_finding_decides(
    findings: list[Finding], code: int, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 only where the lab cannot work; every finding and its advice is printed."""
    monkeypatch.setattr(doctor, "findings", lambda: iter(findings))

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == code
    assert ends in result.output
    assert all(finding.found in result.output and finding.advice in result.output for finding in findings)
