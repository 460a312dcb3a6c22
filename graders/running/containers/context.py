"""The build context: what `.dockerignore` leaves out, by the rules that Docker itself uses."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from e2b_dockerfile_utils import PatternMatcher

from graders.curriculum import SKELETON
from graders.expect import Unmet
from graders.running.containers.dockerfile import Dockerfile, Step
from graders.submission import GIVEN, SKIPPED_FOLDERS

APP = "app/main.py"
MAX_FILES = 5_000
MAX_BYTES = 256 * 2**20
STAY_OUT = {
    "the history of your repository": ".git/HEAD",
    "the virtual environment": ".venv/lib/python3.12/site-packages/fastapi/__init__.py",
    "Python's caches": "app/__pycache__/main.cpython-312.pyc",
    "pytest's cache": ".pytest_cache/CACHEDIR.TAG",
    "the tests": "tests/test_exercise1.py",
}
"""What never belongs into the context, and a file that stands for it."""

ALWAYS = ("Dockerfile", ".dockerignore")  # a build reads them, whether they are let in or not
BETTER_OUT = {
    "secrets": ".env",
    "mypy's cache": ".mypy_cache/3.12/app/main.data.json",
    "Ruff's cache": ".ruff_cache/CACHEDIR.TAG",
    "the lab's notes": ".lab/verified.json",
}
"""What had better stay out, and is no promise of the exercise: advice."""


@dataclass(frozen=True, slots=True)
class Context:
    """A folder as a build sees it."""

    matcher: PatternMatcher

    @classmethod
    def of(cls, dockerignore: str) -> Context:
        """The context under a `.dockerignore`; `ValueError` with the pattern that is none."""
        return cls(PatternMatcher(dockerignore.removeprefix("\ufeff").splitlines()))

    def has(self, path: str) -> bool:
        """Whether a path with slashes, below the context's root, is let in."""
        return not self.matcher.matches(path)

    def may_have_below(self, folder: str) -> bool:
        """Whether something in the folder is let in, so that it is worth a look."""
        return self.has(folder) or self.matcher.may_match_under(folder)

    @property
    def unwanted(self) -> dict[str, str]:
        """What should stay out and is let in: its name, and the file that stands for it."""
        return {name: path for name, path in STAY_OUT.items() if self.has(path)}

    @property
    def better_out(self) -> dict[str, str]:
        """What had better stay out and is let in, in the same form."""
        return {name: path for name, path in BETTER_OUT.items() if self.has(path)}


def reads(step: Step) -> list[str]:
    """The paths of the context that a step reads, with slashes; `.` is all of it."""
    if step.name in ("COPY", "ADD") and not step.flag("from"):
        sources = [s for s in step.args[:-1] if not s.startswith("<<") and "://" not in s]
        return [_below_root(s) for s in sources]
    return [
        _below_root(mount.get("source", mount.get("src", ".")))
        for mount in step.mounts()
        if mount.get("type", "bind") == "bind" and "from" not in mount
    ]


def reads_app(step: Step) -> bool:
    """Whether an edit in `app/` changes what a step reads, so that it runs again."""
    left_out = step.flag("exclude")
    if left_out and PatternMatcher(left_out).matches(APP):
        return False
    return any(path == "." or _covers(path, APP) or _is_module(path) for path in reads(step))


def _is_module(path: str) -> bool:
    """Whether it is one file of the application; a list of packages may lie in `app/`, too."""
    return path.startswith("app/") and path.endswith(".py")


def hidden(dockerfile: Dockerfile, context: Context) -> list[tuple[Step, str]]:
    """Files and folders that a COPY names and that `.dockerignore` keeps from it."""
    return [
        (step, path)
        for stage in dockerfile.needed()
        for step in stage.steps
        for path in reads(step)
        if path != "." and not set(path) & set("*?[") and not context.may_have_below(path)
    ]


def copy_context(root: Path, folder: Path, context: Context) -> Path:
    """Copy what a build of the submission may see, the lab's own given files among it, and return the copy's root.

    Modes are kept, because a script must stay executable; links are left out, because they may lead anywhere. Raises
    `Unmet` where there is too much of it.
    """
    files = size = 0
    for here, folders, names in os.walk(root):
        below = Path(here).relative_to(root)
        folders[:] = [
            name
            for name in folders
            if name not in SKIPPED_FOLDERS and context.may_have_below((below / name).as_posix())
        ]
        for name in names:
            path, relative = Path(here, name), (below / name).as_posix()
            if path.is_symlink() or not path.is_file() or not (context.has(relative) or relative in ALWAYS):
                continue
            files, size = files + 1, size + path.stat().st_size
            if files > MAX_FILES or size > MAX_BYTES:
                raise _too_much(files, size)
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / relative)
    for relative in GIVEN:
        if context.has(relative):
            shutil.copyfile(SKELETON / relative, folder / relative)
    return folder


def _too_much(files: int, size: int) -> Unmet:
    saw = f"more than {files - 1} files or {size // 2**20 - 1} MiB in it"
    wanted = f"at most {MAX_FILES} files and {MAX_BYTES // 2**20} MiB"
    return Unmet("gathered the build context", saw, wanted, "what does .dockerignore leave out?", cause="build")


def _covers(pattern: str, path: str) -> bool:
    try:
        return bool(PatternMatcher([pattern]).matches(path))
    except ValueError:
        return False


def _below_root(path: str) -> str:
    return path.strip("/").removeprefix("./").rstrip("/") or "."
