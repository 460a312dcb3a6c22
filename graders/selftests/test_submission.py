"""A learner's work: what is copied of it, and what can be told of it without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.curriculum import SKELETON
from graders.submission import NotLiteral, Submission


def test_what_would_hide_a_given_file_is_left_out(tmp_path: Path) -> None:
    """Grading uses the lab's own model and pipeline, whatever stands in their place or beside them."""
    app = tmp_path / "in" / "app"
    for name in ("model/__init__.py", "pipeline.py/main.py", "__pycache__/main.cpython-311.pyc"):
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_bytes(b"twin")
    for name in ("main.py", "model.abi3.so", "model.cpython-311-x86_64-linux-gnu.so", "model.pyc", "modelling.py"):
        (app / name).write_bytes(b"twin")

    copy = Submission.at(tmp_path / "in").copy_to(tmp_path / "copy")

    found = sorted(p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file())
    assert found == ["app/main.py", "app/model.py", "app/modelling.py", "app/pipeline.py"]
    assert (copy / "app/model.py").read_bytes() == (SKELETON / "app/model.py").read_bytes()


def test_what_it_assigns(tmp_path: Path) -> None:
    """Chains and tuples assign, too; a value that would have to be computed is said to be there, and is not."""
    (tmp_path / "app").mkdir()
    code = "A = B = 0.11\nC, (D, E) = 0.5, (1, 2)\nF: float = 0.3\nG = 5 * 0.1\nH, I = G, 2\nJ, *K = 1, 2\n"
    (tmp_path / "app/observations.py").write_text(code, encoding="utf-8")

    found, trouble = Submission.at(tmp_path).literals("app/observations.py")

    plain = {"A": 0.11, "B": 0.11, "C": 0.5, "D": 1, "E": 2, "F": 0.3, "I": 2}
    assert found == {**plain, "G": NotLiteral, "H": NotLiteral, "J": 1}
    assert trouble == ""


@pytest.mark.parametrize(
    ("line", "imports"),
    [
        ("import structlog", True),
        ("import structlog.contextvars", True),
        ("def log():\n    from structlog import get_logger", True),
        ("import asyncio, structlog", True),
        ("import asyncio; import structlog as log", True),
        ("# import structlog", False),
        ("import structlogging", False),
        ("from app import structlog", False),
        ("from .structlog import log", False),
        ('"""\nimport structlog\n"""', False),
        ("import structlog\nthis is no Python", False),
    ],
)
def test_what_it_imports(tmp_path: Path, line: str, imports: bool) -> None:
    """A module counts as imported where a file of the service imports it, wherever in the file, and nowhere else."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text(f"import os\n{line}\n", encoding="utf-8")
    (tmp_path / "locustfile.py").write_text("import structlog\n", encoding="utf-8")

    assert Submission.at(tmp_path).imports("structlog") is imports
