"""`python -m app` in virtual time: the submission's own start, with the judge in the place of uvicorn's loop."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import uvicorn

from graders.exact.client import Asgi
from graders.exact.loop import VirtualLoop
from graders.exact.world import WORLD
from graders.running.culprit import LearnersCode
from graders.running.serve import BrokenSubmissionError, enter_submission

if TYPE_CHECKING:
    from graders.running.control import Control

Serve = Callable[[Asgi], Awaitable[NoReturn]]


def run_program(root: Path, control: Control, code: LearnersCode, serve: Serve) -> None:
    """Run the package `app` as a program; where it would serve, `serve` takes over and never returns.

    Tells what is wrong and raises where it cannot be run. What uvicorn would do itself beside serving, such as further
    workers or a limit of its own, cannot be judged.
    """
    enter_submission(root)
    sys.argv = [str(root / "app" / "__main__.py")]

    async def serve_instead(self: uvicorn.Server, sockets: Any = None) -> None:
        if self.config.limit_concurrency is not None:
            WORLD.stop("outside", "lets uvicorn limit connections, which the virtual clock does not do")
        if not self.config.loaded:
            self.config.load()
        await serve(cast("Asgi", self.config.loaded_app))

    def run_instead(self: uvicorn.Server, sockets: Any = None) -> None:
        VirtualLoop().run_until_complete(self.serve(sockets))

    def no_further_process(self: uvicorn.Config) -> NoReturn:
        WORLD.stop("outside", "serves with several processes, of which the virtual clock sees one")

    uvicorn.Server.serve = serve_instead  # type: ignore[method-assign]
    uvicorn.Server.run = run_instead  # type: ignore[method-assign]
    uvicorn.Config.bind_socket = no_further_process  # type: ignore[method-assign]
    try:
        runpy.run_module("app", run_name="__main__", alter_sys=True)
    except BaseException as error:  # SystemExit too: the learner must read that it was called
        has_main = (root / "app/__main__.py").is_file()
        control.send("broken", stage="import", has_main=has_main, **code.describe(error))
        raise BrokenSubmissionError from error
