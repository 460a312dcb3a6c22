"""The child process of the exact judge: imports the submission into a virtual world and sends bursts through it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from anyio.to_thread import current_default_thread_limiter

from graders.exact import outside, real, wall
from graders.exact.bursts import BurstRun
from graders.exact.client import Asgi
from graders.exact.install import install
from graders.exact.lifespan import StartupFailedError, start
from graders.exact.loop import VirtualLoop
from graders.exact.place import Place, hold_place, stop_place
from graders.exact.scenario import upstream_of
from graders.exact.upstream import open_store
from graders.exact.watch import Watch
from graders.exact.world import NS, WORLD
from graders.running.culprit import LearnersCode
from graders.running.feature_store import FeatureStore
from graders.running.serve import BrokenSubmissionError, fastapi_of, load

if TYPE_CHECKING:
    from graders.running.control import Control

Send = Callable[[dict[str, Any]], None]
WAITING = {"virtual", "stuck"}
GRACE_S = 2.0
MAX_GARBAGE = 100_000
"""Garbage is collected between bursts: a collection in the midst of one would look like 30 ms of computing."""


def main(spec: Mapping[str, Any], send: Send) -> None:
    """Judge `app.main:app` in the folder `spec["root"]`; see `scenario.spec_of` for the rest of the order.

    Sends, in order: `broken` where it cannot be imported or started; else `imported`, `started`, one `burst` for
    each; `end` last. A run that has to be stopped sends `stuck` (in the import or the start-up), the burst as far as
    it came, and `stopped`, and ends the process. Where this function returns, the caller must end the process with
    `os._exit`: threads of the learner's may still sleep in virtual time.
    """
    os.environ.update(spec.get("env") or {})
    sys.dont_write_bytecode = True
    Run(spec, send).all()


def serve(spec: Mapping[str, Any], control: Control) -> None:
    """The same, as the entry of a child that has a control socket."""
    main(spec, lambda event: control.send(**event))


class Run:
    """One run: how far it is, and how it ends."""

    def __init__(self, spec: Mapping[str, Any], send: Send) -> None:
        self._spec = spec
        self._send = send
        self._limits: Mapping[str, float] = spec["limits"]
        self._code = LearnersCode(Path(spec["root"]))
        self._stage = "import"
        self._burst: BurstRun | None = None
        self._loop: VirtualLoop | None = None
        self._store: FeatureStore | None = None
        self._ending = real.allocate_lock()
        self._watch = Watch(self._code.innermost, self.stop)
        self._began = real.monotonic()

    def send(self, event: str, **data: Any) -> None:
        """Tell the lab."""
        self._send({"event": event, **data})

    def all(self) -> None:
        """From the import to the last burst."""
        self._enter("import", self._limits["import_s"])
        WORLD.stop, WORLD.on_hold = self.stop, self._note_hold
        WORLD.begin()
        install()
        outside.watch(outside.STAYING)
        self._watch.start()
        try:
            control = cast("Control", self)  # of which `load` and `run_program` only ever call `send`
            if self._spec.get("as_program"):
                from graders.exact.program import run_program

                run_program(Path(self._spec["root"]), control, self._code, self._serve_program)
                self.stop("outside", "python -m app does not serve with uvicorn, in its own process")
            app = load(Path(self._spec["root"]), control, self._code, self._spec.get("probe"))
            loop = VirtualLoop()
            asyncio.set_event_loop(loop)
            loop.run_until_complete(self._serve(app))
        except BrokenSubmissionError:
            pass
        except StartupFailedError as failed:
            self.send("broken", stage="startup", **self._code.describe(failed.__cause__ or failed))
        self._finish()

    async def _serve_program(self, app: Asgi) -> NoReturn:
        """In the place of uvicorn: serve, and end the process with the last burst, before anybody cleans up."""
        try:
            await self._serve(app)
        except StartupFailedError as failed:
            self.send("broken", stage="startup", **self._code.describe(failed.__cause__ or failed))
        self._finish()
        sys.stdout.flush()
        os._exit(0)

    async def _serve(self, app: Asgi) -> None:
        imported_s = real.monotonic() - self._began
        outside.watch(outside.EVERYTHING)
        wall.install(Path(self._spec["root"]))
        self._loop = cast("VirtualLoop", asyncio.get_running_loop())
        self._enter("startup", self._limits["real_s"])
        if self._spec.get("upstream"):
            self._store = await open_store(upstream_of(self._spec["upstream"]))
        state = await start(app)
        build_routes(app)
        gc.freeze()
        gc.disable()
        self.send("started", import_s=imported_s)
        limiter = current_default_thread_limiter()
        self._loop.waiting_room.on_idle = self._note_pool
        for burst in self._spec["bursts"]:
            for _ in range(burst["repeat"]):
                self._enter("serve", self._limits["real_s"])
                await asyncio.sleep(burst["pause_s"])
                self._burst = BurstRun(burst, self._limits, state)
                await self._burst.run(app, limiter)
                done, self._burst = self._burst, None
                await done.settle()
                self.send("burst", **done.to_json())
                if gc.get_count()[0] > MAX_GARBAGE:
                    gc.collect()

    def _enter(self, stage: str, real_s: float) -> None:
        self._stage = stage
        self._watch.allow(real_s)
        WORLD.limit_ns = WORLD.now_ns + round(self._limits["virtual_s"] * NS)

    def _note_hold(self, start_ns: int, end_ns: int) -> None:
        if self._burst is not None:
            self._burst.holds.append((start_ns, end_ns, hold_place(self._code)))

    def _note_pool(self) -> None:
        if self._burst is not None:
            self._burst.look_at_pool()

    def _finish(self) -> None:
        self._watch.allow(None)
        self.send("end", real_s=real.monotonic() - self._began)

    def stop(self, kind: str, reason: str) -> NoReturn:
        """End the run, and the process, from whichever thread found out that it cannot go on."""
        try:
            if self._ending.acquire(blocking=False):
                self._tell_end(kind, reason)
            else:
                real.sleep(GRACE_S)  # it is being told already, and the process ends with it
        finally:
            os._exit(0)

    def _tell_end(self, kind: str, reason: str) -> None:
        where = stop_place(self._code, kind in WAITING, self._loop)
        stopped = {"kind": kind, "reason": self._told(kind, reason, where), "stage": self._stage, "where": where}
        if self._burst is not None:
            self._note_open_hold(where)
            self.send("burst", **self._burst.to_json(stopped))
        if self._stage != "serve" and kind in {*WAITING, "real"}:
            limit_s = self._limits["virtual_s"] if kind in WAITING else self._limits[f"{self._real_limit()}_s"]
            self.send("stuck", stage=self._stage, limit_s=limit_s, where=where)
        self.send("stopped", **stopped)
        if WORLD.has_turn():
            with contextlib.suppress(Exception):
                sys.stdout.flush()

    def _real_limit(self) -> str:
        return "import" if self._stage == "import" else "real"

    def _told(self, kind: str, reason: str, where: Place | None) -> str:
        if kind == "virtual":
            reason = f"did not end within {self._limits['virtual_s']:g} s of virtual time"
        return f"{where['file']}, line {where['line']}, in {where['function']}: {reason}" if where else reason

    def _note_open_hold(self, where: Place | None) -> None:
        if self._burst is not None and where is not None and WORLD.held_since_ns is not None:
            assert WORLD.limit_ns is not None
            self._burst.holds.append((WORLD.held_since_ns, WORLD.limit_ns, where))


def build_routes(app: Asgi) -> None:
    """Have FastAPI build what it builds for an included router at its first request: nothing of that is the request's.

    Asked for a path that nobody serves, each route only says that it is not the one.
    """
    fastapi = fastapi_of(app)
    nobodys = {"type": "http", "method": "GET", "path": "/\0", "root_path": "", "headers": []}
    for route in fastapi.routes if fastapi is not None else ():
        with contextlib.suppress(Exception):  # a route of the learner's own kind may; the first request will tell
            route.matches(dict(nobodys))
