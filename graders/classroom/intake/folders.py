"""A folder on the teacher's disk, read like an archive: nothing in it is followed, nothing in it is trusted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from graders.classroom.intake.entries import MAX_ENTRIES, Damaged, Kind, RefusedError, Taker
from graders.classroom.intake.names import is_skipped
from graders.files import open_regular


class FolderSource:
    """One folder."""

    def __init__(self, root: Path, label: str) -> None:
        self.label = label
        self._root = root
        self._paths: list[Path] = []

    def raw_entries(self) -> list[tuple[int, str, Kind, int, str]]:
        """See `Source`."""
        found = []
        self._paths = []
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                if folder == self._root:
                    raise RefusedError(f"cannot be read ({error.strerror})") from error
                continue
            for entry in entries:
                if is_skipped(entry.name):
                    continue
                kind, size = _kind(entry)
                found.append((len(self._paths), Path(entry.path).relative_to(self._root).as_posix(), kind, size, ""))
                self._paths.append(Path(entry.path))
                if len(found) > MAX_ENTRIES:
                    raise RefusedError(f"holds more than {MAX_ENTRIES} entries")
                if kind is Kind.FOLDER:
                    waiting.append(Path(entry.path))
        return found

    def read(self, wanted: frozenset[int], take: Taker, damaged: Damaged) -> None:
        """See `Source`."""
        for index in sorted(wanted):
            try:
                with open_regular(self._paths[index]) as stream:
                    take(index, stream)
            except OSError as error:
                damaged(index, error.strerror or str(error))

    def close(self) -> None:
        """Nothing is held open."""


def _kind(entry: os.DirEntry[str]) -> tuple[Kind, int]:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return Kind.SPECIAL, 0
    if stat.S_ISLNK(status.st_mode):
        return Kind.LINK, 0
    if stat.S_ISDIR(status.st_mode):
        return Kind.FOLDER, 0
    return (Kind.FILE, status.st_size) if stat.S_ISREG(status.st_mode) else (Kind.SPECIAL, 0)
