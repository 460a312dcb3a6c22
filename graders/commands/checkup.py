"""What the lab needs of this machine: looked at one by one, each with what to do about it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import psutil

from graders.curriculum import LAB
from graders.grading import state_folder, usable_cores
from graders.running.containers.engine import Readiness, find_engine

PORTS = {8000: "your service (exercise 1)", 8089: "Locust's page (exercise 3)"}
LEAST_FREE_GB = 2.0
NOTES = "lab's notes"
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?")


class Health(StrEnum):
    """How much it matters."""

    GOOD = "good"
    LIMITED = "limited"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what to do about it."""

    name: str
    health: Health
    found: str
    advice: str = ""


def findings() -> Iterator[Finding]:
    """Everything that is looked at, quick things first."""
    yield python(sys.version_info[:3], sys.prefix != sys.base_prefix)
    yield uv(shutil.which("uv"))
    yield packages(_required(), _version)
    yield cores(usable_cores(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0)
    yield disk(shutil.disk_usage(LAB).free / 1e9)
    yield notes_folder()
    for port, what in PORTS.items():
        yield port_finding(port, what, is_free(port), _holder(port))
    yield engine(asyncio.run(_find_engine()))


def python(version: tuple[int, ...], in_environment: bool) -> Finding:
    """The Python that runs this."""
    told = ".".join(map(str, version[:3]))
    if version < (3, 11):
        return Finding("Python", Health.BAD, f"{told}, the lab needs 3.11", "uv python pin 3.11, then uv sync")
    if not in_environment:
        advice = "start commands with `uv run`, so that they use the project's environment"
        return Finding("Python", Health.LIMITED, f"{told}, outside of a virtual environment", advice)
    return Finding("Python", Health.GOOD, told)


def uv(path: str | None) -> Finding:
    """The installer."""
    if path is None:
        return Finding("uv", Health.LIMITED, "not found", "lessons/exercise0.md says how to install it")
    return Finding("uv", Health.GOOD, path)


def packages(required: dict[str, str], version: Callable[[str], str | None]) -> Finding:
    """What pyproject.toml asks for, and what is installed."""
    missing = [name for name in required if version(name) is None]
    old = [
        f"{name} {found} (needs {least})"
        for name, least in required.items()
        if least and (found := version(name)) is not None and _numbers(found) < _numbers(least)
    ]
    if missing or old:
        told = "; ".join(part for part in (f"missing: {', '.join(missing)}" * bool(missing), ", ".join(old)) if part)
        return Finding("packages", Health.BAD, told, "uv sync")
    return Finding("packages", Health.GOOD, f"{len(required)} installed")


def cores(count: int, load: float) -> Finding:
    """Processors, and how busy they are."""
    told = f"{count} usable, load {load:.1f}"
    if count < 2:
        advice = "one core is enough, but checks that need two (workers, in exercise 4) are not run"
        return Finding("cores", Health.LIMITED, told, advice)
    if load > 2 * count:
        advice = "this machine is busy: verdicts stay right, but take longer, and some may be unclear"
        return Finding("cores", Health.LIMITED, told, advice)
    return Finding("cores", Health.GOOD, told)


def disk(free_gb: float) -> Finding:
    """Room for images."""
    told = f"{free_gb:.0f} GB free"
    if free_gb < LEAST_FREE_GB:
        return Finding("disk", Health.LIMITED, told, "make room: exercise 5 builds images of some hundred MB")
    return Finding("disk", Health.GOOD, told)


def notes_folder() -> Finding:
    """Whether the lab can remember."""
    folder = state_folder(LAB)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{folder} cannot be made: {error.strerror or error}"
        return Finding(NOTES, Health.LIMITED, why, "without it, earlier exercises are graded anew in every run")
    if not os.access(folder, os.W_OK):
        return Finding(NOTES, Health.LIMITED, f"{folder} is read-only", "make it yours, or delete it")
    shown = folder.relative_to(LAB) if folder.is_relative_to(LAB) else folder
    return Finding(NOTES, Health.GOOD, f"{shown} can be written")


def port_finding(port: int, what: str, free: bool, holder: str) -> Finding:
    """A port that a lesson uses; grading itself takes any free one."""
    name = f"port {port}"
    if free:
        return Finding(name, Health.GOOD, f"free, for {what}")
    advice = f"end it, or give another port to {what}; grading does not need this one"
    return Finding(name, Health.LIMITED, f"taken by {holder or 'another program'}", advice)


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def engine(found: Readiness) -> Finding:
    """Docker or Podman, which has to run a container before it counts."""
    if found.engine is not None:
        return Finding("containers", Health.GOOD, f"{found.engine.name} {found.engine.version} runs containers")
    advice = "until then, exercise 5 judges what can be read from the files; the rest is not run"
    return Finding("containers", Health.LIMITED, found.reason, advice)


async def _find_engine() -> Readiness:
    found = await find_engine([])
    if found.engine is not None:
        await found.engine.remove_everything()
    return found


def _holder(port: int) -> str:
    """Who listens on a port, where the system tells."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})" if connection.pid else ""
    except (psutil.Error, OSError):
        return ""
    return ""


def _required() -> dict[str, str]:
    """Package to least version, of the service and of the lab's own group."""
    project = tomllib.loads((LAB / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["lab"]]
    wanted += project["dependency-groups"].get("load", [])
    found = (REQUIREMENT.match(line) for line in wanted if isinstance(line, str))
    return {match[1]: match[2] or "" for match in found if match}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
