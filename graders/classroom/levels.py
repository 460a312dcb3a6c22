"""Which level of isolation this machine offers: found out by trying, and told with the reason where one is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graders.classroom import bubble
from graders.classroom.order import Level
from graders.running.confine import Confinement
from graders.running.linux import IS_LINUX

PROBE = Path(__file__).with_name("probe.py")
LIMIT_S = 30.0
PROMISES = {
    Level.NAMESPACES: "private network, processes and files for each submission; suite and solutions out of sight",
    Level.USER: "a user of its own for each submission; the network and what everybody may read stay open to it",
    Level.NONE: "plain processes of yours: a submission can read what you can, send what you can, and kill the grading",
}


class UnavailableError(Exception):
    """The level that was asked for does not hold here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The level to grade at, with what the teacher should know about it."""

    level: Level
    warnings: tuple[str, ...] = ()


def choose(wanted: str, uid: int) -> Chosen:
    """The level that was asked for, or with `auto` the strongest that holds here. Raises `UnavailableError`."""
    if wanted != "auto":
        level = Level(wanted)
        if reason := TESTS[level](uid):
            raise UnavailableError(f"isolation {level.value} does not hold here: {reason}")
        return Chosen(level, _warnings(level))
    reasons: list[str] = []
    for level, test in TESTS.items():
        reason = test(uid)
        if not reason:
            return Chosen(level, (*reasons, *_warnings(level)))
        reasons.append(f"not isolated by {level.value}: {reason}")
    raise UnavailableError("\n".join(reasons))


def is_root() -> bool:
    """Whether this process may become other users."""
    return sys.platform != "win32" and os.geteuid() == 0


def no_namespaces(uid: int) -> str:
    """Why bubblewrap cannot isolate here; empty if it can."""
    if not IS_LINUX:
        return "it needs Linux"
    bwrap = bubble.program()
    if bwrap is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    own = uid if is_root() else None
    with tempfile.TemporaryDirectory(prefix="lab-probe-") as folder:
        (Path(folder) / "submission").mkdir()
        etc = bubble.write_etc(Path(folder) / "etc", os.getuid() if own is None else own)
        command = bubble.command(bwrap, Path(folder) / "submission", "probe", etc, own)
        seen, trouble = _probe(command, own, bubble.confinement(), str(bubble.SCRATCH / "probe"))
    if seen is None:
        return trouble
    wrong = {
        "a submission would see the suite or the solutions": seen["sees_hidden"],
        "a submission would see the grader's processes": seen["sees_grader"],
        "a submission could change the lab": seen["writes_lab"],
        "a submission would have a way out to the network": seen["has_route"],
        "a submission would run as root": seen["uid"] == 0,
        "Python or its packages cannot be read inside": not seen["reads_packages"],
        "the scratch folder cannot be written inside": not seen["writes_own_folder"],
    }
    return "; ".join(text for text, is_so in wrong.items() if is_so)


def no_user(uid: int) -> str:
    """Why a user of its own for each submission cannot be had; empty if it can."""
    if not IS_LINUX:
        return "it needs Linux"
    if not is_root():
        return "only root can give each submission a user of its own"
    with tempfile.TemporaryDirectory(prefix="lab-probe-") as folder:
        Path(folder).chmod(0o711)
        seen, trouble = _probe([], None, Confinement("user", uid), f"{folder}/own")
    if seen is None:
        return trouble
    wrong = {
        f"the process did not become user {uid}": seen["uid"] != uid or bool(seen["groups"]),
        "a submission could change the lab": seen["writes_lab"],
        f"other users cannot read Python or its packages ({sys.base_prefix} or {sys.prefix} lies in a closed folder); "
        "install both where everybody may read": not seen["reads_packages"],
        "the submission's own folder cannot be written": not seen["writes_own_folder"],
    }
    return "; ".join(text for text, is_so in wrong.items() if is_so)


def no_plain(uid: int) -> str:
    """Why plain processes are refused; empty where they are merely weak."""
    if is_root():
        return (
            "a plain process of root's could do anything to this machine. Install bubblewrap, "
            "use --isolate user, or run lab grade as a user without privileges"
        )
    return ""


TESTS: dict[Level, Callable[[int], str]] = {
    Level.NAMESPACES: no_namespaces,
    Level.USER: no_user,
    Level.NONE: no_plain,
}


def _warnings(level: Level) -> tuple[str, ...]:
    return (f"isolation {level.value}: {PROMISES[level]}",) if level is not Level.NAMESPACES else ()


def _probe(
    sandbox: list[str], uid: int | None, confinement: Confinement, folder: str
) -> tuple[dict[str, Any] | None, str]:
    order = {"uid": uid, "own_proc": bool(sandbox), "confinement": asdict(confinement), "folder": folder}
    command = [*sandbox, sys.executable, "-I", str(PROBE)]
    try:
        run = subprocess.run(
            command, input=json.dumps(order), capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd="/"
        )
        found: dict[str, Any] = json.loads(run.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"the trial did not run ({error})"
    except ValueError:
        last = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        return None, f"the trial failed: {last[:300]}"
    return found, ""
