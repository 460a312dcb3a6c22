"""In the child: the learner's load shape alone, driven through its whole run time in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locust import LoadTestShape
from locust.runners import STATE_RUNNING, LocalRunner

if TYPE_CHECKING:
    from graders.running.control import Control
    from graders.running.culprit import LearnersCode

FIRST_TICK_S = 0.001  # Locust asks for the first time a moment after the start, never at zero


class PromptRunner(LocalRunner):
    """A runner in which users come and go at once; none of them really runs."""

    @property
    def user_count(self) -> int:
        """As many users as the shape asked for last."""
        return self.target_user_count


def rehearse(environment: Any, every_s: float, watched_s: float, control: Control, code: LearnersCode) -> None:
    """Call `tick()` at every so many seconds of run time; tells `rehearsed`.

    `changes` are [run time, users]; `end_s` is when `tick()` returned None, or `None` if it did not in `watched_s`;
    `raised` describes what it raised, or what it returned that Locust cannot use, and `at_s` says when.
    """
    shape = environment.shape_class
    name = type(shape).__name__ if shape is not None else None
    if shape is None:
        control.send("rehearsed", name=None, changes=[], end_s=None)
        return
    environment.runner.__class__ = PromptRunner
    environment.runner.state = STATE_RUNNING
    clock_s = 0.0
    LoadTestShape.get_run_time = lambda self: clock_s  # type: ignore[method-assign]
    changes: list[tuple[float, int]] = []
    shape.reset_time()
    for i in range(int(watched_s / every_s) + 1):
        clock_s = FIRST_TICK_S + i * every_s
        try:
            answer = shape.tick()
            users = None if answer is None else _users(answer)
        except BaseException as error:
            control.send("rehearsed", name=name, changes=changes, end_s=None, raised=code.describe(error), at_s=clock_s)
            return
        if users is None:
            control.send("rehearsed", name=name, changes=changes, end_s=clock_s - FIRST_TICK_S)
            return
        if not changes or changes[-1][1] != users:
            changes.append((clock_s - FIRST_TICK_S, users))
            environment.runner.target_user_count = users
            if len(changes) == 1:
                environment.events.test_start.fire(environment=environment)
            environment.events.spawning_complete.fire(user_count=users)
    control.send("rehearsed", name=name, changes=changes, end_s=None)


def _users(answer: Any) -> int:
    """The number of users in what `tick()` returned; `TypeError` where Locust could not use it."""
    shown = f"tick() returned {answer!r:.80}"
    if not isinstance(answer, tuple | list) or len(answer) not in (2, 3):
        raise TypeError(f"{shown}; Locust needs (users, spawn_rate) or None")
    if not all(isinstance(value, int | float) for value in answer[:2]):
        raise TypeError(f"{shown}; Locust needs two numbers")
    users, rate = float(answer[0]), float(answer[1])
    if not (users >= 0 and rate > 0):
        raise TypeError(f"{shown}; Locust needs users, and a spawn rate above 0")
    return round(users)
