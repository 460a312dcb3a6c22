"""The child process that serves the learner's application: import it, add the probe, run uvicorn.

Runs in a process of its own, forked from a warm one or started afresh; never in the lab's process.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from graders.running.culprit import LearnersCode
from graders.running.watchdog import Watchdog

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from graders.running.control import Control

    Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

IMPORT_LIMIT_S = 8.0
STARTUP_LIMIT_S = 6.0


class BrokenSubmissionError(Exception):
    """The submission cannot be served; what is wrong was already told."""


def main(spec: dict[str, Any], control: Control, listener: socket.socket) -> None:
    """Serve `app.main:app` of the folder `spec["root"]` on the listener until told to stop.

    Tells, in order: `imported`, `started`; or `broken` / `stuck` with the stage and the learner's own frames.
    `spec["probe"]` names a function, `module:function`, that gets the FastAPI application before the start.
    """
    root = Path(spec["root"])
    code = LearnersCode(root)
    watchdog = Watchdog(control, code, spec.get("import_limit_s", IMPORT_LIMIT_S))
    watchdog.start()
    try:
        if spec.get("app") == "reference":
            from graders.running.reference import app as reference

            served: Asgi = reference
        else:
            served = load(root, control, code, spec.get("probe"))
    except BrokenSubmissionError:
        return
    watchdog.enter("startup", spec.get("startup_limit_s", STARTUP_LIMIT_S))
    config = uvicorn.Config(
        Reporting(served, control, code),
        lifespan="auto",
        log_level="warning",
        access_log=False,
        ws="none",
        timeout_keep_alive=75,
        backlog=2048,
    )
    ReportingServer(config, control, watchdog).run(sockets=[listener])


def load(root: Path, control: Control, code: LearnersCode, probe: str | None = None) -> Asgi:
    """Import `app.main` from a folder and return its `app`; tell what is wrong and raise where there is none."""
    enter_submission(root)
    try:
        module = importlib.import_module("app.main")
    except BaseException as error:  # SystemExit too: the learner must read that it was called
        control.send("broken", stage="import", has_main=(root / "app/main.py").is_file(), **code.describe(error))
        raise BrokenSubmissionError from error
    app: Any = getattr(module, "app", None)
    if not is_asgi(app):
        names = [name for name, value in vars(module).items() if isinstance(value, FastAPI)]
        control.send("broken", stage="app", found=type(app).__name__ if hasattr(module, "app") else None, fastapi=names)
        raise BrokenSubmissionError
    control.send("imported", app=type(app).__name__)
    if probe is not None:
        fastapi = fastapi_of(app)
        if fastapi is None:
            control.send("broken", stage="app", found=type(app).__name__, fastapi=[])
            raise BrokenSubmissionError
        name, function = probe.split(":")
        getattr(importlib.import_module(name), function)(fastapi)
    asgi: Asgi = app
    return asgi


def fastapi_of(app: Any) -> FastAPI | None:
    """The FastAPI application that `app` is; where it is something around one, the one that `app.main` names."""
    named = vars(sys.modules["app.main"]).values() if "app.main" in sys.modules else ()
    return next((value for value in (app, *named) if isinstance(value, FastAPI)), None)


def enter_submission(root: Path) -> None:
    """Make the submission's folder the one place that `app` can come from, and the current folder."""
    lab = Path(__file__).resolve().parents[2]
    sys.path[:] = [str(root), *(entry for entry in sys.path if entry and Path(entry).resolve() != lab)]
    importlib.invalidate_caches()
    os.chdir(root)


def is_asgi(app: object) -> bool:
    """Whether it can be called as `app(scope, receive, send)`: wrappers need not be coroutine functions themselves."""
    if not callable(app) or inspect.isclass(app):
        return False
    try:
        inspect.signature(app).bind("scope", "receive", "send")
    except (TypeError, ValueError):
        return False
    return True


class Reporting:
    """ASGI middleware, outermost: tells the lab about exceptions that the application let through."""

    def __init__(self, app: Asgi, control: Control, code: LearnersCode) -> None:
        self._app = app
        self._control = control
        self._code = code

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        failed_startup = False

        async def watched_send(message: dict[str, Any]) -> None:
            nonlocal failed_startup
            failed_startup = failed_startup or message["type"] == "lifespan.startup.failed"
            await send(message)

        try:
            await self._app(scope, receive, watched_send if scope["type"] == "lifespan" else send)
        except BaseException as error:
            if scope["type"] == "http" and not isinstance(error, asyncio.CancelledError):
                request = f"{scope['method']} {scope['path']}"
                self._control.send("raised", request=request, **self._code.describe(error))
            elif failed_startup:
                self._control.send("broken", stage="startup", **self._code.describe(error))
            raise


class ReportingServer(uvicorn.Server):
    """uvicorn's server, which tells when it serves."""

    def __init__(self, config: uvicorn.Config, control: Control, watchdog: Watchdog) -> None:
        super().__init__(config)
        self._control = control
        self._watchdog = watchdog

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then tell the lab."""
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._watchdog.attach(current_default_thread_limiter(), self._stop)
            self._control.send("started")

    def _stop(self) -> None:
        self.should_exit = True
