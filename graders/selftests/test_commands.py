"""The `lab` command as a learner types it, in a small copy of the lab (see `small_lab`)."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from graders.commands.reset import _shared
from graders.commands.watch import EVERYTHING, saves
from graders.curriculum import EXERCISES, exercise
from graders.selftests.ahead import Ahead
from graders.selftests.small_lab import SOLUTION, Ran, SmallLab
from graders.submission import Submission

SOON_S = 40.0
MINE = "# größe: mine\napp = 'a long evening of work'\n"


@dataclass(frozen=True)
class Story:
    """Commands one after another, and the folder that they happened in."""

    runs: list[Ran]
    root: Path

    def __getitem__(self, number: int) -> Ran:
        return self.runs[number]


Tell = Callable[[Path], Story]


# --- progress, hints, solutions --------------------------------------------------------------------------------------


def progress(folder: Path) -> Story:
    """Look, pass exercise 1, look, change a file, look."""
    lab = SmallLab(folder)
    state = lab.folder()
    runs = [lab.lab(folder=state), lab.pytest("-k", "exercise1", folder=state), lab.lab(folder=state)]
    (lab.root / "app/main.py").write_text(MINE, encoding="utf-8")
    return Story([*runs, lab.lab(folder=state)], lab.root)


def hints(folder: Path) -> Story:
    """Ask four times for the next hint, once for each level and by name, then pass and ask why."""
    lab = SmallLab(folder)
    state = lab.folder()
    asked = [["hint"]] * 4 + [["hint", "health", "--level", "2"], ["hint", "test_five_parallel"], ["hint", "nothing"]]
    runs = [lab.lab(*words, folder=state) for words in asked]
    lab.pytest("-k", "exercise1", folder=state)
    return Story([*runs, lab.lab("hint", "health", folder=state), lab.lab("hint", folder=state)], lab.root)


def solutions(folder: Path) -> Story:
    """Ask for the reference before and after passing, by force, of other exercises."""
    lab = SmallLab(folder)
    state = lab.folder()
    runs = [lab.lab("solution", "exercise1", folder=state), lab.lab("solution", "1", "--force", folder=state)]
    lab.pytest("-k", "exercise1", folder=state)
    runs += [lab.lab("solution", *words, folder=state) for words in (["1"], ["exercise0"], ["exercise7"], ["two"])]
    (lab.root / "app/main.py").write_text(SOLUTION, encoding="utf-8")
    return Story([*runs, lab.lab("solution", "1", "--force", folder=state)], lab.root)


# --- reset -----------------------------------------------------------------------------------------------------------


def resets(folder: Path) -> Story:
    """Reset what is untouched, refuse, be asked and decline, agree, and reset what is not there."""
    lab = SmallLab(folder)
    main, state = lab.root / "app/main.py", lab.folder()
    runs = [lab.lab("reset", folder=state)]
    main.write_text(MINE, encoding="utf-8")
    for words in (["/etc/hostname"], ["../runs"], ["app/answers.py"], ["app/main.py", "app/nothing.py", "--yes"]):
        runs.append(lab.lab("reset", *words, folder=state))
    runs += [lab.lab("reset", folder=state, typed=typed) for typed in ("n\n", "")]
    untouched = main.read_text(encoding="utf-8") == MINE
    runs += [lab.lab("reset", "--yes", folder=state), lab.lab("reset", "--yes", folder=state)]
    main.unlink()
    runs.append(lab.lab("reset", "main.py", "--yes", folder=state, cwd=lab.root / "app"))
    assert untouched
    return Story(runs, lab.root)


def twice(folder: Path) -> Story:
    """Two resets of two versions, one of them a link to a file elsewhere."""
    lab = SmallLab(folder)
    main, state, elsewhere = lab.root / "app/main.py", lab.folder(), folder / "elsewhere.py"
    main.write_text(MINE, encoding="utf-8")
    first = lab.lab("reset", "--yes", folder=state)
    elsewhere.write_text("second = 2\n", encoding="utf-8")
    main.unlink()
    main.symlink_to(elsewhere)
    return Story([first, lab.lab("reset", "--yes", folder=state)], lab.root)


def sharing(folder: Path) -> Story:
    """Resets of an exercise that edits nothing, and of two that edit the same file; nobody agrees."""
    lab = SmallLab(folder)
    state = lab.folder()
    (lab.root / "app/main.py").write_text(MINE, encoding="utf-8")
    asked = [["--exercise", "exercise0"], ["--exercise", "exercise2"], ["--exercise", "1"], ["app/main.py"]]
    return Story([lab.lab("reset", *words, folder=state, typed="n\n") for words in asked], lab.root)


def no_backup(folder: Path) -> Story:
    """A reset whose backup cannot be written."""
    lab = SmallLab(folder)
    state = lab.folder()
    (lab.root / "app/main.py").write_text(MINE, encoding="utf-8")
    (state / "state").write_text("a file where the folder should be", encoding="utf-8")
    return Story([lab.lab("reset", "--yes", folder=state)], lab.root)


# --- other terminals, other folders ----------------------------------------------------------------------------------


def plain(folder: Path) -> Story:
    """Commands on a terminal that knows no Unicode."""
    lab = SmallLab(folder)
    (lab.root / "app/main.py").write_text(MINE, encoding="utf-8")
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    words: list[list[str]] = [[], ["hint"], ["solution", "1", "--force"], ["reset", "größe.py"]]
    return Story([lab.lab(*w, env=ascii_only) for w in words], lab.root)


def elsewhere(folder: Path) -> Story:
    """Commands about a submission in another folder, or in none."""
    lab = SmallLab(folder)
    state, submission = lab.folder(), lab.submission()
    lab.pytest("-k", "exercise1", submission=submission, folder=state)
    named, by_shell = ["--submission", str(submission)], {"LAB_SUBMISSION": str(submission)}
    return Story(
        [
            lab.lab(*named, folder=state),
            lab.lab(folder=state, env=by_shell),
            lab.lab("hint", "health", *named, folder=state),
            lab.lab("solution", "1", *named, folder=state),
            lab.lab("--submission", "/nowhere"),
            lab.lab("watch", "exercise77"),
            lab.lab("experiment", "nothing"),
            lab.lab("nonsense"),
        ],
        lab.root,
    )


def experiment(folder: Path) -> Story:
    """The experiment of lesson 1 without anybody to answer."""
    lab = SmallLab(folder)
    return Story([lab.lab("experiment")], lab.root)


STORIES: Mapping[str, Tell] = {
    "experiment": experiment,
    "progress": progress,
    "hints": hints,
    "solutions": solutions,
    "resets": resets,
    "twice": twice,
    "sharing": sharing,
    "no_backup": no_backup,
    "plain": plain,
    "elsewhere": elsewhere,
}


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ahead[Story]]:
    """Every story, three at a time; the first of them mostly waits."""
    folder = tmp_path_factory.mktemp("commands")
    calls = {name: lambda name=name, tell=tell: tell(folder / name) for name, tell in STORIES.items()}
    ahead = Ahead(calls, at_once=3)
    yield ahead
    ahead.close()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_progress(stories: Ahead[Story]) -> None:
    """`lab` shows what passes on the files at hand, where to go on, and forgets it when a file changes."""
    fresh, _, passed, changed = stories["progress"].runs

    assert "▶ exercise 0 Nought 1 checks, open" in flat(fresh.printed)
    assert "⊘ exercise 1 One locked" in flat(fresh.printed)
    assert "Next: read lessons/exercise0.md\n" in fresh.printed
    assert "✓ exercise 1 One 2 of 2 checks pass" in flat(passed.printed)
    assert "▶ exercise 2 Two 2 checks, open" in flat(passed.printed)
    assert "Next: read lessons/exercise2.md, edit app/main.py\n" in passed.printed
    assert "run uv run pytest -k exercise2" in flat(passed.printed)
    assert "▶ exercise 0 Nought 1 checks, open" in flat(changed.printed)
    assert {run.exit_code for run in stories["progress"].runs} == {0}


def test_hints_advance(stories: Ahead[Story]) -> None:
    """Each time that help is asked for, one more hint is shown, up to the third; then the reference is offered."""
    shown = [re.findall(r"\d\. (\w+)", run.printed) for run in stories["hints"].runs[:4]]

    assert shown == [["vague"], ["vague", "clearer"], ["vague", "clearer", "plain"], ["vague", "clearer", "plain"]]
    assert "more  uv run lab hint ready" in stories["hints"][0].printed
    assert "read  lessons/exercise0.md#step-1" in stories["hints"][0].printed
    assert "uv run lab solution exercise0 --force" in stories["hints"][2].printed


def test_hints_by_name(stories: Ahead[Story]) -> None:
    """A check can be named, with or without test_, and a level asked for; each check has a count of its own."""
    assert re.findall(r"\d\. (\w+)", stories["hints"][4].printed) == ["vague", "clearer"]
    assert "five_parallel  The promise of five_parallel." in stories["hints"][5].printed
    assert re.findall(r"\d\. (\w+)", stories["hints"][5].printed) == ["vague"]


def test_no_such_check(stories: Ahead[Story]) -> None:
    """A name that no check has is answered with the names that there are."""
    assert stories["hints"][6].exit_code == 2
    assert flat(stories["hints"][6].printed) == ("nothing: there is no such check. The current exercise has ready.")


def test_why_it_works(stories: Ahead[Story]) -> None:
    """After a check has passed, its help says why it works; without a name, the next open check is helped with."""
    assert "It passes. Why it works: because it does" in stories["hints"][7].printed
    assert "counts  The promise of counts." in stories["hints"][8].printed


def test_solution_before_passing(stories: Ahead[Story]) -> None:
    """Before passing, the reference is refused, with the way to a hint and the way to force it."""
    refused, forced = stories["solutions"][0], stories["solutions"][1]

    assert refused.exit_code == 2
    assert "exercise1 has not passed on these files yet." in refused.printed
    assert "uv run lab hint" in refused.printed and "--force" in refused.printed
    assert SOLUTION.strip() not in refused.printed
    assert forced.exit_code == 0
    assert f"+{SOLUTION.strip()}" in forced.printed


def test_solution_after_passing(stories: Ahead[Story]) -> None:
    """After passing, the learner's files are compared with the reference; nothing is written."""
    compared, same = stories["solutions"][2], stories["solutions"][-1]

    assert compared.exit_code == 0
    assert "--- yours/app/main.py\n+++ reference/app/main.py\n" in compared.printed
    assert "app/main.py: the same as the reference" in same.printed


@pytest.mark.parametrize(("number", "words"), [(3, "needs no solution"), (4, "exercise7: there is no"), (5, "two: ")])
def test_no_such_solution(stories: Ahead[Story], number: int, words: str) -> None:
    """An exercise without a solution, or none at all, is told in one sentence."""
    assert stories["solutions"][number].exit_code == 2
    assert words in stories["solutions"][number].printed


# --- reset -----------------------------------------------------------------------------------------------------------


def test_reset_of_what_is_untouched(stories: Ahead[Story]) -> None:
    """Where the files are as in the skeleton, there is nothing to do and no backup."""
    untouched, again = stories["resets"][0], stories["resets"][8]

    assert "Nothing to do: app/main.py, app/observations.py are as in the skeleton." in untouched.printed
    assert "Nothing to do" in again.printed
    assert len(backups(stories["resets"])) == 1


def test_reset_of_an_exercise_without_files(stories: Ahead[Story]) -> None:
    """Nothing is edited in exercise 0, so nothing can be put back."""
    run = stories["sharing"][0]

    assert run.exit_code == 0
    assert run.printed == "exercise0 has no files of yours; nothing to do.\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "/etc/hostname: is outside of this repository"),
        (2, "../runs: is outside of this repository"),
        (3, "app/answers.py: is no file of the skeleton. It has app/__init__.py, app/"),
        (4, "app/nothing.py: is no file of the skeleton."),
    ],
)
def test_reset_refuses(stories: Ahead[Story], number: int, words: str) -> None:
    """What the skeleton does not have is refused before anything is touched."""
    assert stories["resets"][number].exit_code == 2
    assert words in flat(stories["resets"][number].printed)


def test_reset_asks(stories: Ahead[Story]) -> None:
    """Without --yes the learner is asked; a no, or nobody there to answer, changes nothing."""
    declined, nobody = stories["resets"][5], stories["resets"][6]

    assert "Put app/main.py back to the skeleton (yours is kept in a backup)?" in declined.printed
    assert "Nothing was changed." in declined.printed
    assert nobody.exit_code == 1
    assert "the skeleton again" not in declined.printed + nobody.printed


def test_reset_tells_what_else_goes(stories: Ahead[Story]) -> None:
    """Before a file goes back that other exercises edit too, the question names them."""
    second, first, by_name = stories["sharing"].runs[1:]

    assert second.printed.startswith("app/main.py also holds your work of exercise 1.\nPut app/main.py back to the")
    assert first.printed.startswith("app/main.py also holds your work of exercise 2, if you have begun it.\nPut app/")
    assert by_name.printed.startswith("app/main.py holds your work of exercises 1 and 2.\nPut app/main.py back to the")
    assert all("Nothing was changed." in run.printed for run in (second, first, by_name))


def test_reset_names_each_exercise_that_shares() -> None:
    """Earlier and later exercises are told apart, because a later one may not have been begun."""
    told = {of.id: _shared("app/main.py", of) for of in EXERCISES if "app/main.py" in of.edits}

    assert told == {
        "exercise1": "app/main.py also holds your work of exercises 2 and 4, if you have begun them.",
        "exercise2": "app/main.py also holds your work of exercise 1, and of exercise 4, if you have begun it.",
        "exercise4": "app/main.py also holds your work of exercises 1 and 2.",
    }
    assert _shared("app/main.py", None) == "app/main.py holds your work of exercises 1, 2 and 4."
    assert _shared("locustfile.py", exercise("exercise3")) == _shared("locustfile.py", None) == ""


def test_reset_keeps_a_backup(stories: Ahead[Story]) -> None:
    """After a reset the skeleton stands in the learner's place, and the learner's version in the backup."""
    run = stories["resets"][7]
    (backup,) = backups(stories["resets"])

    assert run.exit_code == 0
    assert "app/main.py: the skeleton again" in run.printed
    assert str(backup) in run.printed
    assert (backup / "app/main.py").read_text(encoding="utf-8") == MINE


def test_reset_of_a_missing_file(stories: Ahead[Story]) -> None:
    """A file that is gone comes back; it is named as seen from where the learner stands."""
    root, run = stories["resets"].root, stories["resets"][9]

    assert run.exit_code == 0, run.printed
    assert (root / "app/main.py").read_bytes() == (root / "graders/skeleton/app/main.py").read_bytes()


def test_nothing_is_ever_lost(stories: Ahead[Story]) -> None:
    """Every version that a reset replaced is in a backup of its own; a linked file elsewhere is left alone."""
    story = stories["twice"]
    kept = {(folder / "app/main.py").read_text(encoding="utf-8") for folder in backups(story)}

    assert kept == {MINE, "second = 2\n"}
    assert (story.root.parent / "elsewhere.py").read_text(encoding="utf-8") == "second = 2\n"
    assert not (story.root / "app/main.py").is_symlink()


def test_no_reset_without_a_backup(stories: Ahead[Story]) -> None:
    """Where the backup cannot be written, nothing is reset, and the reason is told."""
    run = stories["no_backup"][0]

    assert run.exit_code == 2
    assert "nothing was changed" in run.printed
    assert "Traceback" not in run.printed
    assert (stories["no_backup"].root / "app/main.py").read_text(encoding="utf-8") == MINE


def backups(story: Story) -> list[Path]:
    return sorted(story.runs[0].folder.glob("state/backups/*"))


# --- other terminals, other folders ----------------------------------------------------------------------------------


def test_plain_terminal(stories: Ahead[Story]) -> None:
    """A terminal without Unicode gets every command's words in plain characters, the learner's own escaped."""
    runs = stories["plain"].runs

    assert [run.exit_code for run in runs] == [0, 0, 0, 2]
    assert all(run.printed.isascii() and "Traceback" not in run.printed for run in runs)
    assert "> exercise 0" in flat(runs[0].printed)
    assert "gr\\xf6\\xdfe: mine" in runs[2].printed


def test_another_submission(stories: Ahead[Story]) -> None:
    """Every command can be about a submission elsewhere, named by an option or by the environment."""
    named, by_shell, hint, solution = stories["elsewhere"].runs[:4]

    assert "▶ exercise 2 Two" in flat(named.printed)
    assert named.printed == by_shell.printed
    assert "It passes." in hint.printed
    assert solution.exit_code == 0


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (4, "/nowhere: no such folder. Give the folder that holds app/."),
        (5, "exercise77: there is no such exercise; there are exercise0, exercise1"),
        (6, "nothing: there is no such experiment. There are: handlers"),
        (7, "No such command 'nonsense'"),
    ],
)
def test_what_does_not_exist(stories: Ahead[Story], number: int, words: str) -> None:
    """What is not there is told, with what is."""
    assert stories["elsewhere"][number].exit_code == 2
    assert words in flat(stories["elsewhere"][number].printed)
    assert "Traceback" not in stories["elsewhere"][number].printed


def test_experiment_without_a_terminal(stories: Ahead[Story]) -> None:
    """Without a terminal nobody is asked; each burst is drawn with its time, and the four numbers come at the end."""
    run = stories["experiment"][0]
    found = {
        name: float(value) for name, value in re.findall(r"^  ([A-Z_]{10,}) +([\d.]+)$", run.printed, re.MULTILINE)
    }
    floors = {
        "FIVE_ASYNC_SLEEP": 0.1,
        "FIVE_TIME_SLEEP_IN_ASYNC_DEF": 0.5,
        "FIVE_TIME_SLEEP_IN_DEF": 0.1,
        "HUNDRED_TIME_SLEEP_IN_DEF": 0.3,
    }

    assert run.exit_code == 0, run.printed
    assert list(found) == list(floors)
    assert all(found[name] >= floor_s - 0.01 for name, floor_s in floors.items()), found
    assert "Guess first" not in run.printed and "you said" not in run.printed
    assert run.printed.count("as long as the fastest one took") == 6


# --- watch -----------------------------------------------------------------------------------------------------------


class Watching:
    """`lab watch` in a process of its own, read line by line."""

    def __init__(self, lab: SmallLab, *words: str, **env: str) -> None:
        command = [sys.executable, "-P", "-m", "graders.cli", "watch", *words]
        self.process = subprocess.Popen(
            command,
            cwd=lab.root,
            env=lab.environment(lab.folder(), **env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def close(self) -> None:
        """Read to the end and close."""
        self._reader.join(SOON_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def until(self, words: str) -> str:
        """What is printed up to a line with these words."""
        heard = ""
        while words not in heard:
            line = self._lines.get(timeout=SOON_S)
            assert line is not None, f"the watch has ended:\n{heard}"
            heard += line
        return heard

    def rest(self) -> str:
        """What is printed up to the end of the process."""
        heard = ""
        while (line := self._lines.get(timeout=SOON_S)) is not None:
            heard += line
        return heard


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[..., tuple[SmallLab, Watching]]]:
    """Starts a lab and watches it."""
    started: list[Watching] = []

    def watch(*words: str, **env: str) -> tuple[SmallLab, Watching]:
        lab = SmallLab(tmp_path)
        started.append(Watching(lab, *words, **env))
        return lab, started[-1]

    yield watch
    for watching in started:
        watching.process.kill()
        watching.process.wait()
        watching.close()


def test_watch(watched: Callable[..., tuple[SmallLab, Watching]]) -> None:
    """Watch grades the current exercise at once and after each save, stays with it when it passes, and ends cleanly."""
    lab, watching = watched()
    first = watching.until("after the save\n")
    answers = lab.root / "app/answers.py"
    watching.until("Watching") if "Watching" not in first else ""

    answers.write_text("ANSWERS = {'exercise1.health': 'failed'}\n", encoding="utf-8")
    failed = watching.until(" after the save\n")
    answers.write_text("ANSWERS = {}\n", encoding="utf-8")
    passed = watching.until(" after the save\n")
    answers.write_bytes(answers.read_bytes())  # a save without a change

    below = psutil.Process(watching.process.pid).children(recursive=True)
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(SOON_S) == 0
    last = watching.rest()

    assert "✓ health" in first and "Exercise 2 is open" in first
    assert "In exact time" in failed and "✗ health" in failed
    assert "─── exercise1, " in passed and "✓ health" in passed
    assert "✓ counts" not in first + failed + passed and "─── exercise2" not in first + failed + passed
    assert "Stopped." in last and "Traceback" not in last and "───" not in last
    assert not psutil.wait_procs(below, timeout=5)[1]


def test_watch_in_ascii(watched: Callable[..., tuple[SmallLab, Watching]]) -> None:
    """Watch speaks plain characters where the terminal knows no others; the exercise can be named."""
    _, watching = watched("exercise2", "--poll", PYTHONIOENCODING="ascii")
    printed = watching.until("s after the save\n")

    assert printed.isascii()
    assert "--- exercise2, " in printed
    assert "+ counts" in printed and "Traceback" not in printed


def test_a_save_before_the_watcher_is_there(tmp_path: Path) -> None:
    """What was saved after the first grading began, and before anybody watched, is noticed all the same."""
    submission = Submission.at(SmallLab(tmp_path).root)
    graded = submission.fingerprint(EVERYTHING)
    (submission.root / "app/answers.py").write_text("ANSWERS = {}  # changed\n", encoding="utf-8")

    noticed = saves(submission, poll=False, before=graded)

    assert next(noticed) <= time.monotonic()
    noticed.close()


def test_a_save_while_grading(watched: Callable[..., tuple[SmallLab, Watching]], tmp_path: Path) -> None:
    """A save ends the grading that is under way and begins a new one."""
    lab, watching = watched()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    first = watching.until("after the save\n")
    watching.until("Watching") if "Watching" not in first else ""
    answers = lab.root / "app/answers.py"

    answers.write_text(f"ANSWERS = {{'exercise1.five_parallel': 'meets {fifo}'}}\n", encoding="utf-8")
    grading = psutil.Process(int(fifo.read_text(encoding="ascii")))  # it waits in the middle of the exercise
    answers.write_text("ANSWERS = {'exercise1.five_parallel': 'failed'}\n", encoding="utf-8")
    second = watching.until("after the save\n")

    assert "✗ five_parallel" in second
    assert not psutil.wait_procs([grading], timeout=5)[1]
