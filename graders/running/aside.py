"""Work that nobody waits for: done in a process of its own, so that a run ends as soon as its verdicts are told."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable

from graders.running.launcher import CAN_FORK


def aside(work: Callable[[], object]) -> None:
    """Do the work in a fork of this process, which ends with it; where processes cannot be forked, do it here and now.

    The fork keeps neither the terminal nor a pipe to whoever reads this process's output. What goes wrong in it is
    lost, so it is for work that can be lost.
    """
    if not CAN_FORK or threading.current_thread() is not threading.main_thread():
        work()
        return
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # other threads of this process are waiting, and hold no lock
        pid = os.fork()
    if pid:
        return
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        work()
    finally:
        os._exit(0)
