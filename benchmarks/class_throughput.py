"""How fast is a class graded, and does it stay so as the class grows?

    python benchmarks/class_throughput.py             40 submissions one after another, then several at a time
    python benchmarks/class_throughput.py --growth    10, 40 and 160 submissions: cost of each, memory of the grader

Right, half-done, wrong and hostile submissions in turn, exercise 1, the isolation that this machine offers. Goals: at
most 0.6 of the time of one after another on two cores, the same verdicts, none lost; cost linear within 5 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

LAB = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(LAB))

from graders.classroom.pool import default_jobs  # noqa: E402
from graders.selftests.attacks import attacks  # noqa: E402
from graders.selftests.corpus import compose, specimens  # noqa: E402

GOAL = 0.6
LINEAR = 0.05
SIZES = (10, 40, 160)
HOSTILE = ("leaves_a_daemon", "conftest", "reads_the_suite", "answers_without_end", "forged_events")
RUN = """
import json, resource, sys, time
from pathlib import Path
from graders.classroom.run import Options, grade_class
from graders.grading import state_folder
from graders.curriculum import LAB
from graders.selftests.fake_class import Silence
folder, out, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
began = time.monotonic()
graded = grade_class(Options((folder,), out, ("exercise1",), jobs=jobs, state=state_folder(LAB)), Silence())
print(json.dumps({
    "seconds": time.monotonic() - began,
    "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "isolation": sorted({e.isolation for e in graded.entries}),
    "repeated": sum(e.attempts > 1 for e in graded.entries),
    "verdicts": {e.student: [e.status, e.total, dict(e.states or {})] for e in graded.entries},
}))
"""


@dataclass(frozen=True)
class Graded:
    """One run over a class."""

    seconds: float
    rss_mib: float
    isolation: str
    repeated: int
    verdicts: dict[str, Any]


def main() -> int:
    """Compose, grade, print; exit code 1 where a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--growth", action="store_true", help="10, 40 and 160 submissions in place of the comparison")
    options.add_argument("--size", type=int, default=40, help="submissions in the comparison")
    options.add_argument("--jobs", type=int, default=default_jobs(), help="gradings at a time")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-benchmark-") as folder:
        Path(folder).chmod(0o755)
        if chosen.growth:
            return growth(Path(folder), chosen.jobs)
        return comparison(Path(folder), chosen.size, chosen.jobs)


def comparison(folder: Path, size: int, jobs: int) -> int:
    """One after another, then several at a time."""
    hand_in(folder / "class", size)
    together = run(folder / "class", folder / "together", jobs)
    alone = run(folder / "class", folder / "alone", 1)
    ratio = together.seconds / alone.seconds
    same = [who for who in alone.verdicts if alone.verdicts[who] == together.verdicts.get(who)]
    lost = size - len(together.verdicts)
    print(f"{size} submissions, isolation {alone.isolation}")
    print(f"one after another   {alone.seconds:7.1f} s  {alone.seconds / size:5.2f} s each")
    print(f"{jobs} at a time         {together.seconds:7.1f} s  {together.seconds / size:5.2f} s each")
    print(f"ratio {ratio:.2f} (goal at most {GOAL}); same verdicts {len(same)} of {size}; lost {lost}")
    print(f"graded once more: {alone.repeated} alone, {together.repeated} together")
    for who in alone.verdicts:
        if who not in same:
            print(f"  {who}: {difference(alone.verdicts[who], together.verdicts.get(who))}")
    return int(ratio > GOAL or len(same) < size or lost > 0)


def growth(folder: Path, jobs: int) -> int:
    """Cost of a submission and memory of the grader as the class grows."""
    costs = []
    for size in SIZES:
        hand_in(folder / f"class{size}", size)
        graded = run(folder / f"class{size}", folder / f"out{size}", jobs)
        costs.append(graded.seconds / size)
        print(
            f"{size:4} submissions  {graded.seconds:7.1f} s  {costs[-1]:5.2f} s each  "
            f"grader {graded.rss_mib:.0f} MiB  graded once more {graded.repeated}",
            flush=True,
        )
    print(f"cost of one: {costs[-1] / costs[0] - 1:+.1%} from {SIZES[0]} to {SIZES[-1]} (goal: within {LINEAR:.0%})")
    return int(costs[-1] / costs[0] - 1 > LINEAR)


def hand_in(folder: Path, size: int) -> None:
    """Write a class: right, untouched, wrong and hostile submissions in turn, each with a name of its own."""
    wrong, right = specimens("wrong", "exercise1"), specimens("right", "exercise1")
    hostile = [a for a in attacks() if a.name in HOSTILE]
    words = dict.fromkeys(("CANARY", "SECRET", "LAB", "OUT", "MARK", "PORT"), "nothing")
    kinds = cycle(("right", "half", "wrong", "hostile"))
    for number, kind in enumerate(islice(kinds, size)):
        student = folder / f"student{number:03}_{kind}"
        if kind == "right":
            right[number // 4 % len(right)].compose(student)
        elif kind == "half":
            compose(0, student)
        elif kind == "wrong":
            wrong[number // 4 % len(wrong)].compose(student)
        else:
            hostile[number // 4 % len(hostile)].compose(student, words)
        (student / "app" / "name.py").write_text(f"NAME = {student.name!r}\n", encoding="utf-8")


def run(folder: Path, out: Path, jobs: int) -> Graded:
    """Grade a class in a process of its own."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), str(out), str(jobs)],
        cwd=LAB,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    told["isolation"] = ", ".join(told["isolation"])
    assert time.monotonic() - began >= told["seconds"]
    return Graded(**told)


def difference(one: Sequence[Any], other: Sequence[Any] | None) -> str:
    """What two verdicts on one submission differ in."""
    if other is None:
        return "lost"
    checks = [f"{c}: {s} / {other[2].get(c)}" for c, s in one[2].items() if other[2].get(c) != s]
    return f"{one[0]} {one[1]} / {other[0]} {other[1]}; {', '.join(checks)}"


if __name__ == "__main__":
    sys.exit(main())
