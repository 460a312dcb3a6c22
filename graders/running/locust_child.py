"""The child process in which Locust runs the learner's locustfile; imported by `warm_locust` and nobody else.

Locust's own `main` does the work, with the arguments of a headless run. What happens is told through Locust's own
events; its clock for load shapes may run faster.
"""

from __future__ import annotations

import contextlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent  # type: ignore[import-untyped]
import locust
import locust.main
from locust.runners import LocalRunner

from graders.running.culprit import LearnersCode
from graders.running.locust_arithmetic import answer_cases
from graders.running.locust_rehearsal import rehearse
from graders.running.locust_watch import Watch
from graders.running.locust_where import start_answering

if TYPE_CHECKING:
    from collections.abc import Callable

    from graders.running.control import Control

LAB = Path(__file__).resolve().parents[2]
MODULE = "locustfile"  # the name that Locust gives to locustfile.py
LOCUST: Any = locust.main
EVENTS: Any = locust.events


def main(spec: dict[str, Any], control: Control) -> None:
    """Run `locust` with `spec["arguments"]` in the folder `spec["root"]`.

    Tells `loaded` or `broken`. Then the job, `spec["job"]`: `rehearse` drives the load shape alone, on a clock of its
    own; `arithmetic` asks `find_breaking_point`; `run` lets Locust do what it does.
    """
    gevent.reinit()
    gevent.get_hub().loop.update_now()  # or timers are set by the moment at which Locust was imported, and fire early
    code = LearnersCode(Path(spec["root"]))
    start_answering(control, code)
    _enter(spec)
    begin_job = None
    if spec["job"] == "run":
        watch = Watch(control, code, float(spec["factor"]), Path(spec["crowd"]))
        EVENTS.request.add_listener(watch.on_request)
        EVENTS.user_error.add_listener(watch.on_user_error)
        EVENTS.init.add_listener(watch.on_init)
        watch.watch_tasks()
        flush = watch.flush
    else:
        begin_job = partial(_job, spec, control, code)
        flush = _nothing
    _tell_how_loading_went(control, code, begin_job)
    try:
        LOCUST.main()
    except SystemExit as error:
        described = code.describe(error)
        if described["frames"]:
            control.send("left", **described)
        raise
    finally:
        flush()


def _nothing() -> None:
    """There is nothing to flush."""


def _enter(spec: dict[str, Any]) -> None:
    """Make the submission's folder the place that modules come from, as it is for whoever starts Locust there."""
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != LAB]
    os.chdir(spec["root"])
    sys.argv = ["locust", *spec["arguments"]]


def _tell_how_loading_went(control: Control, code: LearnersCode, begin_job: Callable[..., None] | None) -> None:
    """Have it told; `begin_job`, if there is one, is called after what the locustfile itself does on `init`."""
    load = LOCUST.load_locustfile

    def telling(path: str) -> Any:
        try:
            users, shapes = load(path)
        except BaseException as error:
            control.send("broken", **code.describe(error))
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(1)
        module = sys.modules[MODULE]
        control.send(
            "loaded",
            users=list(users),
            shapes=[type(shape).__name__ for shape in shapes],
            has_arithmetic=callable(getattr(module, "find_breaking_point", None)),
        )
        if not users:
            os._exit(1)  # Locust would go on to look for tests of pytest's
        if begin_job is not None:
            EVENTS.init.add_listener(begin_job)
        return users, shapes

    LOCUST.load_locustfile = telling


def _job(spec: dict[str, Any], control: Control, code: LearnersCode, environment: Any, **_: Any) -> None:
    """Do the one thing that was ordered, and end the process before Locust starts any user."""
    with contextlib.suppress(BaseException):  # what was raised is told
        if spec["job"] == "rehearse":
            assert isinstance(environment.runner, LocalRunner)
            rehearse(environment, float(spec["every_s"]), float(spec["watched_s"]), control, code)
        else:
            answer_cases(sys.modules[MODULE], spec["cases"], control, code)
    os._exit(0)
