"""A wall clock that jumps, jumps for whoever reads it, by whatever name; other clocks go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from graders.curriculum import LAB

LEARNER = """
import datetime as dates
import time
from dataclasses import dataclass
from datetime import datetime
from time import time as now
from time import perf_counter, monotonic


class Stopwatch:
    def __init__(self, clock=time.time):
        self.clock = clock


class Slim:
    __slots__ = ("clock",)


def enclosed():
    clock = time.time
    return lambda: clock()


slim = Slim()
slim.clock = time.time
stopwatch, closure = Stopwatch(), enclosed()
later = Stopwatch  # its default is the function itself
started = datetime.now()

WALL = {
    "time.time": lambda: time.time(),
    "from time import time": lambda: now(),
    "an attribute": lambda: stopwatch.clock(),
    "a slot": lambda: slim.clock(),
    "a closure": lambda: closure(),
    "a default": lambda: later().clock(),
    "time.time_ns": lambda: time.time_ns() / 1e9,
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "datetime.now": lambda: datetime.now().timestamp(),
    "datetime.now(tz)": lambda: datetime.now(dates.timezone.utc).timestamp(),
    "datetime.utcnow": lambda: datetime.utcnow().replace(tzinfo=dates.timezone.utc).timestamp(),
    "the module datetime": lambda: dates.datetime.now().timestamp(),
}
STEADY = {"perf_counter": perf_counter, "monotonic": monotonic}
"""

SCRIPT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from graders.running import wall_clock
sys.path.insert(0, sys.argv[2])
import learner
import os
os.chdir(sys.argv[2])
before = {name: read() for name, read in {**learner.WALL, **learner.STEADY}.items()}
answer = asyncio.run(wall_clock.jump(delay_ms=2, by_s=3600))
for name, read in {**learner.WALL, **learner.STEADY}.items():
    print(name, round((read() - before[name]) / 3600), sep=": ")
print("still a datetime:", isinstance(learner.started, learner.datetime))
print("text:", learner.datetime.now().isoformat()[:2])
"""


def test_every_reader_sees_the_jump(tmp_path: Path) -> None:
    """By attribute, by name, in instances, slots, closures and defaults; datetimes stay datetimes."""
    (tmp_path / "learner.py").write_text(LEARNER, encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(LAB), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    told = dict(line.split(": ") for line in run.stdout.splitlines())
    assert run.returncode == 0, run.stderr
    assert {name: value for name, value in told.items() if value not in ("1", "True", "20")} == {
        "perf_counter": "0",
        "monotonic": "0",
    }
    assert len(told) == 16
