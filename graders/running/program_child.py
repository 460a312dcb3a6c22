"""In the child: become `python -m app`, run in the submission's folder, with the environment that the lab built."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graders.running.control import Control

FIRST_FREE_FD = 3


def main(spec: dict[str, Any], control: Control) -> None:
    """Replace this process by a fresh interpreter, so that nothing that is imported here is imported there."""
    os.chdir(spec["root"])
    command = [sys.executable, "-m", "app"]
    control.send("executes", command=command)
    if sys.platform == "win32":  # there, exec would leave two processes of which the lab knows one
        sys.exit(subprocess.call(command))
    # The control socket came through another socket, and such descriptors are inherited unless told otherwise.
    os.closerange(FIRST_FREE_FD, os.sysconf("SC_OPEN_MAX"))
    os.execv(sys.executable, command)
