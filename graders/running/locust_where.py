"""In the child: a thread of its own that says where the learner's code stands, also while Locust hangs.

Locust's users are greenlets: those that wait are in no thread's stack, and are looked up one by one. The thread is a
real one, made past gevent, which would make it a greenlet that a busy loop never lets run.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from typing import TYPE_CHECKING, Any

from gevent import monkey  # type: ignore[import-untyped]
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from graders.running.culprit import LearnersCode, frame_of

if TYPE_CHECKING:
    from graders.running.control import Control

PATIENCE_S = 1.0
USER = "run_user"  # the outermost function of every user's greenlet (locust/user/users.py)


def start_answering(control: Control, code: LearnersCode) -> None:
    """Answer the command `where` by the event `where`, until the lab goes away; then end the process."""
    thread = monkey.get_original("_thread", "get_ident")()
    monkey.get_original("_thread", "start_new_thread")(_answer, (control, code, thread, getcurrent()))


def _answer(control: Control, code: LearnersCode, thread: int, main: greenlet) -> None:
    while (commands := control.receive(PATIENCE_S)) is not None:
        for command in commands:
            if command.get("command") == "where":
                where = _where(code, thread, main, bool(command.get("users")))
                control.send("where", token=command.get("token"), where=where)
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os._exit(1)


def _where(code: LearnersCode, thread: int, main: greenlet, users: bool) -> dict[str, Any] | None:
    """The learner's innermost line: of what runs, else of what waits; of waiting users last, if at all."""
    if running := code.innermost(frame_of(thread)):
        return running
    waiting = [main, *(thing for thing in gc.get_objects() if isinstance(thing, greenlet) and thing.gr_frame)]
    places = [(_is_user(thing), here) for thing in waiting if (here := code.innermost(thing.gr_frame))]
    first = min(places, key=lambda found: found[0], default=(True, None))
    return first[1] if users or not first[0] else None


def _is_user(waiting: greenlet) -> bool:
    frame = waiting.gr_frame
    while frame is not None and frame.f_code.co_name != USER:
        frame = frame.f_back
    return frame is not None
