"""Where the submission stands when it is stopped."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from types import FrameType
from typing import Any

from graders.exact.watch import frame_of_running
from graders.exact.world import WORLD
from graders.running.culprit import LearnersCode

Place = Mapping[str, Any]
UNKNOWN: Place = {"file": "(not in the submission)", "line": 0, "function": "", "code": ""}


def hold_place(code: LearnersCode) -> Place:
    """The line that holds the loop: the learner's innermost one on the calling thread's stack."""
    return code.innermost(sys._getframe()) or UNKNOWN


def stop_place(code: LearnersCode, is_waiting: bool, loop: asyncio.AbstractEventLoop | None) -> Place | None:
    """The line to look at: of the running thread, or, where everything waits, of what most requests wait in."""
    if not is_waiting:
        frame = sys._getframe() if WORLD.has_turn() else frame_of_running()
        return code.innermost(frame) or _waiting_tasks(code, loop)
    if WORLD.held_since_ns is not None and WORLD.loop_thread is not None:
        return code.innermost(_frames().get(WORLD.loop_thread.ident))
    return _waiting_tasks(code, loop) or _waiting_threads(code)


def _waiting_tasks(code: LearnersCode, loop: asyncio.AbstractEventLoop | None) -> Place | None:
    found = Counter(
        tuple(here.items())
        for task in (asyncio.all_tasks(loop) if loop is not None else ())
        if (here := code.suspended(task)) is not None
    )
    return dict(found.most_common(1)[0][0]) if found else None


def _waiting_threads(code: LearnersCode) -> Place | None:
    frames = _frames()
    places = (code.innermost(frames.get(ident)) for ident in list(WORLD.threads))
    return next((place for place in places if place is not None), None)


def _frames() -> dict[int, FrameType]:
    return sys._current_frames()
