"""How long a learner waits for the verdict of exercise 1, beside a bare pytest script with three checks.

    uv run python benchmarks/verdict_time.py [--runs 7] [--exercise 2]

Both sides run in turn on the same machine, so the ratios hold although the seconds drift. Also: from save to verdict
in `lab watch`, against the cold command; and to the exact judge's word, with the framework imported anew and forked.
With --exercise only that one is timed, on its reference and with the earlier ones verified, beside the bare script.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

LAB = Path(__file__).resolve().parents[1]
BARE_S = 2.9
GOALS_S = {2: 5.0, 3: 25.0, 4: 15.0}
"""Exercise to the seconds that it may take where the bare script takes `BARE_S`."""
sys.path.insert(0, str(LAB))

from graders.exact.instant import INSTANT  # noqa: E402
from graders.exact.launched import burst  # noqa: E402
from graders.exact.run import run_exact  # noqa: E402
from graders.measuring.challenges import IN_EXACT_TIME  # noqa: E402
from graders.running.launcher import Launcher  # noqa: E402
from graders.selftests.corpus import compose  # noqa: E402
from graders.submission import Submission  # noqa: E402


def timed(command: list[str], env: dict[str, str]) -> float:
    began = time.perf_counter()
    run = subprocess.run(command, cwd=LAB, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return seconds


def watch_times(submission: Path, env: dict[str, str], runs: int) -> tuple[list[float], list[float]]:
    """Seconds from a save to the exact verdicts and to the whole verdict, as a reader of the terminal sees them."""
    command = [str(Path(sys.executable).with_name("lab")), "watch", "exercise1", "--submission", str(submission)]
    watch = subprocess.Popen(command, cwd=LAB, env=env, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    exact_at, whole_at = threading.Event(), threading.Event()
    moments: dict[str, float] = {}

    def read() -> None:
        assert watch.stdout is not None
        for line in watch.stdout:
            if "stays_responsive" in line and "exact" not in moments:
                moments["exact"] = time.perf_counter()
                exact_at.set()
            if "exercise1: 20 of 20 points" in line:
                moments["whole"] = time.perf_counter()
                whole_at.set()

    threading.Thread(target=read, daemon=True).start()
    exact, whole = [], []
    main = submission / "app" / "main.py"
    try:
        whole_at.wait(30)
        for number in range(runs):
            time.sleep(0.5)  # the learner types; not a wait for anything
            moments.clear()
            exact_at.clear()
            whole_at.clear()
            saved = time.perf_counter()
            main.write_text(main.read_text(encoding="utf-8") + f"# save {number}\n", encoding="utf-8")
            if not whole_at.wait(30):
                sys.exit("lab watch gave no verdict within 30 s")
            exact.append(moments["exact"] - saved)
            whole.append(moments["whole"] - saved)
    finally:
        watch.terminate()
        watch.wait()
    return exact, whole


async def instant_times(submission: Submission, runs: int) -> list[float]:
    """Seconds to the exact verdicts of exercise 1 from a warm process."""
    times = []
    with Launcher() as warm:
        for _ in range(runs + 1):
            began = time.perf_counter()
            await INSTANT["exercise1"](warm, submission)
            times.append(time.perf_counter() - began)
    return times[1:]  # the first also waits for the warm process itself


def repeat(runs: int, one: Callable[[], float]) -> list[float]:
    return [one() for _ in range(runs)]


def line(name: str, seconds: list[float]) -> str:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{name:56} {middle:6.2f} s   ({low:.2f} to {high:.2f})"


def environment(folder: Path, scratch: str) -> dict[str, str]:
    """As in a learner's shell: where Python may not cache what it compiles, both sides would wait a second longer."""
    env = {**os.environ, "LAB_SUBMISSION": str(folder), "LAB_STATE": f"{scratch}/state", "PYTHONUNBUFFERED": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def in_turn(exercise: int, env: dict[str, str], runs: int) -> tuple[list[float], list[float]]:
    """Seconds of `pytest -k exerciseN` and of the bare script."""
    ours = ["uv", "run", "pytest", "-k", f"exercise{exercise}"]
    bare = ["uv", "run", "pytest", "-q", "-p", "no:cacheprovider", str(LAB / "benchmarks" / "bare_script.py")]
    lab_s, bare_s = [], []
    timed(ours, env), timed(bare, env)  # warm caches on both sides
    for _ in range(runs):
        lab_s.append(timed(ours, env))
        bare_s.append(timed(bare, env))
    return lab_s, bare_s


def tell(name: str, lab_s: list[float], bare_s: list[float], goal: float) -> None:
    print(line(name, lab_s))
    print(line("bare script, three checks", bare_s))
    ratio = statistics.median(a / b for a, b in zip(lab_s, bare_s, strict=True))
    print(f"ratio lab / bare script: {ratio:.2f}   (goal {goal:.2f} or less)")


def one_exercise(number: int, runs: int) -> None:
    """A later exercise on its reference; the first run verifies the earlier ones."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = compose(number, Path(scratch) / "submission")
        lab_s, bare_s = in_turn(number, environment(folder, scratch), runs)
    tell(f"pytest -k exercise{number}, earlier ones verified", lab_s, bare_s, GOALS_S[number] / BARE_S)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--exercise", type=int, choices=GOALS_S)
    chosen = options.parse_args()
    runs = chosen.runs
    if chosen.exercise:
        one_exercise(chosen.exercise, runs)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = compose(1, Path(scratch) / "submission")
        env = environment(folder, scratch)
        lab_s, bare_s = in_turn(1, env, runs)
        watched = Path(scratch) / "watched"
        shutil.copytree(folder, watched)
        exact_s, whole_s = watch_times(watched, env, runs)
        warm_s = asyncio.run(instant_times(Submission.at(folder), runs))
        bursts = tuple(burst(c.requests(), name) for name, c in IN_EXACT_TIME["exercise1"].items())
        cold_s = repeat(runs, lambda: _seconds(lambda: run_exact(folder, bursts)))
    tell("pytest -k exercise1, thirteen checks", lab_s, bare_s, 1.0)
    print(line("lab watch: save to exact verdicts", exact_s))
    print(line("lab watch: save to whole verdict", whole_s))
    print(line("exact verdicts, forked from a warm process", warm_s))
    print(line("exact verdicts, everything imported anew", cold_s))
    watch_ratio = statistics.median(whole_s) / statistics.median(lab_s)
    print(f"ratio watch / cold command: {watch_ratio:.2f}   (goal 0.60 or less)")
    shutil.rmtree(scratch, ignore_errors=True)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
