"""Tar archives, plain or compressed, read as a stream with a limit on what comes out of the compression."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any

from graders.classroom.intake.entries import MAX_ENTRIES, Damaged, Kind, RefusedError, Taker

MOST_EXPANSION = 200
"""Compressed text and code seldom shrinks to a twentieth; this is ten times what is ever seen."""

ALWAYS_FINE_BYTES = 64 * 2**20
MAX_HEADER_BYTES = 2**20
UNREADABLE = (tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, OverflowError)


class TarSource:
    """One tar file, with gzip, bzip2 or xz or without."""

    def __init__(self, path: Path, label: str) -> None:
        self.label = label
        self._path = path

    def raw_entries(self) -> list[tuple[int, str, Kind, int, str]]:
        """See `Source`."""
        found: list[tuple[int, str, Kind, int, str]] = []
        self._each(lambda index, member, _: found.append((index, member.name, _kind(member), member.size, "")))
        return found

    def read(self, wanted: frozenset[int], take: Taker, damaged: Damaged) -> None:
        """See `Source`."""

        def one(index: int, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
            if index in wanted and (stream := archive.extractfile(member)) is not None:
                take(index, stream)

        self._each(one)

    def close(self) -> None:
        """Nothing is held open."""

    def _each(self, visit: Any) -> None:
        """Call `visit(index, member, archive)` for each member, in order, reading the file once."""
        try:
            with _opened(self._path) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
                for index, member in enumerate(archive):
                    if index > MAX_ENTRIES:
                        raise RefusedError(f"holds more than {MAX_ENTRIES} entries")
                    visit(index, member, archive)
                    archive.members = []  # type: ignore[attr-defined] # a stream keeps them all otherwise
        except UNREADABLE as error:
            raise RefusedError(f"is no tar archive that can be read to its end ({error})") from error


class _Header(tarfile.TarInfo):
    """A header that is not read into memory where it claims to be huge."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        extended = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        is_extended = self.type in (*extended, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if is_extended and self.size > MAX_HEADER_BYTES:
            raise RefusedError(f"has a header of more than {MAX_HEADER_BYTES >> 20} MiB")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


class _Limited(io.RawIOBase):
    """A stream that refuses to give more than a number of bytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise RefusedError(f"is a bomb: it unpacks to more than {MOST_EXPANSION} times its size")
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def _opened(path: Path) -> _Limited:
    size = path.stat().st_size
    most = max(ALWAYS_FINE_BYTES, MOST_EXPANSION * size)
    with path.open("rb") as file:
        magic = file.read(6)
    opened: Any
    if magic.startswith(b"\x1f\x8b"):
        opened = gzip.open(path)  # noqa: SIM115 - closed by whoever closes the stream around it
    elif magic.startswith(b"BZh"):
        opened = bz2.open(path)  # noqa: SIM115
    elif magic.startswith(b"\xfd7zXZ"):
        opened = lzma.open(path)  # noqa: SIM115
    else:
        opened = path.open("rb")
    return _Limited(opened, most)


def _kind(member: tarfile.TarInfo) -> Kind:
    if member.isreg():
        return Kind.FILE
    if member.isdir():
        return Kind.FOLDER
    return Kind.LINK if member.issym() or member.islnk() else Kind.SPECIAL
