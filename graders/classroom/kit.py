"""The zip that Gradescope asks for: its two scripts at the root, and the lab without what a learner must not read."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from graders.curriculum import LAB, exercise

PARTS = Path(__file__).with_name("parts") / "gradescope"
SCRIPTS = ("setup.sh", "run_autograder")
LAB_PARTS = ("graders", "tests", "lessons", "conftest.py", "pyproject.toml", "README.md", "LICENSE", ".python-version")
LEFT_OUT = frozenset({"solutions", "selftests", "__pycache__", ".mypy_cache"})
LIMIT_S = 540
"""Gradescope ends an autograder after ten minutes, unless the assignment says otherwise; the report is out by then."""

NEED_AN_ENGINE = frozenset(
    {"builds", "serves", "runs_as_non_root", "becomes_healthy", "stops_gracefully", "rebuilds_fast", "image_size"}
)
"""Contract, exercise 5."""

MOMENT = (2020, 1, 1, 0, 0, 0)
"""Of every entry: the same lab makes the same zip."""


def kit(exercises: tuple[str, ...], seconds: int = LIMIT_S) -> bytes:
    """The zip, for an assignment on these exercises."""
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in SCRIPTS:
                text = (PARTS / name).read_text(encoding="utf-8")
                numbers = ",".join(str(exercise(e).number) for e in exercises)
                filled = text.replace("@EXERCISES@", numbers).replace("@SECONDS@", str(seconds))
                archive.writestr(_entry(name, 0o755), filled)
            for path in _lab_files():
                archive.writestr(_entry(f"lab/{path.relative_to(LAB).as_posix()}", 0o644), path.read_bytes())
        return buffer.getvalue()


def max_points(exercises: tuple[str, ...]) -> tuple[int, int]:
    """Points to be had in an assignment: with a container engine, and without one, as in Gradescope's containers."""
    checks = [check for name in exercises for check in exercise(name).checks if not check.bonus]
    with_engine = sum(check.points for check in checks)
    return with_engine, with_engine - sum(check.points for check in checks if check.id in NEED_AN_ENGINE)


def _lab_files() -> Iterator[Path]:
    for part in LAB_PARTS:
        top = LAB / part
        paths = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in paths:
            if path.is_file() and not LEFT_OUT & set(path.relative_to(LAB).parts):
                yield path


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, MOMENT)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, where the mode counts
    info.external_attr = (stat.S_IFREG | mode) << 16
    return info
