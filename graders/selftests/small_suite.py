"""What a check of the small course does (see `small_lab`): note that it ran, then come out as the submission asks."""

from __future__ import annotations

import os
from pathlib import Path

from graders.expect import Expect, Inconclusive, NotRun
from graders.submission import Submission


def come_out(name: str, submission: Submission, expect: Expect) -> None:
    """Come out as `ANSWERS` in app/answers.py says: passed, failed, not_run, inconclusive, broken, or `meets FIFO`."""
    with Path(os.environ["LAB_EXECUTED"]).open("a", encoding="utf-8") as log:
        log.write(f"{name}\n")
    answers = submission.literals("app/answers.py")[0].get("ANSWERS")
    wish = answers.get(name, "passed") if isinstance(answers, dict) else "passed"
    if wish.startswith("meets "):
        _meet(Path(wish.removeprefix("meets ")))
    if wish == "not_run":
        raise NotRun("nothing here can judge it: install a judge")
    if wish == "inconclusive":
        raise Inconclusive("this machine is too busy to tell")
    if wish == "broken":
        raise RuntimeError("a gear is missing")
    expect.show("1 of 1")
    expect(wish != "failed", did="read app/answers.py", saw="failed", wanted="passed", look_at="app/answers.py: why?")


def _meet(fifo: Path) -> None:
    """Tell whoever reads the FIFO this process's id, then wait until somebody opens it to write."""
    with fifo.open("w", encoding="ascii") as news:
        news.write(str(os.getpid()))
    with fifo.open(encoding="ascii") as release:
        release.read()
