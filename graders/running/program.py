"""The learner's `python -m app` as a child process: start it, find it on its port, ask it, end its whole tree."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graders.expect import Unmet
from graders.measuring.crowd import WireCrowd
from graders.measuring.timeline import Answer, Timeline
from graders.measuring.wire import CLOSED, Connection, Request
from graders.running import processes
from graders.running.feature_store import FeatureStore
from graders.running.launcher import Child, Launcher
from graders.running.model_log import ModelLog
from graders.running.printed import last_lines, tail, traceback_in
from graders.running.program_troubles import no_start, port_was_taken, wrong_status
from graders.running.troubles import ending
from graders.submission import Submission

START_LIMIT_S = 60.0
START_CPU_LIMIT_S = 12.0
IDLE_S = 4.0  # a start that uses no processor time for so long will not get anywhere
LOOK_EVERY_S = 0.02
LOOK_AT_CPU_EVERY_S = 0.5
ASK_LIMIT_S = 5.0
TRACEBACK_LIMIT_S = 1.0
PORT_TRIES = 3
PORTS = (10_240, 32_000)  # below the range from which systems take the ports of clients
LOCAL = "127.0.0.1"


class Program:
    """One start of a submission by `python -m app`, with settings and a feature store of its own.

    `settings` are added to an environment that is built from nothing. HOST is set only where `host` is not the
    default one, so that the default is tried too.
    """

    def __init__(
        self, launcher: Launcher, submission: Submission, settings: Mapping[str, str], host: str = LOCAL
    ) -> None:
        self._launcher = launcher
        self._submission = submission
        self.settings = dict(settings)
        self.host = host
        self.store = FeatureStore()
        self.model_log = ModelLog(Path())
        self.root = Path()
        self.output = Path()
        self.port = 0
        self._child: Child | None = None
        self._up = False
        self._failure: Unmet | None = None
        self._starting = asyncio.Lock()
        self._first_threads: dict[int, int] = {}

    @property
    def did(self) -> str:
        """How it was started, as one would type it."""
        host = {"HOST": self.host} if self.host != LOCAL else {}
        typed = " ".join(f"{name}={value}" for name, value in {**host, **self.settings}.items())
        return f"ran {typed} python -m app" if typed else "ran python -m app"

    async def start(self) -> None:
        """Order a fresh process from a fresh copy; does not wait until it serves."""
        if not self.store.port:
            await self.store.start()
        folder = self._launcher.folder("program")
        self.root = self._submission.copy_to(folder / "submission")
        self.output, self.model_log = folder / "output.txt", ModelLog(folder / "model.jsonl")
        self._order()

    def _order(self) -> None:
        self.port = free_port(self.host)
        env = {
            "PORT": str(self.port),
            "MODEL_LOG": str(self.model_log.path),
            "FEATURE_STORE_URL": self.store.url,
            **({"HOST": self.host} if self.host != LOCAL else {}),
            **self.settings,
        }
        spec = {"root": str(self.root), "output": str(self.output), "env": env}
        self._up = False
        self._child = self._launcher.start("graders.running.program_child:main", spec)

    async def ready(self) -> None:
        """Wait until it listens; raise `Unmet` with what is wrong. One that died in an earlier check starts again."""
        async with self._starting:
            if self._failure is not None:
                raise self._failure
            if self._up and self._child is not None and self._child.is_over:
                await self._end_processes()
            if self._child is None:
                await self.start()
            for _ in range(PORT_TRIES):
                if self._up or await self._listens():
                    self._up = True
                    return
                if not port_was_taken(tail(self.output)):
                    break
                await self._end_processes()
                self._order()
            self._failure = self._trouble()
            await self._end_processes()
            raise self._failure

    async def _listens(self) -> bool:
        """Wait for a TCP connect that succeeds; give up when the program ends, idles or burns its time."""
        assert self._child is not None
        self._began = busy_at = looked_at = time.monotonic()
        used_s = 0.0
        while time.monotonic() - self._began < START_LIMIT_S:
            if await self._is_reachable():
                return True
            await self._child.wait_for("exited", timeout_s=LOOK_EVERY_S)
            if self._child.is_over:
                return False
            if time.monotonic() - looked_at < LOOK_AT_CPU_EVERY_S:
                continue
            looked_at = time.monotonic()
            now_s = sum(processes.cpu_s(self.processes()).values())
            if now_s > used_s or self._child.pid is None:  # the lab itself may still be starting
                used_s, busy_at = now_s, looked_at
            if looked_at - busy_at > IDLE_S or used_s > START_CPU_LIMIT_S:
                return False
        return False

    async def _still_there(self, did: str) -> None:
        """Start it if it was never started; one that died since is the learner's trouble and is not started again."""
        if not self._up:
            await self.ready()
        if self._child is None or self._child.is_over:
            raise await self.broken(did, "nobody was there")

    async def _is_reachable(self) -> bool:
        with contextlib.suppress(OSError):
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, self.host, self.port)
            transport.close()
            return True
        return False

    def _trouble(self) -> Unmet:
        assert self._child is not None
        listens = [] if self._child.is_over else processes.listening(self.processes())
        return no_start(
            self.did,
            self._child.last("exited"),
            tail(self.output),
            self.root,
            (self.host, self.port),
            listens,
            time.monotonic() - self._began,
        )

    def processes(self) -> list[Any]:
        """The started process and everything that it started, ancestors first."""
        pid = self._child.pid if self._child else None
        return processes.tree(pid) if pid is not None else []

    def threads_at_first(self, pid: int) -> int:
        """How many threads one of its processes had when this was first asked."""
        return self._first_threads.setdefault(pid, processes.threads(pid))

    async def connect(self) -> Connection:
        """A fresh connection; raises `Unmet` where the program takes none any more, or is dead by now."""
        await self._still_there("opened a connection")
        loop = asyncio.get_running_loop()
        try:
            return (await loop.create_connection(Connection, self.host, self.port))[1]
        except OSError as error:
            raise await self.broken("opened a connection", f"nobody took it ({type(error).__name__})") from None

    async def ask(self, method: str, path: str, json: Any = None, *, limit_s: float = ASK_LIMIT_S) -> Answer:
        """One request on a connection of its own; raises `Unmet` where no whole answer comes in time."""
        connection = await self.connect()
        request = Request(method, path, json, headers={"connection": "close"})
        since = time.monotonic()
        try:
            async with asyncio.timeout(limit_s):
                await connection.send(request.encoded(f"{self.host}:{self.port}"))
        except TimeoutError:
            raise await self.broken(f"sent {request.label}", f"no answer within {limit_s:g} s") from None
        finally:
            connection.close()
        if connection.error is not None or connection.done is None:
            raise await self.broken(f"sent {request.label}", connection.error or "no answer")
        status, headers, body = connection.answer()
        first, done = (connection.first_byte or since) - since, connection.done - since
        return Answer(0, request.label, 0.0, first, done, status, body, headers)

    async def ask_200(self, method: str, path: str, json: Any = None) -> Answer:
        """As `ask`; raises `Unmet` where the status is not 200."""
        mark = self.printed_so_far()
        answer = await self.ask(method, path, json)
        if answer.status == 500:
            await self.traceback_printed(mark)
        if answer.status != 200:
            raise self.wrong(answer, since=mark)
        return answer

    async def traceback_printed(self, since: int) -> None:
        """Wait until the traceback behind a 500 is printed, if there is one: it comes after the answer."""
        until = time.monotonic() + TRACEBACK_LIMIT_S
        while True:
            if traceback_in(tail(self.output, since), self.root) is not None or time.monotonic() > until:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def has(self, path: str) -> bool:
        """Whether there is a route for POST on this path, found out without calling it: GET is then 405, not 404."""
        return (await self.ask("GET", path)).status != 404

    async def burst(self, requests: Sequence[Request], limit_s: float, crowd: WireCrowd | None = None) -> Timeline:
        """All requests at their moments, each on a connection of its own; see `WireCrowd`."""
        await self._still_there("opened connections")
        users = crowd or WireCrowd(self.port)
        try:
            return (await users.burst(requests, limit_s))[1]
        except OSError as error:
            raise await self.broken("opened connections", f"nobody took them ({type(error).__name__})") from None
        finally:
            if crowd is None:
                await users.leave()

    def printed_so_far(self) -> int:
        """A place in what it printed: now."""
        with contextlib.suppress(OSError):
            return self.output.stat().st_size
        return 0

    def wrong(
        self, answer: Answer, wanted: str = "200", since: int = 0, did: str = "", until: int | None = None
    ) -> Unmet:
        """An answer of another status than wanted, with what was printed between two places."""
        return wrong_status(did, answer.label, answer.status, wanted, tail(self.output, since, until), self.root)

    async def broken(self, did: str, saw: str) -> Unmet:
        """A request without a whole answer: the program died, or the line broke or stays silent."""
        assert self._child is not None
        await self._child.wait_for("exited", timeout_s=0.2)
        if exited := self._child.last("exited"):
            saw = f"the program ended while it was asked ({ending(exited)}){last_lines(tail(self.output))}"
            return Unmet(did, saw, "an answer, and a service that lives on", "what ends the process?", f"died: {did}")
        if saw == CLOSED:
            saw += last_lines(tail(self.output))
            return Unmet(did, saw, "an answer", "what ended the process that took the connection?", f"closed: {did}")
        return Unmet(did, saw, "an answer", "what does the handler wait for?", f"silent: {did}")

    async def _end_processes(self) -> None:
        if self._child is not None:
            known = self.processes()
            await self._child.end()
            await asyncio.to_thread(processes.end_all, known)
        self._child, self._up = None, False

    async def restart(self) -> None:
        """End it and start it afresh, with everything forgotten."""
        await self._end_processes()
        await self.ready()

    async def end(self) -> None:
        """End the program, everything that it started, and its feature store."""
        await self._end_processes()
        self.store.end()


def free_port(host: str) -> int:
    """A port that nobody uses, outside the range of clients' ports, so that none of those comes in between."""
    for _ in range(200):
        port = PORTS[0] + secrets.randbelow(PORTS[1] - PORTS[0])
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    raise OSError(f"no free port on {host} between {PORTS[0]} and {PORTS[1]}")


def latency_ms(answer: Answer) -> float:
    """The latency of an answer in milliseconds; infinite where it did not come."""
    return math.inf if answer.latency_s is None else 1000 * answer.latency_s
