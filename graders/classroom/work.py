"""One submission graded on whichever machine this runs: the unit of work that executors and clusters get."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from graders.classroom.levels import Chosen, UnavailableError, choose, is_root
from graders.classroom.order import Ended, Level, Order, Result
from graders.running.linux import IS_LINUX
from graders.submission import suite_fingerprint

KEEPER = Path(__file__).with_name("keeper.py")
GRACE_S = 60.0
PACKAGES = ("fastapi", "starlette", "pydantic", "uvicorn", "httpx", "anyio", "locust", "structlog", "pytest")
TRIAL_UID = 61_999

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Task:
    """A submission to grade: a folder on this machine, or its files packed to travel to another one."""

    name: str
    folder: str
    packed: bytes
    exercises: tuple[str, ...]
    isolate: str
    timeout_s: float
    lab: str
    state: str = ""


def pack(folder: Path) -> bytes:
    """A clean folder as one tar file."""
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                archive.add(path, path.relative_to(folder).as_posix(), recursive=False)
        return buffer.getvalue()


def grade(task: Task) -> Result:
    """Grade it here; whatever goes wrong is in the result, and nothing is raised."""
    if task.lab != lab_fingerprint():
        return Result(Ended.DIED, why="this machine has another version of the lab, its suite or its packages")
    try:
        with contextlib.ExitStack() as stack:
            chosen = level_here(task.isolate)
            uid = stack.enter_context(_uid_for(chosen.level))
            folder = task.folder or str(stack.enter_context(_unpacked(task.packed)))
            return _keep(Order(folder, task.name, task.exercises, chosen.level, uid, task.timeout_s, task.state))
    except (UnavailableError, OSError) as error:
        return Result(Ended.DIED, why=f"{error}")


@functools.cache
def level_here(isolate: str) -> Chosen:
    """The level of isolation on this machine; tried once in a process's life. Raises `UnavailableError`."""
    return choose(isolate, TRIAL_UID)


@functools.cache
def lab_fingerprint() -> str:
    """A digest of everything besides the submission that decides a verdict: suite, graders, Python, packages."""
    digest = hashlib.sha256(suite_fingerprint().encode())
    for name in PACKAGES:
        try:
            digest.update(f"{name}={version(name)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{name}\n".encode())
    return digest.hexdigest()[:32]


def fingerprint(folder: Path) -> str:
    """A digest of a submission's files: their names and contents."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()[:32]


def stop_all() -> None:
    """End every grading of this process at once."""
    with _lock:
        for keeper in _running:
            keeper.kill()


def _uid_for(level: Level) -> contextlib.AbstractContextManager[int | None]:
    if IS_LINUX and is_root() and level is not Level.NONE:
        from graders.classroom.uids import lent_uid

        return lent_uid()
    return contextlib.nullcontext()


@contextlib.contextmanager
def _unpacked(packed: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lab-work-") as folder:
        root = Path(folder) / "submission"
        root.mkdir()
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
            for member in archive:
                target = root / member.name  # packed by `pack` from a clean folder
                target.parent.mkdir(parents=True, exist_ok=True)
                if (stream := archive.extractfile(member)) is not None:
                    target.write_bytes(stream.read())
        yield root


def _keep(order: Order) -> Result:
    """Run the keeper; it is the parent of everything that the submission starts."""
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    keeper = subprocess.Popen(
        [sys.executable, "-I", str(KEEPER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
        start_new_session=True,
    )
    with _lock:
        _running.add(keeper)
    try:
        out, err = keeper.communicate(json.dumps(order.to_json()), timeout=order.timeout_s + GRACE_S)
        return Result.from_json(json.loads(out))
    except subprocess.TimeoutExpired:
        return Result(Ended.TIMEOUT, why=f"not done after {order.timeout_s:g} s, and hard to end")
    except (ValueError, TypeError, KeyError):
        last = (err.strip().splitlines() or [f"exit code {keeper.returncode}"])[-1]
        return Result(Ended.DIED, why=f"the process that keeps the grading ended: {last[:300]}")
    finally:
        keeper.kill()
        keeper.wait()
        for stream in (keeper.stdout, keeper.stderr):
            if stream is not None:
                stream.close()
        with _lock:
            _running.discard(keeper)
