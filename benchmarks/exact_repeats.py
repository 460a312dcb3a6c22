"""Is the exact judge exact? Every shape of waiting, many times over, with busy processes beside it or without.

    python benchmarks/exact_repeats.py --repeats 1000
    python benchmarks/exact_repeats.py --repeats 1000 --busy 4

Each answer time, first byte and blocked interval must be right to the microsecond, every time. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from graders.exact.result import burst_of, stop_of
from graders.exact.run import events_of
from graders.exact.scenario import spec_of
from graders.selftests.exact_shapes import SHAPES, Shape, what_is_wrong, write_submission

BUSY_LIMIT_S = 3600
SPIN = """
import os, sys, time
end, parent = time.monotonic() + float(sys.argv[1]), os.getppid()
while time.monotonic() < end and os.getppid() == parent:
    pass
"""


def main() -> int:
    """Run, print, judge."""
    options = _options()
    shapes = [shape for shape in SHAPES if not options.shapes or shape.name in options.shapes]
    print(f"{len(shapes)} shapes, {options.repeats} times each, {options.busy} busy processes, {os.cpu_count()} cores")
    began = time.monotonic()
    with busy_processes(options.busy), tempfile.TemporaryDirectory() as folder:
        root = write_submission(Path(folder) / "submission")
        wrong = sum(_repeat(root, shape, options.repeats) for shape in shapes)
    total = len(shapes) * options.repeats
    print(f"{total - wrong} of {total} exact, in {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def _repeat(root: Path, shape: Shape, repeats: int) -> int:
    """How many of the repetitions were not exact."""
    began = time.monotonic()
    seen: Counter[str] = Counter()
    ended = "no end"
    for event in events_of(spec_of(root, (shape.burst(repeats),)), patience_s=BUSY_LIMIT_S):
        if event["event"] == "burst":
            burst = burst_of(event)
            answers = [(a.status, a.first_byte_s, a.done_s) for a in burst.timeline.answers]
            held_s = sum(interval.length_s for interval in burst.timeline.blocked)
            seen[what_is_wrong(shape, answers, held_s) or burst.cannot_judge or "exact"] += 1
        elif event["event"] == "stopped":
            ended = stop_of(event).reason
    exact = seen.pop("exact", 0)
    each_ms = (time.monotonic() - began) / repeats * 1e3
    print(f"{shape.name:28} {len(shape.requests):3} requests  {exact:5} exact  {each_ms:6.1f} ms each", flush=True)
    for what, count in seen.most_common(3):
        print(f"    {count} times: {what}")
    if exact + seen.total() < repeats:
        print(f"    ended early: {ended}")
    return repeats - exact


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that compute as long as the context lasts; they end with this one, or after an hour."""
    busy = [subprocess.Popen([sys.executable, "-I", "-c", SPIN, str(BUSY_LIMIT_S)]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--busy", type=int, default=0, help="busy processes beside it")
    parser.add_argument("--shapes", nargs="*", help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
