"""Zip archives, read entry by entry; nothing in one is believed before it is seen."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path

from graders.classroom.intake.entries import MAX_ENTRIES, Damaged, Kind, RefusedError, Taker

END_RECORD = struct.Struct("<4s4H2LH")
LEAST_ENTRY_BYTES = 46  # of the table at a zip's end, per entry
UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)


class ZipSource:
    """One zip file."""

    def __init__(self, path: Path, label: str) -> None:
        self.label = label
        _refuse_a_long_table(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except UNREADABLE as error:
            raise RefusedError(f"is no zip archive that can be read ({error})") from error

    def raw_entries(self) -> list[tuple[int, str, Kind, int, str]]:
        """See `Source`."""
        found = []
        for index, info in enumerate(self._zip.infolist()):
            trouble = "is encrypted" if info.flag_bits & 1 else ""
            found.append((index, info.filename, _kind(info), info.file_size, trouble))
        return found

    def read(self, wanted: frozenset[int], take: Taker, damaged: Damaged) -> None:
        """See `Source`."""
        for index, info in enumerate(self._zip.infolist()):
            if index in wanted:
                try:
                    with self._zip.open(info) as stream:
                        take(index, stream)
                except UNREADABLE as error:
                    damaged(index, str(error))

    def close(self) -> None:
        """Let the file go."""
        self._zip.close()


def _kind(info: zipfile.ZipInfo) -> Kind:
    mode = info.external_attr >> 16
    if info.is_dir() or stat.S_ISDIR(mode):
        return Kind.FOLDER
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else Kind.SPECIAL


def _refuse_a_long_table(path: Path) -> None:
    """Refuse a zip whose table of entries would fill the memory, before anything reads that table."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 2**16 - END_RECORD.size))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END_RECORD.size:
        raise RefusedError("is no zip archive (its end is missing: was the upload cut short?)")
    table = END_RECORD.unpack_from(tail, at)[5]
    table = size if table == 0xFFFFFFFF else table
    if table > LEAST_ENTRY_BYTES * MAX_ENTRIES * 4:
        raise RefusedError(f"claims to hold more than {MAX_ENTRIES} entries")
