"""Does a level of isolation hold on this machine? Run as a script in place of a grading; prints what it saw as JSON.

    python -I probe.py         its order as for `inside`, with `confinement` and `folder`

It shuts itself in as a learner's process is shut in, and then tries what must not work.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LAB = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(LAB))

from graders.classroom.inside import become  # noqa: E402
from graders.running.confine import VARIABLE, Confinement  # noqa: E402

OUTSIDE = ("192.0.2.1", 9)
"""An address that belongs to nobody (RFC 5737); connecting a UDP socket sends nothing, it only asks for a route."""


def main() -> int:
    """Shut this process in, look around, tell."""
    order = json.loads(sys.stdin.buffer.read())
    if order["uid"] is not None:
        become(order["uid"], order["own_proc"])
    confinement = Confinement.from_environment({VARIABLE: json.dumps(order["confinement"])})
    folder = Path(order["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    outer = os.getpid()
    confinement.enter(folder)
    sys.stdout.write(json.dumps(look_around(folder, confinement, outer)) + "\n")
    return 0


def look_around(folder: Path, confinement: Confinement, outer: int) -> dict[str, Any]:
    """What this process can see and do."""
    return {
        "uid": os.getuid() if sys.platform != "win32" else -1,
        "groups": os.getgroups() if sys.platform != "win32" else [],
        "sees_hidden": [place for place in confinement.hidden if _lists(place)],
        "sees_grader": Path(f"/proc/{outer}").exists() and confinement.kind == "namespaces" and outer != os.getpid(),
        "writes_own_folder": _writes(folder),
        "writes_lab": _writes(LAB / "graders"),
        "reads_packages": _reads_packages(),
        "has_route": has_route(),
    }


def has_route() -> bool:
    """Whether there is a way out to the network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(OUTSIDE)
        except OSError:
            return False
        return True


def _lists(place: str) -> bool:
    try:
        return bool(os.listdir(place))  # noqa: PTH208
    except OSError:
        return False


def _writes(folder: Path) -> bool:
    target = folder / f".probe-{os.getpid()}"
    try:
        target.write_bytes(b"")
        target.unlink()
    except OSError:
        return False
    return True


def _reads_packages() -> bool:
    """Whether this user may read what Python imports: its own library, the packages, the lab."""
    try:
        for name in ("json.decoder", "fastapi", "uvicorn", "graders.running.serve"):
            spec = find_spec(name)
            if spec is None or spec.origin is None:
                return False
            Path(spec.origin).read_bytes()
    except (OSError, ImportError, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
