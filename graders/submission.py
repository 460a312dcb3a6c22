"""A learner's work: where it is, which files it is made of, its fingerprint, and a clean copy to run."""

from __future__ import annotations

import ast
import functools
import hashlib
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from graders.curriculum import IMAGE_LISTS, LAB, SKELETON, SUITE

GIVEN = ("app/model.py", "app/pipeline.py")
"""Files of the lab's own inside `app/`: grading always uses the lab's copy (contract, 'Given files')."""

PARTS = ("app", "locustfile.py", "Dockerfile", "docker-compose.yml", "compose.yaml", ".dockerignore")
SKIPPED_FOLDERS = frozenset({"__pycache__", ".git", ".venv", "node_modules"})
MAX_FILES = 2_000
MAX_FILE_BYTES = 8 * 2**20


class NotLiteral:
    """Stands for a value that would have to be computed: submissions are read, never executed."""


class NoSubmissionError(Exception):
    """The folder holds nothing to grade; the message names the folder, the reason and the way out."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A folder that holds `app/` and its neighbours."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> Submission:
        """The submission in a folder; `NoSubmissionError` where there is no `app/` or no folder at all."""
        root = folder.expanduser()
        if not root.is_dir():
            raise NoSubmissionError(f"{folder}: no such folder. Give the folder that holds app/.")
        if not (root / "app").is_dir():
            nested = sorted(str(p.parent.relative_to(root)) for p in root.glob("*/app") if p.is_dir())
            hint = f" There is one in {nested[0]}/: did you mean that?" if nested else ""
            raise NoSubmissionError(f"{folder}: has no app/ in it. Give the folder that holds app/.{hint}")
        return cls(root.resolve())

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.root.name

    @property
    def is_the_labs_own(self) -> bool:
        """Whether it is the learner's copy inside this very repository."""
        return self.root == LAB

    def parts(self) -> list[str]:
        """The files and folders at its root that make it up."""
        return [part for part in PARTS if (self.root / part).exists()]

    def files(self, patterns: Iterable[str] = ("**",), parts: Iterable[str] = PARTS) -> Iterator[tuple[str, Path]]:
        """Its regular files, as (path with slashes, place), in order; links and oversized files are left out."""
        wanted = tuple(patterns)
        count = 0
        for part in parts:
            for path in _walk(self.root / part):
                relative = PurePosixPath(path.relative_to(self.root)).as_posix()
                if any(_matches(relative, pattern) for pattern in wanted):
                    count += 1
                    if count > MAX_FILES:
                        return
                    yield relative, path

    def literals(self, relative: str) -> tuple[dict[str, object], str]:
        """The plain values that a file assigns to names at its top level, read as data and never executed.

        What is no literal is `NotLiteral`. The text says why the file could not be read; it is empty if it could.
        """
        try:
            body = ast.parse((self.root / relative).read_bytes()).body
        except SyntaxError as error:
            return {}, f"{relative}, line {error.lineno}: {error.msg}\n    {(error.text or '').strip()}"
        except (OSError, ValueError, RecursionError) as error:
            return {}, f"{relative}: {getattr(error, 'strerror', None) or error}"
        found: dict[str, object] = {}
        for statement in body:
            match statement:
                case ast.Assign(targets=targets, value=value):
                    pairs = [pair for target in targets for pair in _assigned(target, value)]
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    pairs = list(_assigned(target, value))
                case _:
                    continue
            found |= {name: _literal(its) for name, its in pairs}
        return found, ""

    def imports(self, module: str) -> bool:
        """Whether a file in `app/` imports this top-level module, at its top or inside of a function."""
        files = (path for name, path in self.files(("app/**",)) if name.endswith(".py"))
        return any(module in _imported(path.read_bytes()) for path in files)

    def fingerprint(self, patterns: Iterable[str]) -> str:
        """A digest of the files that match, given files as the lab has them: equal means equal to every check.

        The lists that only its image reads count as well; they never reach the grader's own tools (see `files`).
        """
        digest = hashlib.sha256()
        for relative, path in self.files(patterns, (*PARTS, *IMAGE_LISTS)):
            if relative not in GIVEN:
                _feed(digest, relative, path)
        for relative in GIVEN:
            _feed(digest, relative, SKELETON / relative)
        return digest.hexdigest()

    def copy_to(self, folder: Path) -> Path:
        """Copy it, without caches and links and with the lab's own given files, and return the copy's root.

        What would hide a given file is left out: a package or a compiled module of its name (`app/model/` or
        `app/model.abi3.so` beside `app/model.py`), a folder in its place.
        """
        twins = tuple(given.removesuffix(".py") + follows for given in GIVEN for follows in "/.")
        for relative, path in self.files():
            if relative.startswith(twins):
                continue
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (folder / "app").mkdir(exist_ok=True)
        for relative in GIVEN:
            shutil.copyfile(SKELETON / relative, folder / relative)
        return folder.resolve()


def suite_fingerprint() -> str:
    """A digest of everything that decides a verdict besides the submission: suite, graders, Python."""
    digest = hashlib.sha256(sys.version.encode())
    for folder in (SUITE, LAB / "graders"):
        for path in sorted(folder.rglob("*.py")):
            relative = path.relative_to(LAB)
            if not {"selftests", "solutions", "__pycache__"} & set(relative.parts):
                _feed(digest, relative.as_posix(), path)
    return digest.hexdigest()


def _walk(path: Path) -> Iterator[Path]:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and path.stat().st_size <= MAX_FILE_BYTES and not path.name.endswith(".pyc"):
            yield path
        elif stat.S_ISDIR(mode) and path.name not in SKIPPED_FOLDERS:
            for child in sorted(path.iterdir()):
                yield from _walk(child)
    except OSError:
        return  # unreadable, or gone meanwhile: it cannot be graded, and what needs it will say so


def _matches(relative: str, pattern: str) -> bool:
    return pattern == "**" or fnmatch(relative, pattern.replace("**", "*"))


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case (ast.Tuple(elts=names) | ast.List(elts=names), ast.Tuple(elts=values) | ast.List(elts=values)):
            if len(names) == len(values):
                for each, its in zip(names, values, strict=True):
                    yield from _assigned(each, its)


def _literal(value: ast.expr) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return NotLiteral


@functools.lru_cache(maxsize=64)
def _imported(source: bytes) -> frozenset[str]:
    """The top-level modules that a file imports; none where Python cannot read it. Each start of a service asks."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    plain = (alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names)
    taken_from = (node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level)
    return frozenset(name.partition(".")[0] for name in (*plain, *taken_from))


def _feed(digest: hashlib._Hash, relative: str, path: Path) -> None:
    content = path.read_bytes()
    digest.update(f"{relative}\0{len(content)}\0".encode())
    digest.update(content)
