"""The results of a class on disk: each committed whole or not at all, so that a run can be killed at any moment.

`reports/<student>/result.json` is written last, by rename, and says for which files and which lab it holds. A
submission without it, or with one that speaks of other files, is graded again; everything else is kept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graders.files import write_atomically
from graders.reporting.reports import FORMATS
from graders.verdict import ReportCard

RESULT = "result.json"
FILES = {"report.json": "json", "report.md": "markdown", "report.html": "html"}
SUFFIXES = {"markdown": ".md", "html": ".html", "github": ".txt"}
RESERVE_BYTES = 16 * 2**20
FULL = (errno.ENOSPC, errno.EDQUOT)
VERSION = 1


class BusyError(Exception):
    """Another run writes to the same folder."""


class DiskFullError(Exception):
    """The disk is full: what was graded is kept, and no more is graded."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one submission: one row of the gradebook.

    `status` is graded, inconclusive, timeout, died or refused; `exercises` are the points of each without bonus.
    """

    student: str
    slug: str
    source: str
    status: str
    fingerprint: str
    lab: str
    selection: tuple[str, ...]
    isolation: str = ""
    graded_at: str = ""
    seconds: float = 0.0
    attempts: int = 1
    exercises: Mapping[str, int] | None = None
    bonus: int = 0
    max_points: int = 0
    states: Mapping[str, str] | None = None
    why: str = ""
    notes: tuple[str, ...] = ()
    report: str = ""

    @property
    def total(self) -> int:
        """All points, bonus included."""
        return sum((self.exercises or {}).values()) + self.bonus

    def holds_for(self, fingerprint: str, lab: str, selection: tuple[str, ...]) -> bool:
        """Whether it speaks of these files, this lab and these exercises."""
        return (self.fingerprint, self.lab, self.selection) == (fingerprint, lab, selection)


class Ledger:
    """The output folder of one run; a context that keeps other runs out."""

    def __init__(self, out: Path, formats: Sequence[str] = ()) -> None:
        self.out = out
        self._files = FILES | {f"{name}{SUFFIXES.get(name, '.json')}": name for name in formats}
        self.reports = out / "reports"
        self.work = out / ".work"
        self._reserve = out / ".reserve"
        self._lock: int | None = None

    def __enter__(self) -> Ledger:
        """Lock the folder, clear what a killed run left half done. Raises `BusyError`, `OSError`."""
        self.reports.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise BusyError(f"{self.out}: another run of lab grade is writing there") from error
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(mode=0o700)
        for half_written in (*self.out.glob(".gradebook.*-*"), *self.reports.glob("*/.*-*")):
            half_written.unlink(missing_ok=True)
        self._reserve_space()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)

    def _reserve_space(self) -> None:
        """Keep some space for the results of gradings that are under way when the disk becomes full."""
        try:
            with self._reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError as error:
            self._reserve.unlink(missing_ok=True)
            if error.errno in FULL:
                raise DiskFullError(f"{self.out}: less than {RESERVE_BYTES >> 20} MiB are free there") from error

    def entries(self) -> dict[str, Entry]:
        """Every committed result, by the name of its folder; what cannot be read counts as not there."""
        found = {}
        for path in sorted(self.reports.glob(f"*/{RESULT}")):
            entry = _read(path)
            if entry is not None and (self.out / entry.report).is_file():
                found[path.parent.name] = entry
        return found

    def commit(self, entry: Entry, card: ReportCard, printed: str) -> Entry:
        """Write the reports of one submission, its result last. Raises `DiskFullError` where there is no space."""
        try:
            return self._write(entry, card, printed)
        except OSError as error:
            if error.errno not in FULL:
                raise
        self._reserve.unlink(missing_ok=True)
        try:
            self._write(entry, card, printed)
        except OSError as error:
            raise DiskFullError(
                f"{self.out}: {error.strerror}; {entry.student} was graded and could not be kept"
            ) from error
        raise DiskFullError(f"{self.out}: {os.strerror(errno.ENOSPC)}")  # this one is kept, and it is the last

    def _write(self, entry: Entry, card: ReportCard, printed: str) -> Entry:
        folder = self.reports / entry.slug
        (folder / RESULT).unlink(missing_ok=True)  # from here to the end, there is no result
        texts = {"card.txt": printed} if printed else {}
        texts |= {file: FORMATS[name](card) for file, name in self._files.items()}
        texts |= {"why.txt": "\n".join([entry.why, *entry.notes]).strip() + "\n"} if entry.why or entry.notes else {}
        for old in folder.glob("*"):
            if old.name not in texts:
                old.unlink(missing_ok=True)
        for file, text in texts.items():
            write_atomically(folder / file, text)
        told = replace(entry, report=f"reports/{entry.slug}/report.html")
        write_atomically(folder / RESULT, json.dumps({"version": VERSION, **asdict(told)}, indent=1) + "\n")
        return told

    def write(self, name: str, text: str) -> None:
        """Write a file of the class as a whole."""
        write_atomically(self.out / name, text)


def now() -> str:
    """UTC, to the second, as gradebooks have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(path: Path) -> Entry | None:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("version") != VERSION:
            return None
        return Entry(**{**data, "notes": tuple(data["notes"]), "selection": tuple(data["selection"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
