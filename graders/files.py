"""Writing files so that nobody ever sees half of one, and reading what a stranger may have put in a file's place."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, text: str) -> None:
    """Write the text to the path by renaming a finished file; makes missing folders. Raises `OSError` if it can't."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises `OSError` for a link, a pipe, or anything else in its place."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no regular file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, most_bytes: int, since: int = 0, until: int | None = None) -> bytes:
    """The end of what a file holds, at most so many bytes, from a place on; nothing where it is no regular file.

    With `until`, the end of what stands before that place.
    """
    try:
        with open_regular(path) as file:
            size = file.seek(0, io.SEEK_END)
            end = size if until is None else min(size, until)
            start = max(since, end - most_bytes)
            file.seek(start)
            return file.read(max(0, end - start) if until is not None else most_bytes)
    except OSError:
        return b""
