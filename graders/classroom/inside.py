"""The process that grades one submission; run as a script by `keeper`, inside a sandbox where there is one.

    python -I inside.py        its order is one JSON object on standard input

What comes out goes to the pipe that the order names, as JSON lines: a report card after each check. Standard output
is the card as a person would read it. Nothing is written to a disk that outlives the sandbox.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

LAB = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(LAB))

from graders.running import linux  # noqa: E402

if TYPE_CHECKING:
    import pytest

FINISHED = "finished"


class Stream:
    """Tells the keeper after each check how the report card stands."""

    def __init__(self, results: TextIO, facts: dict[str, Any]) -> None:
        self._results = results
        self._facts = facts
        self._config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        """See pytest."""
        self._config = config

    def pytest_collection_finish(self) -> None:
        """See pytest."""
        self._tell()

    def pytest_runtest_logreport(self) -> None:
        """See pytest."""
        self._tell()

    def _tell(self) -> None:
        from graders.plugin import SESSION

        session = self._config.stash.get(SESSION, None) if self._config is not None else None
        if session is not None:
            session.grading.facts |= self._facts
            self.say({"card": session.grading.card().to_json()})

    def say(self, news: dict[str, Any]) -> None:
        """One line to the keeper."""
        self._results.write(json.dumps(news, allow_nan=False) + "\n")
        self._results.flush()


def main() -> int:
    """Drop what is not needed, grade, tell how it ended."""
    order = json.loads(sys.stdin.buffer.read())
    with Path(os.devnull).open("rb") as null:
        os.dup2(null.fileno(), 0)
    if order["uid"] is not None:
        become(order["uid"], order["own_proc"])
    linux.die_with_parent()
    linux.hide_memory()
    os.umask(0o022)
    results = os.fdopen(order["results"], "w", encoding="ascii")
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(LAB)
    if order["packages"] is not None:
        (Path(os.environ["LAB_STATE"]) / "packages.json").write_text(json.dumps(order["packages"]), encoding="utf-8")

    import pytest

    stream = Stream(results, order["facts"])
    code = pytest.main([*order["arguments"]], plugins=[stream])
    sys.stdout.flush()
    stream.say({FINISHED: int(code)})
    return 0


def become(uid: int, own_proc: bool) -> None:
    """From root of a sandbox to a user without any privilege; with a /proc in which nothing is covered up.

    The kernel lets a user namespace mount a /proc of its own only where it sees one that is whole.
    """
    if own_proc:
        linux.mount("proc", "/proc", "proc", linux.NO_SUID | linux.NO_DEV | linux.NO_EXEC)
    if sys.platform != "win32":
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    linux.prctl(linux.NO_NEW_PRIVILEGES, 1)


if __name__ == "__main__":
    sys.exit(main())
