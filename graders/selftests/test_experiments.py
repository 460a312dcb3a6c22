"""`lab experiment`: the table, its sentences, and each experiment as a learner runs it, with tiny sizes."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from graders.cli import app
from graders.experiments import batching, handlers, shedding, workers
from graders.experiments.handlers import Case
from graders.experiments.load import Served
from graders.experiments.table import EXPERIMENTS, TABLE, listed
from graders.measuring.timeline import Answer, Timeline
from graders.selftests.ahead import Ahead

SOON_S = 100.0
IN_FULL = [sys.executable, "-m", "graders.cli", "experiment"]
"""In its real size an experiment is not over before a signal reaches it."""

TINY = {
    "handlers": "handlers.CASES = handlers.CASES[:3]; handlers.ATTEMPTS = 1",
    "open-closed": "open_closed.LASTS_S, open_closed.STALL_AFTER_S, open_closed.STALL_S = 0.9, 0.2, 0.4",
    "workers": "workers.FOR_S = 0.3; workers.counts = lambda: (1, 2)",
    "shedding": "shedding.FOR_S = 0.4; shedding.LOADS_PER_S = (20.0, 80.0)",
    "batching": "batching.FOR_S = 0.2; batching.SIZES = (1, 8); batching.USERS = 8",
}
DRAWN = {
    "handlers": ["async def + time.sleep(0.1), 5 requests at once", "as long as the fastest one took"],
    "open-closed": ["the slowest answer to what was sent then", "p99.9"],
    "workers": ["1 worker ", "2 workers ", "cores busy"],
    "shedding": ["no limit: everybody waits", "MAX_CONCURRENCY=4", "offered/s", "turned away at once with 503"],
    "batching": ["1 at most", "8 at most", "items a call"],
}
TAKEN = {
    "handlers": "5 requests at once took ",
    "open-closed": "The same stall of 0.4 s: ",
    "workers": r"(Workers make|Others held)",
    "shedding": "At 80 a second, where 40 can be done, ",
    "batching": r"With \d+ items a call instead of 1, ",
}


def command(name: str, *words: str) -> list[str]:
    """The command with sizes that suit a test."""
    code = (
        "import sys; from graders.experiments import batching, handlers, open_closed, shedding, workers; "
        f"{TINY[name]}; sys.argv = ['lab', 'experiment', *sys.argv[1:]]; from graders.cli import main; main()"
    )
    return [sys.executable, "-c", code, name, *words]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "LAB"))}
    return kept | {"COLUMNS": "90"} | more


def ran(name: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it where nobody is there to answer."""
    return subprocess.run(
        command(name, *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=environment(**env),
        timeout=SOON_S,
        check=False,
    )


@pytest.fixture(scope="module")
def runs() -> Iterator[Ahead[subprocess.CompletedProcess[str]]]:
    """Each experiment, two at a time: the first of them with exact time, all in plain characters."""
    calls = {name: lambda name=name: ran(name, "--exact", PYTHONIOENCODING="ascii") for name in TINY}
    ahead = Ahead(calls, at_once=2)
    yield ahead
    ahead.close()


def flat(text: str) -> str:
    return " ".join(text.split())


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_experiment_asks_and_fits_a_line() -> None:
    """A row has a question, a duration, and either exact time or the reason why not; its line fits a terminal."""
    assert set(EXPERIMENTS) == set(TINY)
    for row in TABLE:
        assert row.questions and row.asks.endswith("?")
        assert 0 < row.takes_s < 20
        assert (row.exactly is None) == bool(row.no_exact)
    assert max(map(len, listed())) <= 76


@pytest.mark.parametrize("name", TINY)
def test_help_lists_them(name: str) -> None:
    """The help has a line for each, with its lesson; so has the answer to a name that is none."""
    line = next(line for line in listed() if line.startswith(name))

    shown = CliRunner().invoke(app, ["experiment", "--help"]), CliRunner().invoke(app, ["experiment", "nothing"])

    assert [result.exit_code for result in shown] == [0, 2]
    assert all(flat(line) in flat(result.output) for result in shown)


@pytest.mark.parametrize(
    ("typed", "number"), [("0.5", 0.5), (" 0,5 s ", 0.5), ("7s", 7.0), ("", None), ("  ", None)], ids=repr
)
def test_numbers_as_people_type_them(typed: str, number: float | None) -> None:
    """With or without the unit, with a point or a comma, or nothing."""
    assert EXPERIMENTS["handlers"].questions[0].number(typed) == number


@pytest.mark.parametrize("typed", ["soon", "0.5 ms", "1 2"])
def test_what_is_no_number(typed: str) -> None:
    """Another unit is no number either."""
    with pytest.raises(ValueError, match="could not convert"):
        EXPERIMENTS["handlers"].questions[0].number(typed)


# --- the sentences ---------------------------------------------------------------------------------------------------


def worker_rows(cores: int, *rows: tuple[int, float, float]) -> list[workers.Measured]:
    return [workers.Measured(count, cores, per_s, 100.0, 200.0, busy) for count, per_s, busy in rows]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            worker_rows(2, (1, 20.0, 1.0), (2, 36.0, 1.75), (4, 36.0, 1.8)),
            [
                "Workers make cores count, and make none: 2 workers did 1.8 times what 1 worker did, "
                "and 4 workers on 2 cores 1.0 times what 2 workers did",
                "a busy core always gave 20 to 21 answers a second; 0.2 of 2 cores went to others",
            ],
        ),
        (worker_rows(2, (1, 5.0, 0.3), (2, 4.5, 0.3), (4, 5.3, 0.6)), ["Others held the cores", "1.7 of 2 cores went"]),
        (
            worker_rows(2, (1, 5.4, 0.3), (2, 7.5, 0.5), (4, 6.6, 0.4)),
            ["Others held", "2 workers did 1.4 times"],
        ),
        (
            worker_rows(2, (1, 12.5, 0.7), (2, 23.5, 1.2), (4, 27.0, 1.4)),
            ["Workers make cores count", "0.8 of 2 cores went"],
        ),
        (worker_rows(1, (1, 18.0, 0.9), (2, 18.0, 0.9)), ["Workers make no cores: 2 workers on 1 core 1.0 times"]),
        (
            worker_rows(8, (1, 20.0, 1.0), (2, 40.0, 2.0), (8, 160.0, 8.0)),
            ["8 workers did 8.0 times", "20 answers a second."],
        ),
    ],
    ids=["two cores", "busy", "very busy", "somewhat busy", "one core", "eight cores"],
)
def test_what_workers_say(rows: list[workers.Measured], words: list[str]) -> None:
    """More cores, more answers; more workers than cores, no more; and who else had the cores is told."""
    assert [part for part in words if part not in workers.says(rows)] == []


def shed(setting: str, latencies_s: list[float | None]) -> shedding.Measured:
    rows = (Served(i / 80, s, 503 if s is None else 200) for i, s in enumerate(latencies_s))
    return shedding.Measured(setting, 80.0, tuple(rows))


def test_what_shedding_says() -> None:
    """Who was served in time, with a limit and without; and where the limit helped nobody, that too."""
    queue, limit = shed(shedding.QUEUE, [0.1, 0.2, 0.5, 2.0]), shed(shedding.LIMIT, [0.1, 0.1, 0.11, None])

    assert "2 of 4 were answered within 0.25 s without a limit and 3 with one; the slowest" in shedding.says(
        [queue, limit]
    )
    assert "waited 2.00 s and 0.11 s: who says no" in shedding.says([queue, limit])
    assert "the limit did not help" in shedding.says([queue, shed(shedding.LIMIT, [0.1, None, None, None])])


def test_what_batching_says() -> None:
    """The throughput and the median of the largest batches against single items."""
    one, all_ = batching.Measured(1, 20.0, 1600.0, 1700.0, 1.0), batching.Measured(32, 240.0, 130.0, 150.0, 31.0)

    assert "With 31 items a call instead of 1, the throughput was 12.0 times as high" in batching.says([one, all_])
    assert "fell from 1600 to 130 ms: under load" in batching.says([one, all_])
    assert "batches did not pay" in batching.says([one, batching.Measured(32, 15.0, 1900.0, 2000.0, 31.0)])


def test_what_handlers_say() -> None:
    """The largest crowd at each handler, against the one that awaits."""

    def bursts(**walls_s: float) -> list[tuple[Case, Timeline]]:
        answers = {letter: (Answer(0, "POST /x", 0.0, s, s, 200),) for letter, s in walls_s.items()}
        return [(Case(letter, "", 100), Timeline(of, watched_s=1.0)) for letter, of in answers.items()]

    assert (
        "100 requests at once took 0.15 s with A, 2.0 times as long with C and 67.3 with B: an await"
        in handlers.says(bursts(A=0.15, C=0.3, B=10.1))
    )
    assert "theory says" in handlers.says(bursts(A=0.5, C=0.3, B=10.1))


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TINY)
def test_it_runs(runs: Ahead[subprocess.CompletedProcess[str]], name: str) -> None:
    """It says what it measures, draws it in characters that the terminal knows, and ends with a sentence."""
    done = runs[name]

    assert done.returncode == 0, done.stdout
    assert done.stdout.isascii()
    assert "\n... " in f"\n{done.stdout}"
    assert [words for words in DRAWN[name] if words not in done.stdout] == []
    assert re.match(TAKEN[name], flat(done.stdout.rstrip().rpartition("\n\n")[2]))
    assert "Guess first" not in done.stdout and "you said" not in done.stdout


@pytest.mark.parametrize("name", TINY)
def test_exact_time_where_there_is_any(runs: Ahead[subprocess.CompletedProcess[str]], name: str) -> None:
    """`--exact` draws each burst once more, or says why there is nothing exact to draw."""
    told = flat(runs[name].stdout)

    assert told.count("in exact time: ") == (3 if name == "handlers" else 0)
    assert (f"--exact does not apply to {name}: {EXPERIMENTS[name].no_exact}" in told) == (name != "handlers")


@pytest.mark.parametrize("name", TINY)
def test_interrupted(name: str) -> None:
    """Ctrl-C ends it with one line, and nothing that it started is left."""
    process = subprocess.Popen(
        [*IN_FULL, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=environment(),
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("... ")
    below = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everybody in the foreground hears it
    rest, _ = process.communicate(timeout=SOON_S)

    assert process.returncode == 130, rest
    assert rest.strip().splitlines()[-1] == "Stopped; nothing is left running."
    assert "Traceback" not in rest, rest
    assert below and not psutil.wait_procs(below, timeout=10)[1]


class Terminal:
    """A terminal that somebody sits at."""

    def __init__(self, words: list[str]) -> None:
        self._ours, theirs = pty.openpty()
        streams: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.process = subprocess.Popen(words, env=environment(TERM="xterm"), start_new_session=True, **streams)
        os.close(theirs)
        self.heard = ""

    def until(self, words: str) -> None:
        """Read until these words are on the screen."""
        ends = time.monotonic() + SOON_S
        while words not in self.heard:
            assert select.select([self._ours], [], [], max(0.0, ends - time.monotonic()))[0], self.heard
            self.heard += os.read(self._ours, 65536).decode()

    def wait_until_it_waits(self) -> None:
        """A signal between the question and the reading of an answer would only be heard with the next key."""
        while psutil.Process(self.process.pid).status() != psutil.STATUS_SLEEPING:
            select.select([self._ours], [], [], 0.01)

    def type(self, text: str) -> None:
        """Type, with Enter."""
        os.write(self._ours, f"{text}\n".encode())

    def close(self) -> None:
        """Leave."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Shedding, in front of somebody."""
    opened = Terminal(command("shedding"))
    yield opened
    opened.close()


def test_predictions_are_compared(terminal: Terminal) -> None:
    """Somebody at a terminal is asked first; Enter passes; a prediction stands beside what was measured."""
    terminal.until("everybody waits: ")
    terminal.type("1,5 s")
    terminal.until("slowest of the accepted: ")
    terminal.type("")
    terminal.until("At 80 a second")

    assert "Guess first (Enter passes)" in terminal.heard
    assert "requests a second for 0.4 s, without a limit and with one" in terminal.heard
    assert terminal.heard.count("you said") == 1
    assert re.search(r"no limit: everybody waits: you said 1\.50 s, it was \d+\.\d\d s", terminal.heard)


def test_interrupted_while_asked(terminal: Terminal) -> None:
    """Ctrl-C at a question ends it too."""
    terminal.until("everybody waits: ")
    terminal.wait_until_it_waits()
    os.killpg(terminal.process.pid, signal.SIGINT)
    terminal.until("Stopped; nothing is left running.")

    assert terminal.process.wait(SOON_S) == 130
    assert "Traceback" not in terminal.heard
