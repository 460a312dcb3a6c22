"""How often a verdict is wrong: the clock checks of exercise 1 many times over, idle and with every core busy twice.

    uv run python benchmarks/flakes.py [--runs 100] [--busy none,cores,twice] [--only NAME ...] [--suite]

Prints, for the reference and for wrong submissions, how many verdicts were wrong, how many were inconclusive, how
many the exact judge decided, and how long a run took. With --suite each run is a whole `pytest -k exercise1` in a
process of its own; without, both judges run in one process, which is faster and judges the same.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LAB = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(LAB))

from graders.expect import Unmet  # noqa: E402
from graders.measuring.challenges import IN_EXACT_TIME  # noqa: E402
from graders.running.contest import Contest  # noqa: E402
from graders.running.launcher import Launcher  # noqa: E402
from graders.running.service import Service  # noqa: E402
from graders.selftests.corpus import CORPUS, Specimen, compose, grade  # noqa: E402
from graders.submission import Submission  # noqa: E402

CLOCK_CHECKS = tuple(IN_EXACT_TIME["exercise1"])
SUBJECTS = (
    "reference",
    "exercise1_blocking_sleep_in_async_def",
    "exercise1_def_on_the_default_pool",
    "exercise1_lock_around_the_model",
    "exercise1_semaphore_of_forty",
    "exercise1_executor_of_four",
    "exercise1_slow_health",
)


def expected_failures(name: str) -> set[str]:
    if name == "reference":
        return set()
    return set(Specimen(CORPUS / "wrong" / name).expected["fails"]) & set(CLOCK_CHECKS)


def written(name: str, folder: Path) -> Path:
    if name == "reference":
        return compose(1, folder)
    return Specimen(CORPUS / "wrong" / name).compose(folder)


async def clock_verdicts(launcher: Launcher, submission: Submission) -> dict[str, tuple[str, str]]:
    """Check id to (verdict, judge) of one run on a freshly started service."""
    service = Service(launcher, submission)
    contest = Contest(service, launcher)
    found = {}
    try:
        for check, challenge in IN_EXACT_TIME["exercise1"].items():
            try:
                raced = await contest(challenge, client="httpx" if check == "five_parallel" else "wire")
            except Unmet:
                found[check] = ("failed", "live")
                continue
            state = "passed" if raced.is_met else "inconclusive" if raced.is_undecided else "failed"
            found[check] = (state, raced.best.clock)
    finally:
        await contest.end()
        await service.end()
    return found


def suite_verdicts(submission: Path, scratch: Path) -> dict[str, tuple[str, str]]:
    result = grade(submission, "-k", "exercise1", scratch=scratch)
    return {
        check["id"]: (check["state"], check["evidence"].get("judge", "live"))
        for check in result.checks("exercise1")
        if check["id"] in CLOCK_CHECKS
    }


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that never rest, for as long as the block lasts and never for longer than two hours."""
    code = "import time; end = time.monotonic() + 7200\nwhile time.monotonic() < end: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


async def measure(name: str, runs: int, whole_suite: bool) -> tuple[Counter[str], list[float], list[str]]:
    fails = expected_failures(name)
    counts: Counter[str] = Counter()
    seconds, wrong = [], []
    with tempfile.TemporaryDirectory() as scratch, Launcher() as launcher:
        folder = written(name, Path(scratch) / "submission")
        for number in range(runs):
            began = time.perf_counter()
            if whole_suite:
                verdicts = await asyncio.to_thread(suite_verdicts, folder, Path(scratch) / str(number))
            else:
                verdicts = await clock_verdicts(launcher, Submission.at(folder))
            seconds.append(time.perf_counter() - began)
            for check in CLOCK_CHECKS:
                state, judge = verdicts.get(check, ("missing", "live"))
                should = "failed" if check in fails else "passed"
                counts["verdicts"] += 1
                counts["exact"] += judge == "exact"
                if state == "inconclusive":
                    counts["inconclusive"] += 1
                elif state != should:
                    counts["wrong"] += 1
                    wrong.append(f"run {number}: {check} {state}, should be {should}")
    return counts, seconds, wrong


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=100)
    options.add_argument("--busy", default="none,twice")
    options.add_argument("--only", nargs="*", default=list(SUBJECTS))
    options.add_argument("--suite", action="store_true")
    chosen = options.parse_args()
    cores = os.cpu_count() or 1
    hogs = {"none": 0, "cores": cores, "twice": 2 * cores}
    total: Counter[str] = Counter()
    print(f"{'':40} {'busy':>5} {'runs':>5} {'wrong':>6} {'inconcl.':>9} {'by exact':>9} {'s/run':>6}")
    for load in chosen.busy.split(","):
        with busy(hogs[load]):
            for name in chosen.only:
                counts, seconds, wrong = asyncio.run(measure(name, chosen.runs, chosen.suite))
                total += counts
                row = f"{name:40} {hogs[load]:5} {chosen.runs:5} {counts['wrong']:6} {counts['inconclusive']:9}"
                print(f"{row} {counts['exact']:9} {sum(seconds) / len(seconds):6.2f}", flush=True)
                for line in wrong:
                    print(f"    {line}", flush=True)
    print(f"{total['verdicts']} verdicts: {total['wrong']} wrong, {total['inconclusive']} inconclusive")
    sys.exit(1 if total["wrong"] else 0)


if __name__ == "__main__":
    main()
