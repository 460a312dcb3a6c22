"""What an archive or a folder holds, entry by entry, before anything of it is written anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Protocol

from graders.classroom.intake.names import UnsafeNameError, is_skipped, safe_parts

MAX_ENTRIES = 500_000


class RefusedError(Exception):
    """A whole archive or folder cannot be taken; the message says why."""


class DiskError(Exception):
    """The lab's own disk does not take what is unpacked: nobody's submission is to blame."""


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special file"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its place in the archive (`index`), its name made safe, its claimed size in bytes."""

    index: int
    parts: tuple[str, ...]
    kind: Kind
    size: int = 0

    @property
    def name(self) -> str:
        """The name with slashes."""
        return "/".join(self.parts)


@dataclass(frozen=True, slots=True)
class Note:
    """An entry that was left out, and why; `parts` is as much of its place as can be told."""

    parts: tuple[str, ...]
    text: str


class Source(Protocol):
    """Something that entries come from."""

    label: str

    def raw_entries(self) -> list[tuple[int, str, Kind, int, str]]:
        """Index, name, kind, size and (where it cannot be read) the reason, of everything in it."""
        ...

    def read(self, wanted: frozenset[int], take: Taker, damaged: Damaged) -> None:
        """Hand each wanted file to `take`, in whatever order is cheap; tell `damaged` which cannot be read, and why.

        Raises `RefusedError` where nothing that follows can be read.
        """
        ...


class Taker(Protocol):
    """Gets the files of a source."""

    def __call__(self, index: int, stream: IO[bytes]) -> None:
        """Take one file; the stream is only good until the call returns."""
        ...


Damaged = Callable[[int, str], None]


def listing(source: Source) -> tuple[list[Entry], list[Note]]:
    """The files and folders of a source that may be unpacked, and the notes on those that may not.

    Of two entries with one name the first is kept. Raises `RefusedError`.
    """
    entries: list[Entry] = []
    notes: list[Note] = []
    seen: set[tuple[str, ...]] = set()
    for index, name, kind, size, trouble in source.raw_entries():
        if index >= MAX_ENTRIES:
            raise RefusedError(f"holds more than {MAX_ENTRIES} entries")
        try:
            parts = safe_parts(name)
        except UnsafeNameError as error:
            notes.append(Note(_as_far_as_safe(name), f"left out {_quoted(name)}: it {error}"))
            continue
        if not parts or any(map(is_skipped, parts)):
            continue
        reason = trouble or {Kind.LINK: "is a link", Kind.SPECIAL: "is no regular file"}.get(kind, "")
        if not reason and parts in seen and kind is Kind.FILE:
            reason = "comes a second time; the first one was kept"
        if reason:
            notes.append(Note(parts, f"left out {_quoted(name)}: it {reason}"))
            continue
        if parts not in seen:
            seen.add(parts)
            entries.append(Entry(index, parts, kind, size))
    return entries, notes


def _as_far_as_safe(name: str) -> tuple[str, ...]:
    """The folders before the part that makes a name unsafe: whose work the entry tried to pass for."""
    flat = name.replace("\\", "/")
    before = flat.split("/..")[0] if not flat.startswith("..") else ""
    try:
        return safe_parts(before[: 40 * 200])
    except UnsafeNameError:
        return ()


def _quoted(name: str) -> str:
    text = name.encode("utf-8", "backslashreplace").decode()
    return ascii(text if len(text) <= 120 else text[:117] + "...")
