"""In the child: what Locust's users and its load shape do, told through Locust's own events, with a faster clock."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent  # type: ignore[import-untyped]
from locust import LoadTestShape, User
from locust.user.task import DefaultTaskSet, TaskSet

from graders.measuring.mix import is_prediction

if TYPE_CHECKING:
    from graders.running.control import Control
    from graders.running.culprit import LearnersCode

FLUSH_EVENTS = 20
FLUSH_S = 0.2
MAX_ERRORS = 3
ANSWER_HEADER = "x-lab-answer"


@dataclass
class Execution:
    """One time that a user runs a task, and the requests that it has sent."""

    task: str
    predictions: int = 0
    requests: int = 0


class Watch:
    """Tells `tasks`, `ticked`, `requests` (many at a time), `users`, `raised`; writes the crowd's size to a file."""

    def __init__(self, control: Control, code: LearnersCode, factor: float, crowd: Path) -> None:
        self._control = control
        self._code = code
        self._factor = factor
        self._crowd = crowd
        self._environment: Any = None
        self._pending: list[list[Any]] = []
        self._flushed = time.monotonic()
        self._errors = 0
        self._users = -1
        self._running: dict[Any, Execution] = {}  # by the user's greenlet
        self._executions: dict[str, Counter[str]] = {}
        self._waits = 0
        self._waited_s = 0.0

    def on_init(self, environment: Any, **_: Any) -> None:
        """Locust is ready to start: compress the clock of its shape."""
        self._environment = environment
        environment.events.spawning_complete.add_listener(lambda **_: self._note_crowd())
        weights = {
            user.__name__: Counter(_name(task) for task in user.tasks if not _is_task_set(task))
            for user in environment.user_classes
            if not any(_is_task_set(task) for task in user.tasks)
        }
        is_simple = len(environment.user_classes) == 1 == len(weights)
        self._control.send("tasks", weights=next(iter(weights.values())) if is_simple else None)
        if environment.shape_class is not None:
            self._compress(environment.shape_class)

    def _compress(self, shape: Any) -> None:
        factor = self._factor
        shape_class: Any = LoadTestShape
        real = shape_class.get_run_time
        shape_class.get_run_time = lambda shape: real(shape) * factor
        tick, last = shape.tick, ""

        def ticking() -> Any:
            nonlocal last
            answer = tick()
            if repr(answer) != last:
                last = repr(answer)
                self.flush()
                self._control.send("ticked", at_s=time.monotonic(), users=answer[0] if answer else None)
            if isinstance(answer, tuple | list) and len(answer) > 1:
                users, rate, *classes = answer
                return (users, rate * factor, *classes)
            return answer

        shape.tick = ticking

    def watch_tasks(self) -> None:
        """Note which task a user runs, and how long it asks to wait."""
        task_set_class: Any = DefaultTaskSet
        clock: Any = time
        execute, sleep = task_set_class.execute_task, gevent.sleep

        def executing(task_set: TaskSet, task: Any) -> None:
            greenlet = gevent.getcurrent()
            outer = self._running.get(greenlet)
            self._running[greenlet] = execution = Execution(_name(task))
            try:
                execute(task_set, task)
            finally:
                self._running[greenlet] = outer or Execution("")
                if not isinstance(sys.exc_info()[1], gevent.GreenletExit):  # a user that was stopped half way
                    kind = f"{execution.predictions} of {execution.requests}"
                    self._executions.setdefault(execution.task, Counter())[kind] += 1

        def sleeping(seconds: float = 0, ref: bool = True) -> None:
            if seconds > 0 and gevent.getcurrent() in self._running:
                self._waits += 1
                self._waited_s += seconds
            sleep(seconds, ref)

        task_set_class.execute_task = executing
        gevent.sleep = clock.sleep = sleeping

    def on_request(
        self, request_type: str, name: str, response_time: float, exception: Any = None, **more: Any
    ) -> None:
        """One request as Locust counts it."""
        response, url = more.get("response"), more.get("url")
        path = urlsplit(str(url)).path if url else str(name)
        status = getattr(response, "status_code", None)
        if execution := self._running.get(gevent.getcurrent()):
            execution.requests += 1
            execution.predictions += is_prediction(str(request_type), path)
        why = f"{type(exception).__name__}: {exception}"[:120] if exception else ""
        now = time.monotonic()
        row = [now, response_time, str(request_type), path, status, bool(exception), why, _answer_number(response)]
        self._pending.append(row)
        self._note_crowd()
        if len(self._pending) >= FLUSH_EVENTS or now - self._flushed > FLUSH_S:
            self.flush()

    def on_user_error(self, user_instance: User, exception: BaseException, **_: Any) -> None:
        """An exception that a task let through: to Locust no failed request, only an error in its log."""
        self._errors += 1
        if self._errors <= MAX_ERRORS:
            self.flush()  # or an error would be heard of before the requests that came first
            self._control.send("raised", **self._code.describe(exception))

    def _note_crowd(self) -> None:
        users = self._environment.runner.user_count
        if users != self._users:
            self._users = users
            self._crowd.write_text(str(users), encoding="ascii")

    def flush(self) -> None:
        """Tell what has gathered."""
        self._flushed = time.monotonic()
        if self._pending:
            requests, self._pending = self._pending, []
            self._control.send("requests", rows=requests)
        self._control.send(
            "users",
            executions=self._executions,
            waits=self._waits,
            waited_s=round(self._waited_s, 3),
            errors=self._errors,
        )


def _answer_number(response: Any) -> int | None:
    headers = getattr(response, "headers", None) or {}
    number = str(headers.get(ANSWER_HEADER) or "")
    return int(number) if number.isdecimal() else None


def _name(task: Any) -> str:
    return str(getattr(task, "__name__", task))


def _is_task_set(task: Any) -> bool:
    return isinstance(task, type)
