"""The few calls of the Linux kernel that Python 3.11 does not offer; each raises `OSError` where it is refused."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

IS_LINUX = sys.platform == "linux"

# linux/prctl.h
PDEATHSIG, DUMPABLE, DROP_BOUNDING, CHILD_SUBREAPER, NO_NEW_PRIVILEGES, AMBIENT = 1, 4, 24, 36, 38, 47
AMBIENT_CLEAR_ALL = 4
# linux/sched.h
NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS = 0x00020000, 0x08000000, 0x10000000, 0x20000000
# linux/mount.h
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
CAPABILITY_VERSION_3 = 0x20080522
LAST_CAPABILITY = 63


def prctl(option: int, argument: int = 0) -> None:
    """`prctl(2)` with one argument."""
    _call("prctl", option, ctypes.c_ulong(argument), 0, 0, 0)


def unshare(flags: int) -> None:
    """`unshare(2)`: leave namespaces for new ones."""
    _call("unshare", flags)


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """`mount(2)`."""
    encoded = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    _call("mount", *encoded, ctypes.c_ulong(flags), os.fsencode(options) or None)


def drop_capabilities() -> None:
    """Give up every capability, for good: nothing that is executed later gets one back."""
    for capability in range(LAST_CAPABILITY + 1):
        try:
            prctl(DROP_BOUNDING, capability)
        except OSError:
            break  # the kernel knows no more of them, or there is nothing to drop
    _call("prctl", AMBIENT, ctypes.c_ulong(AMBIENT_CLEAR_ALL), 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    prctl(NO_NEW_PRIVILEGES, 1)


def die_with_parent() -> None:
    """Have this process killed when the thread that forked it ends; to be called after the last change of uid."""
    if IS_LINUX:
        prctl(PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    if IS_LINUX:
        prctl(CHILD_SUBREAPER, 1)


def hide_memory(hidden: bool = True) -> None:
    """Keep other processes of the same user from this one's memory, environment and descriptors."""
    if IS_LINUX:
        prctl(DUMPABLE, int(not hidden))


def _call(name: str, *arguments: Any) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
