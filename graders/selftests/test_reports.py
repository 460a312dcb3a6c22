"""The report card on disk: the contract's words, whatever happens to the run, the disk or the text."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from graders.curriculum import EXERCISES
from graders.reporting.markdown import markdown
from graders.reporting.reports import FORMATS, as_json, parse_request, write_reports
from graders.selftests.ahead import Ahead
from graders.selftests.small_lab import CHECKS, Ran, SmallLab
from graders.verdict import Check, CheckResult, ExerciseResult, Outcome, ReportCard, State

REPORT_KEYS = ["version", "submission", "points", "max_points", "exercises", "environment"]
EXERCISE_KEYS = ["id", "title", "state", "points", "max_points", "checks"]
CHECK_KEYS = [
    *("id", "title", "state", "points", "max_points"),
    *("bonus", "message", "hint", "evidence", "seconds"),
]
STATES = {"passed", "failed", "locked", "not_run", "inconclusive"}
ALL = [f"{exercise_id}.{check}" for exercise_id, checks in CHECKS.items() for check in checks]


def card_of(*outcomes: Outcome, bonus: Outcome | None = None, title: str = "It holds.") -> ReportCard:
    """A card of one exercise whose checks are worth 3 points each, with a bonus check of 2."""
    results = [CheckResult(Check(f"check_{i}", "exercise1", title, 3), o, "Try. (l)") for i, o in enumerate(outcomes)]
    if bonus is not None:
        results.append(CheckResult(Check("more", "exercise1", "More.", 2, bonus=True), bonus))
    return ReportCard("alice", (ExerciseResult("exercise1", "One", tuple(results)),), {"cores": 2})


PASSED, FAILED = Outcome(State.PASSED), Outcome(State.FAILED, "saw nothing")
LOCKED, NOT_RUN, INCONCLUSIVE = Outcome(State.LOCKED), Outcome(State.NOT_RUN), Outcome(State.INCONCLUSIVE)


# --- the json report -------------------------------------------------------------------------------------------------


def test_keys() -> None:
    """The json report has the contract's keys, in the contract's order, and no others."""
    report = json.loads(as_json(card_of(PASSED, FAILED)))

    assert list(report) == REPORT_KEYS
    assert list(report["exercises"][0]) == EXERCISE_KEYS
    assert list(report["exercises"][0]["checks"][0]) == CHECK_KEYS
    assert report["version"] == 1


def test_states() -> None:
    """The five states are called as in the contract."""
    assert {state.value for state in State} == STATES


POINTS: Mapping[str, tuple[tuple[Outcome, ...], Outcome | None, tuple[int, int, str]]] = {
    "all passed": ((PASSED, PASSED), None, (6, 6, "passed")),
    "one failed": ((PASSED, FAILED), None, (3, 6, "failed")),
    "a failure outweighs the rest": ((FAILED, INCONCLUSIVE, LOCKED, NOT_RUN), None, (0, 9, "failed")),
    "inconclusive is no pass": ((PASSED, INCONCLUSIVE), None, (3, 6, "inconclusive")),
    "locked": ((LOCKED, LOCKED), None, (0, 6, "locked")),
    "what cannot be judged here is left out": ((PASSED, NOT_RUN), None, (3, 3, "passed")),
    "nothing was judged": ((NOT_RUN, NOT_RUN), None, (0, 0, "not_run")),
    "a bonus comes on top": ((PASSED, PASSED), PASSED, (8, 6, "passed")),
    "a failed bonus costs nothing": ((PASSED, PASSED), FAILED, (6, 6, "passed")),
    "a bonus makes up for nothing": ((PASSED, FAILED), PASSED, (5, 6, "failed")),
}


@pytest.mark.parametrize("name", POINTS)
def test_points(name: str) -> None:
    """Points are whole, checks give all of theirs or none, and the exercise has its worst check's state."""
    outcomes, bonus, expected = POINTS[name]
    report = json.loads(as_json(card_of(*outcomes, bonus=bonus)))
    exercise = report["exercises"][0]

    assert expected == (exercise["points"], exercise["max_points"], exercise["state"])
    assert (report["points"], report["max_points"]) == expected[:2]
    assert {type(check["points"]) for check in exercise["checks"]} == {int}


def test_evidence() -> None:
    """Figure and evidence reach the report; a number that JSON does not have becomes null."""
    odd: dict[Any, Any] = {"walls_s": (0.1, math.inf), "path": Path("app"), 7: {"nan": math.nan}}
    report = json.loads(as_json(card_of(Outcome(State.FAILED, "late", "0.5 s", evidence=odd, seconds=0.12345))))
    check = report["exercises"][0]["checks"][0]

    assert check["evidence"] == {"walls_s": [0.1, None], "path": "app", "7": {"nan": None}, "figure": "0.5 s"}
    assert check["seconds"] == 0.123


HOSTILE_TEXTS = {
    "half a character": "\udcff\ud800",
    "control characters": "\x00\x1b[2J\r\x9b",
    "quotes": '"}],"points": 100, "x": [{"',
    "fences": "```\n# Passed\n````text\n~~~\n``````",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)></details>",
    "table": "| x | ✅ | \\| | \\\\| |\n|---|---|",
    "image": "![](http://example.org/x.png) [link](javascript:alert(1)) @everyone #1 `code`",
    "other scripts": "größe 尺寸 \u202e gnp.exe \u2028 line",
}


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_hostile_text_in_json(name: str, tmp_path: Path) -> None:
    """Whatever a learner's program says, the json report is valid, in UTF-8, and says it back."""
    text = HOSTILE_TEXTS[name]
    path = tmp_path / "report.json"

    assert write_reports(card_of(Outcome(State.FAILED, text, text, evidence={text: text})), {path: "json"}) == []
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["exercises"][0]["checks"][0]["message"] == text
    assert report["points"] == 0


# --- markdown --------------------------------------------------------------------------------------------------------


def outside_of_code(document: str) -> str:
    """What a reader of Markdown does not take for code: without fenced blocks and code spans."""
    kept, fence = [], ""
    for line in document.splitlines():
        ticks = re.match(r"`{3,}", line)
        if fence:
            fence = "" if ticks and line.strip() == ticks[0] and len(ticks[0]) >= len(fence) else fence
        elif ticks:
            fence = ticks[0]
        else:
            kept.append(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
    assert not fence, "a fence is left open"
    return "\n".join(kept)


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_hostile_text_in_markdown(name: str) -> None:
    """What a learner's program says stays inside code: nothing of it is rendered, no row of the table is broken."""
    text = HOSTILE_TEXTS[name]
    hostile, tame = (markdown(card_of(Outcome(State.FAILED, said, said))) for said in (text, "said"))

    assert outside_of_code(hostile) == outside_of_code(tame)
    rows = [line for line in hostile.splitlines() if line.startswith("| ❌")]
    assert [row.count("|") for row in rows] == [6]


def test_markdown() -> None:
    """The Markdown card holds totals, a line per check and the failures with their hints."""
    document = markdown(card_of(Outcome(State.PASSED, figure="0.11 s"), FAILED, bonus=PASSED))

    assert "# Inference Lab: 5 of 6 points\n" in document
    assert "## Exercise 1: One\n\n❌ 5 of 6 points\n" in document
    assert "| ✅ | `check_0` | It holds. | `0.11 s` | 3 / 3 |\n" in document
    assert "| ❌ | `check_1` | It holds. |  | 0 / 3 |\n" in document
    assert "| ✅ | `more` | More. (bonus) |  | 2 / 2 |\n" in document
    assert "**`check_1`**\n\n```text\nsaw nothing\n```\n\nHint: Try. (l)\n" in document


def test_markdown_says_why_checks_were_not_run() -> None:
    """The reason that checks were not run stands once below the table, as code; they have no points."""
    engine = Outcome(State.NOT_RUN, "no engine: install one")
    document = markdown(card_of(PASSED, engine, engine))

    assert document.count("no engine: install one") == 1
    assert "counted as passed: `check_1`, `check_2`\n\n```text\nno engine: install one\n```\n" in document
    assert "| ➖ | `check_1` | It holds. |  | – |\n" in document


def test_markdown_has_a_few_words_beside_a_number() -> None:
    """What a passed check says beside its number stands in the same cell, as code."""
    document = markdown(card_of(Outcome(State.PASSED, figure="0.5 s", evidence={"beside": "alone | 0.1 s"})))

    assert "| `0.5 s; alone ¦ 0.1 s` | 3 / 3 |\n" in document


def test_a_hostile_title_is_escaped() -> None:
    """A bar or a tag in a promise does not break its row."""
    row = next(line for line in markdown(card_of(FAILED, title="a | b <c>\nd")).splitlines() if "check_0" in line)

    assert "| a \\| b &lt;c> d |" in row


# --- requests and disks ----------------------------------------------------------------------------------------------


def test_request() -> None:
    """FORMAT=PATH is split at its first equals sign."""
    assert parse_request("json=out/a=b.json") == ("json", Path("out/a=b.json"))


@pytest.mark.parametrize("text", ["json", "json=", "=x", "pdf=x", "JSON=x"])
def test_bad_request(text: str) -> None:
    """A request that cannot be read is refused with what was given."""
    with pytest.raises(ValueError, match=re.escape(f"--lab-report {text}: ")):
        parse_request(text)


@pytest.mark.parametrize("format_name", FORMATS)
def test_full_disk(format_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs one sentence that names the file; the report that was there stays whole."""
    path = tmp_path / "report"
    assert write_reports(card_of(PASSED), {path: format_name}) == []
    before = path.read_bytes()

    def no_space(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    told = write_reports(card_of(FAILED), {path: format_name})

    assert told == [f"{path}: the {format_name} report could not be written: No space left on device"]
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["report"]


def test_one_of_two_reports(tmp_path: Path) -> None:
    """A report that cannot be written keeps no other from being written."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    impossible, good = tmp_path / "file/report.json", tmp_path / "new/folder/report.md"

    assert len(write_reports(card_of(PASSED), {impossible: "json", good: "markdown"})) == 1
    assert good.read_text(encoding="utf-8").startswith("# Inference Lab: 3 of 3 points")


# --- real runs -------------------------------------------------------------------------------------------------------


def killed(lab: SmallLab, number: signal.Signals) -> Ran:
    """A run that gets a signal while its third check is running; everything that it started must end with it."""
    folder = lab.folder()
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    submission = lab.submission({"exercise1.health": "failed", "exercise1.five_parallel": f"meets {fifo}"})
    command = [str(Path(sys.executable).with_name("pytest")), f"--submission={submission}"]
    command.append(f"--lab-report=json={folder / 'report.json'}")
    with subprocess.Popen(
        command,
        cwd=lab.root,
        env=lab.environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as run:
        pid = int(fifo.read_text(encoding="ascii"))  # the check is running now
        assert pid == run.pid
        started = psutil.Process(pid).children(recursive=True)
        assert started
        os.kill(pid, number)
        printed, _ = run.communicate(timeout=20)
    _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []
    return Ran(run.returncode, printed, folder)


def unwritable(lab: SmallLab) -> Ran:
    folder = lab.folder()
    (folder / "file").write_text("", encoding="utf-8")
    other = f"--lab-report=markdown={folder / 'file/report.md'}"
    return lab.pytest(
        "-k", "exercise1", other, submission=lab.submission({"exercise1.health": "failed"}), folder=folder
    )


@pytest.fixture(scope="module")
def ran(small_lab: SmallLab) -> Iterator[Ahead[Ran]]:
    """The runs of this file, several at a time."""
    calls = {
        "killed": lambda: killed(small_lab, signal.SIGKILL),
        "interrupted": lambda: killed(small_lab, signal.SIGINT),
        "terminated": lambda: killed(small_lab, signal.SIGTERM),
        "whole": lambda: small_lab.pytest(submission=small_lab.submission({"exercise2.counts": "failed"})),
        "part": lambda: small_lab.pytest("-k", "health"),
        "unwritable": lambda: unwritable(small_lab),
    }
    ahead = Ahead(calls)
    yield ahead
    ahead.close()


def listed(run: Ran) -> list[str]:
    return [f"{e['id']}.{c['id']}" for e in run.report["exercises"] for c in e["checks"]]


@pytest.mark.parametrize("name", ["killed", "interrupted", "terminated", "whole", "part", "unwritable"])
def test_every_check_is_listed(ran: Ahead[Ran], name: str) -> None:
    """Every check of the course is in every report, in order, with one of the five states."""
    assert listed(ran[name]) == ALL
    assert {c["state"] for e in ran[name].report["exercises"] for c in e["checks"]} <= STATES


def test_whole_run(ran: Ahead[Ran]) -> None:
    """The report says who was graded, on what machine, with which points and states."""
    report = ran["whole"].report
    states = {e["id"]: (e["state"], e["points"], e["max_points"]) for e in report["exercises"]}

    assert states == {
        "exercise0": ("passed", 2, 2),
        "exercise1": ("passed", 6, 4),
        "exercise2": ("failed", 2, 4),
        "exercise10": ("locked", 0, 2),
    }
    assert (report["points"], report["max_points"]) == (10, 12)
    assert report["submission"].startswith("submission-")
    assert {"python", "platform", "cores", "versions", "isolation"} <= set(report["environment"])


def test_failed_check(ran: Ahead[Ran]) -> None:
    """A failed check has its message, its first hint with the lesson's step, and what was seen as data."""
    check = ran["whole"].check("exercise2.counts")

    assert check["message"].startswith("did:     read app/answers.py\nsaw:     failed\nwanted:  passed\nlook at: ")
    assert check["hint"] == "vague (lessons/exercise2.md#step-1)"
    assert check["evidence"] == {
        "did": "read app/answers.py",
        "saw": "failed",
        "wanted": "passed",
        "look_at": "app/answers.py: why?",
        "figure": "1 of 1",
    }


def test_a_part(ran: Ahead[Ran]) -> None:
    """What a run did not select is not run, and says so."""
    assert ran["part"].state("exercise1.five_parallel") == "not_run"
    assert ran["part"].check("exercise1.five_parallel")["message"] == "not part of this run"


@pytest.mark.parametrize("name", ["killed", "interrupted", "terminated"])
def test_a_run_that_dies(ran: Ahead[Ran], name: str) -> None:
    """A run that is ended half way leaves a report with what it knew, and nothing running."""
    run = ran[name]

    assert run.exit_code != 0
    assert run.executed == ["exercise0.ready", "exercise1.health", "exercise1.five_parallel"]
    assert (run.state("exercise0.ready"), run.state("exercise1.health")) == ("passed", "failed")
    for check in ("exercise1.five_parallel", "exercise2.counts", "exercise10.ten"):
        assert run.state(check) == "inconclusive"
        assert run.check(check)["message"] == "the run ended before this check was graded"
    assert run.report["points"] == 2


def test_interrupted(ran: Ahead[Ran]) -> None:
    """Ctrl-C ends with pytest's own exit code for it, and the card of what is known."""
    assert ran["interrupted"].exit_code == pytest.ExitCode.INTERRUPTED
    assert "✗ health" in ran["interrupted"].printed
    assert "Traceback" not in ran["interrupted"].printed


def test_a_report_that_cannot_be_written(ran: Ahead[Ran]) -> None:
    """A path that cannot be written is told once, in one sentence, and the verdict is the same."""
    run = ran["unwritable"]

    assert run.printed.count("could not be written") == 1
    assert re.search(r"report\.md: the markdown report could not be written: \w", run.printed)
    assert run.exit_code == 1
    assert run.state("exercise1.health") == "failed"
    assert "✗ health" in run.printed


def test_the_real_course_is_listed_whole() -> None:
    """The card of the course as it is lists each of its checks once."""
    results = [ExerciseResult(e.id, e.title, tuple(CheckResult(c, NOT_RUN) for c in e.checks)) for e in EXERCISES]
    report = json.loads(as_json(ReportCard("alice", tuple(results))))
    names = [(e["id"], c["id"]) for e in report["exercises"] for c in e["checks"]]

    assert len(names) == len(set(names)) > 10
