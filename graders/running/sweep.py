"""Who descends from a process, and their end: what a child leaves behind is found and killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

ROUNDS = 200
"""A process that forks and ends again and again is chased so often; where it has a uid or a pid namespace of its own,
it cannot escape anyway."""


def children(pid: int) -> list[int]:
    """The ids of a process's children; empty where it is gone."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text(encoding="ascii").split())
    except OSError:
        return found if Path("/proc/self/task").is_dir() else _children_elsewhere(pid)
    return found


def _children_elsewhere(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def descendants(pid: int) -> list[int]:
    """The ids of all descendants, ancestors first."""
    found, waiting = [], children(pid)
    while waiting:
        child = waiting.pop(0)
        if child not in found:
            found.append(child)
            waiting += children(child)
    return found


def kill(pids: Collection[int]) -> None:
    """Kill them; who is gone already is passed over."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """Stop a process and its descendants, so that none forks meanwhile, then kill all of them."""
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        fresh = {pid, *descendants(pid)} - stopped
        if not fresh:
            break
        for one in fresh:
            with contextlib.suppress(OSError):
                os.kill(one, signal.SIGSTOP)
        stopped |= fresh
    kill(stopped)


def kill_orphans(known: Collection[int]) -> int:
    """Kill every child of this process, with its tree, that is not among the known ones; return how many lived."""
    ended: set[int] = set()
    lived = 0
    for _ in range(ROUNDS):
        fresh = [pid for pid in children(os.getpid()) if pid not in known and pid not in ended]
        for pid in fresh:
            lived += not is_zombie(pid)
            kill_tree(pid)
        ended.update(fresh)
        reap(fresh)
        if not fresh:
            break
    return lived


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for somebody to ask how."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] == "Z"
        )
    except (OSError, IndexError):
        return False


def reap(pids: Collection[int]) -> None:
    """Wait for those that have ended, so that none stays as a zombie."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.waitpid(pid, os.WNOHANG)
