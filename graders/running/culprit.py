"""Which line of the learner's code is it: frames, tracebacks and suspended tasks, seen from inside the child."""

from __future__ import annotations

import asyncio
import linecache
import sys
import traceback
from pathlib import Path
from types import CodeType, FrameType
from typing import Any


class LearnersCode:
    """Tells the learner's frames from everybody else's, and names them relative to the submission."""

    def __init__(self, root: Path) -> None:
        self._prefix = str(root.resolve()) + "/"
        self._known: dict[CodeType, str | None] = {}

    def relative(self, filename: str) -> str | None:
        """The path below the submission's folder; `None` for code from elsewhere."""
        normal = filename.replace("\\", "/")
        prefix = self._prefix.replace("\\", "/")
        return normal[len(prefix) :] if normal.startswith(prefix) else None

    def innermost(self, frame: FrameType | None) -> dict[str, Any] | None:
        """The innermost frame of a stack that is the learner's, as a place."""
        while frame is not None:
            code = frame.f_code
            if code not in self._known:
                self._known[code] = self.relative(code.co_filename)
            file = self._known[code]
            if file is not None:
                return place(file, frame.f_lineno, code.co_qualname, code.co_filename)
            frame = frame.f_back
        return None

    def suspended(self, task: asyncio.Task[Any]) -> dict[str, Any] | None:
        """Where a waiting task stands in the learner's code, following what it awaits."""
        found: dict[str, Any] | None = None
        awaited: Any = task.get_coro()
        for _ in range(200):
            frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
            if frame is not None:
                here = self.innermost_of_one(frame)
                found = here or found
            awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
            if awaited is None:
                break
        return found

    def innermost_of_one(self, frame: FrameType) -> dict[str, Any] | None:
        """This very frame as a place, if it is the learner's."""
        code = frame.f_code
        file = self.relative(code.co_filename)
        return None if file is None else place(file, frame.f_lineno, code.co_qualname, code.co_filename)

    def describe(self, error: BaseException) -> dict[str, Any]:
        """An exception as data: kind, message, the learner's own frames; for a syntax error, line and caret."""
        described: dict[str, Any] = {
            "kind": type(error).__name__,
            "message": _one_text(error),
            "frames": [
                place(file, entry.lineno or 0, entry.name, entry.filename)
                for entry in traceback.extract_tb(error.__traceback__)
                if (file := self.relative(entry.filename)) is not None
            ][-6:],
        }
        if isinstance(error, SyntaxError):
            file = self.relative(error.filename or "")
            described["syntax"] = {
                "file": file or error.filename,
                "line": error.lineno,
                "column": error.offset,
                "code": (error.text or "").rstrip("\n"),
            }
        if isinstance(error, ModuleNotFoundError):
            described["module"] = error.name
        return described


def _one_text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg or "invalid syntax"
    try:
        return str(error)[:2000]
    except Exception:
        return "(its message cannot be shown)"


def place(file: str, line: int, function: str, filename: str) -> dict[str, Any]:
    """A line of code as data; the source text is read from disk."""
    return {
        "file": file,
        "line": line,
        "function": function.rsplit(".", 1)[-1],
        "code": linecache.getline(filename, line).strip(),
    }


def frame_of(thread_id: int) -> FrameType | None:
    """The frame that a thread is in right now."""
    return sys._current_frames().get(thread_id)
