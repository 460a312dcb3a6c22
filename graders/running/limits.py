"""What a submission may use, and the look that finds out who uses more."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from graders.running import sweep

LOOK_EVERY_S = 0.2
LOOK_AT_DISK_EVERY_S = 1.0
CORES = os.cpu_count() or 1
CPU_S = 300
FILE_MIB = 64
ADDRESSES_MIB = 8 * 2**10
DATA_MIB = 4 * 2**10
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """For one started command with everything that it starts; a worker per core must fit in."""

    memory_mib: int = max(1024, 128 * CORES)
    processes: int = max(128, 4 * CORES)
    disk_mib: int = 256
    files: int = 20_000


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that was passed; `text` completes "killed by the lab for …"."""

    what: str
    text: str


class Overseer:
    """Looks at one started command: its memory, its processes, what it wrote."""

    def __init__(self, pid: int, folder: Path | None, limits: Limits) -> None:
        self._pid = pid
        self._folder = folder
        self._limits = limits
        self._disk_at = time.monotonic()

    def look(self) -> Excess | None:
        """The limit that is passed right now, if one is."""
        tree = [self._pid, *sweep.descendants(self._pid)]
        if len(tree) > self._limits.processes:
            return Excess("processes", f"running more than {self._limits.processes} processes")
        if memory_mib(tree, self._limits.memory_mib) > self._limits.memory_mib:
            return Excess("memory", f"using more than {_size(self._limits.memory_mib)} of memory")
        if self._folder is not None and time.monotonic() - self._disk_at > LOOK_AT_DISK_EVERY_S:
            self._disk_at = time.monotonic()
            used_mib, files = disk_use(self._folder, self._limits.files)
            if used_mib > self._limits.disk_mib:
                return Excess("disk", f"writing more than {_size(self._limits.disk_mib)} into its folder")
            if files > self._limits.files:
                return Excess("files", f"making more than {self._limits.files} files")
        return None


def memory_mib(pids: list[int], enough_mib: int) -> float:
    """What processes hold in memory, pages that several share counted once; rough where it is under `enough_mib`."""
    held = sum(_resident_mib(pid) for pid in pids)
    return held if held <= enough_mib else sum(_proportional_mib(pid) for pid in pids)


def disk_use(folder: Path, most_files: int) -> tuple[float, int]:
    """MiB on disk and number of files below a folder; stops counting where there are more than `most_files`."""
    used, files = 0, 0
    waiting = [str(folder)]
    while waiting and files <= most_files:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                files += 1
                if files > most_files:
                    break
                with contextlib.suppress(OSError):
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return used / MIB, files


def limit_this_process(processes: int | None = None) -> None:
    """The kernel's own limits, for each process; `processes` counts all of this uid, so only with a uid of its own."""
    try:
        import resource
    except ImportError:
        return
    wanted = {"CORE": 0, "FSIZE": FILE_MIB * MIB, "AS": ADDRESSES_MIB * MIB, "CPU": CPU_S}
    if sys.platform == "linux":  # elsewhere it does not count what is mapped
        wanted["DATA"] = DATA_MIB * MIB
    if processes is not None:
        wanted["NPROC"] = processes
    for name, value in wanted.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            kind = getattr(resource, f"RLIMIT_{name}")
            _, hard = resource.getrlimit(kind)
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            # The hard limit of processor time is five seconds later: the first signal has a name that can be told.
            resource.setrlimit(kind, (most, most + 5 if name == "CPU" and hard == resource.RLIM_INFINITY else most))


def _resident_mib(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * PAGE / MIB
    except (OSError, IndexError, ValueError):
        return 0.0 if Path("/proc/self/statm").exists() else _resident_elsewhere_mib(pid)


def _resident_elsewhere_mib(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).memory_info().rss) / MIB
    except psutil.Error:
        return 0.0


def _proportional_mib(pid: int) -> float:
    """Resident memory with each shared page divided among those who share it; plainly resident where not told."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except (OSError, IndexError, ValueError):
        pass
    return _resident_mib(pid)


def _size(mib: int) -> str:
    return f"{mib // 1024} GiB" if mib % 1024 == 0 else f"{mib} MiB"
