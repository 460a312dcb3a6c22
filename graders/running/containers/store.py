"""A private store of Podman's: layers and containers of one run of the lab, apart from the user's; removed whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

Call = Callable[[Sequence[str], float], Awaitable[object]]


async def remove_store(folder: Path, program: str, call: Call) -> None:
    """End what still runs on the store's layers, unmount them, remove the folder."""
    end_inside(folder)
    for point in mounts_below(folder):
        await call(["umount", point], 10)
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        # Files of other users of a container's can only be removed from within its namespace.
        await call([program, "unshare", "rm", "-rf", str(folder)], 30)
    shutil.rmtree(folder, ignore_errors=True)


def end_inside(folder: Path) -> list[int]:
    """Kill every process whose root lies on the store, and return their ids.

    The step of a build that was cut off runs on: its container is of no engine's list, and no child of the engine's
    that was killed.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if _stands_on((entry / "mountinfo").read_text(encoding="utf-8", errors="replace"), folder):
                found.append(int(entry.name))
                os.kill(found[-1], signal.SIGKILL)
    return found


def _stands_on(mounts: str, folder: Path) -> bool:
    """Whether the root of a process is an overlay whose writable layer is below the folder (see proc(5))."""
    for line in mounts.splitlines():
        words = line.split()
        if len(words) > 4 and words[4] == "/":
            return f"upperdir={folder}/" in line
    return False


def mounts_below(folder: Path) -> list[str]:
    """What is mounted below a folder, the deepest first."""
    with contextlib.suppress(OSError):
        points = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
        return sorted((p for p in points if p.startswith(f"{folder}/")), reverse=True)
    return []
