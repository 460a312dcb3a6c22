"""What a learner reads of a program that does not come to listen."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.expect import Unmet
from graders.running.program_troubles import no_start

TAKEN = "OSError: [Errno 98] Address already in use"
WANTED = ("127.0.0.1", 18293)
ENDED = {"code": 1, "signal": None, "cpu_s": 0.2, "peak_mib": 40, "limit": None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A submission with a program in it."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__main__.py").write_text("serve()\n", encoding="utf-8")
    return tmp_path


def told(trouble: Unmet) -> str:
    return str(trouble)


@pytest.mark.parametrize("exited", [ENDED, None], ids=["ended", "lives on, as a supervisor does"])
def test_a_port_that_is_taken(root: Path, exited: dict[str, object] | None) -> None:
    """The grader names a port that is free, so whoever finds it taken listens on another one."""
    assert "where does it read PORT?" in told(no_start("ran it", exited, TAKEN, root, WANTED, [], 1.0))


def test_another_port(root: Path) -> None:
    """What listens elsewhere is told where, whatever it printed."""
    trouble = told(no_start("ran it", None, TAKEN, root, WANTED, [("127.0.0.1", 8000)], 1.0))

    assert "127.0.0.1:8000" in trouble
    assert "where does it read PORT?" in trouble


def test_another_address(root: Path) -> None:
    """The right port on another address is a matter of HOST."""
    assert "where does it read HOST?" in told(no_start("ran it", None, "", root, WANTED, [("127.0.0.2", 18293)], 1.0))


def test_nothing_listens(root: Path) -> None:
    """A program that waits for something else is asked what runs before the server."""
    assert "what runs before the server does?" in told(no_start("ran it", None, "", root, WANTED, [], 4.0))


def test_no_program(tmp_path: Path) -> None:
    """A submission without a program is told which file is missing."""
    assert "there is no file app/__main__.py" in told(no_start("ran it", ENDED, "", tmp_path, WANTED, [], 0.1))
