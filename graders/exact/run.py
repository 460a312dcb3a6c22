"""Runs the exact judge in a fresh Python process and waits for its result."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graders.exact.result import ExactResult, result_of
from graders.exact.scenario import Burst, Limits, spec_of

SCRIPT = Path(__file__).with_name("__main__.py")
PATIENCE_S = 60.0


def run_exact(
    root: Path,
    bursts: tuple[Burst, ...],
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    probe: str | None = None,
    patience_s: float = PATIENCE_S,
) -> ExactResult:
    """The submission in a folder, judged in virtual time; needs a second of its own to import everything anew.

    A child that is not done after `patience_s` real seconds is killed; its last events still count.
    """
    return result_of(events_of(spec_of(root, bursts, limits, env, probe), patience_s))


def events_of(spec: Mapping[str, Any], patience_s: float) -> Iterator[dict[str, Any]]:
    """All that a fresh child tells, as it comes."""
    command = [sys.executable, "-I", str(SCRIPT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        impatience = threading.Timer(patience_s, child.kill)
        impatience.start()
        try:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(json.dumps(spec).encode())
            child.stdin.close()
            for line in child.stdout:
                if line.endswith(b"}\n"):
                    yield json.loads(line)
        finally:
            impatience.cancel()
            child.kill()
