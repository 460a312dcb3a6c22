"""Which process called the model, and with how many items: the file that MODEL_LOG names (contract, 'Given files')."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from graders.files import read_regular

MAX_LOG_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the model: the function's name, the number of items, the process that called."""

    name: str
    items: int
    pid: int


class ModelLog:
    """The calls noted so far, in order; `mark` and `since` cut out what one burst did."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def calls(self, name: str | None = None) -> list[Call]:
        """All calls, or those of one function; a line that is no such record is passed over."""
        found = map(_call, read_regular(self.path, MAX_LOG_BYTES).splitlines())
        return [call for call in found if call is not None and name in (None, call.name)]

    def mark(self) -> int:
        """A place in the log: now."""
        return len(self.calls())

    @contextlib.contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Inside, no call of the model can note itself, so that each one raises an OSError."""
        aside = self.path.with_suffix(".aside")
        was_there = self.path.exists()
        if was_there:
            self.path.rename(aside)
        self.path.mkdir()
        try:
            yield
        finally:
            self.path.rmdir()
            if was_there:
                aside.rename(self.path)

    def since(self, mark: int, name: str | None = None) -> list[Call]:
        """The calls after a mark."""
        return [call for call in self.calls()[mark:] if name in (None, call.name)]


def by_process(calls: Sequence[Call]) -> dict[int, int]:
    """How many calls each process made, by process id."""
    return dict(Counter(call.pid for call in calls))


def _call(line: bytes) -> Call | None:
    try:
        record = json.loads(line)
        return Call(str(record["call"]), int(record["items"]), int(record["pid"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
