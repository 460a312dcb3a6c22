"""`lab grade` and `lab gradescope-kit` given something that they cannot work with: what, why, what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graders.cli import app
from graders.selftests.fake_class import hand_in

WRONG_COMMAND = 2

if sys.platform != "linux":
    pytest.skip("lab grade runs on Linux", allow_module_level=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A class of one; a file beside it."""
    (tmp_path / "notes.txt").write_text("a file", encoding="utf-8")
    return hand_in(tmp_path / "class", "alice").parent


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["grade", "clas"], "clas: there is no such folder or file. Nothing was graded; check the path."),
        (["grade", "class", "--out", "notes.txt"], "is a file; name the folder for the gradebook and the reports."),
        (["grade", "class", "--exercises", "0"], "exercise0 gives no points; choose from exercise1, exercise2,"),
        (["grade", "class", "--exercises", "9"], "9: there is no such exercise; there are exercise0, exercise1,"),
        (["grade", "class", "--report", "pdf"], "--report pdf: there is no such format; there are json,"),
        (["gradescope-kit", "--exercises", "0"], "exercise0 gives no points"),
        (["gradescope-kit", "--out", "nowhere/kit.zip"], "name a zip file in a folder that exists."),
        (["gradescope-kit", "--out", "class"], "Is a directory; name a zip file in a folder that exists."),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_cannot_be_graded(folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str) -> None:
    """A wrong command ends with 2 and one clear message, before anything is written."""
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    words = [*words, *(["--out", "graded"] if words[0] == "grade" and "--out" not in words else [])]
    done = CliRunner().invoke(app, words)

    assert done.exit_code == WRONG_COMMAND, done.output
    assert says in done.stderr
    assert "Traceback" not in done.output
    assert sorted(folder.rglob("*")) == before
