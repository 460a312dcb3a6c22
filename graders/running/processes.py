"""What the system says about a started command: its processes, their processor time, who holds which connection.

None of it comes from the learner's code, so none of it can be claimed by it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from graders.expect import NotRun
from graders.running import sweep

END_LIMIT_S = 2.0


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its descendants, ancestors first; empty where it is gone."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():  # then psutil reads the whole table of processes
        with contextlib.suppress(psutil.Error):
            return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return []
    found = []
    for one in (pid, *sweep.descendants(pid)):
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(one))
    return found


def own_ids(processes: Iterable[psutil.Process]) -> dict[int, int]:
    """The id by which a process knows itself, to its id here; they differ where it lives in a pid space of its own."""
    ids = {process.pid: process.pid for process in processes}
    for pid in tuple(ids):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
                if line.startswith("NSpid:"):
                    ids.pop(pid)
                    ids[int(line.split()[-1])] = pid
    return ids


def cpu_s(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """Processor time that each process has used so far, in seconds, by process id; ended ones are left out."""
    used = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
    return used


def ended_children_s(processes: Iterable[psutil.Process]) -> float:
    """Processor time of children that have ended and that one of the processes waited for, in seconds."""
    used = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            used += times.children_user + times.children_system
    return used


def some_run(processes: Iterable[psutil.Process]) -> bool:
    """Whether one of the processes runs right now, or would if it got a processor."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_WAKING, psutil.STATUS_DISK_SLEEP):
                return True
    return False


def threads(pid: int) -> int:
    """How many threads a process has right now; 0 where it is gone."""
    try:
        return int(psutil.Process(pid).num_threads())
    except psutil.Error:
        return 0


def holders(processes: Sequence[psutil.Process], port: int) -> dict[int, int]:
    """Who accepted which connection to `port`: the client's port to the id of the process that holds its other end.

    A process that was forked holds copies of its parent's connections; the one nearest to the root accepted them.
    Raises `NotRun` where this system does not tell.
    """
    if sys.platform == "linux":
        return _holders_on_linux(processes, port)
    found: dict[int, int] = {}
    for process in processes:  # ancestors first
        for connection in _connections(process):
            if connection.laddr and connection.laddr.port == port and connection.raddr:
                found.setdefault(connection.raddr.port, process.pid)
    return found


def _holders_on_linux(processes: Sequence[psutil.Process], port: int) -> dict[int, int]:
    """As psutil does it, but with one look at the system's table of connections, which may have thousands of rows."""
    mine = f":{port:04X} "
    clients: dict[str, int] = {}
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(OSError):
            for row in table.read_text().splitlines():
                if mine in row:
                    fields = row.split()
                    if fields[1].endswith(mine.strip()):
                        clients[f"socket:[{fields[9]}]"] = int(fields[2].rpartition(":")[2], 16)
    found: dict[int, int] = {}
    for process in processes:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):  # closed in between
                    if (client := clients.get(str(link.readlink()))) is not None:
                        found.setdefault(client, process.pid)
    return found


def listening(processes: Iterable[psutil.Process]) -> list[tuple[str, int]]:
    """Every address and port on which one of the processes listens."""
    found = {
        (str(connection.laddr.ip), int(connection.laddr.port))
        for process in processes
        for connection in _connections(process)
        if connection.status == psutil.CONN_LISTEN and connection.laddr
    }
    return sorted(found)


def _connections(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections(kind="tcp"))
    except psutil.AccessDenied:
        raise NotRun("this system does not tell which process holds a connection; run the lab on Linux") from None
    except psutil.Error:
        return []


@contextlib.contextmanager
def paused() -> Iterator[Pauses]:
    """Processes may be paused inside; at the end all of them go on, whatever happened."""
    pauses = Pauses()
    try:
        yield pauses
    finally:
        pauses.end()


class Pauses:
    """Processes that stand still, for a moment: what they would have done, another one does instead."""

    def __init__(self) -> None:
        self._processes: list[psutil.Process] = []

    def pause(self, pid: int) -> None:
        """Stop a process until the end of the pauses."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            self._processes.append(process)
            process.suspend()

    def end(self) -> None:
        """Let all of them go on."""
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                process.resume()
        self._processes.clear()


def shares(before: Mapping[int, float], after: Mapping[int, float]) -> dict[int, float]:
    """Processor time used between two looks, by process id; a process that is new began at 0."""
    return {pid: max(0.0, used - before.get(pid, 0.0)) for pid, used in after.items()}


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Kill what is still there and wait for its end; a process id that somebody else has by now is left alone."""
    left = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
            left.append(process)
    psutil.wait_procs(left, timeout=END_LIMIT_S)
