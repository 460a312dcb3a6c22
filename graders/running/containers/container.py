"""A container of the learner's image, with what a test asks of a service: start it, ask it, stop it, look inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path

from graders.expect import Unmet
from graders.running.containers.engine import CAGE, Engine, Ran
from graders.running.containers.image import Image
from graders.running.containers.reach import Reach, can_enter_namespaces, listeners
from graders.running.launcher import Launcher
from graders.running.service import Service, load_client
from graders.submission import Submission

START_LIMIT_S = 40.0
ELSEWHERE_LIMIT_S = 2.0  # how long to wait for the right port while the service listens on another one
POLL_S = 0.03
LIFE_LIMIT_S = 180
LOG_LOOKS = 5  # the last lines of a process that ended at once may reach the log after the news of its end
ENVIRONMENT = {"WEB_CONCURRENCY": "1"}  # one process, as in exercises 1 to 3


class Container(Service):
    """One container of an image, asked like any service; `port` and `url` lead to what listens on `inside_port`."""

    def __init__(
        self, launcher: Launcher, submission: Submission, engine: Engine, image: Image, inside_port: int, name: str
    ) -> None:
        super().__init__(launcher, submission, ENVIRONMENT)
        self._engine = engine
        self._image = image
        self._inside_port = inside_port
        self._name = f"{engine.tag}-{name}"
        self._reach: Reach | None = None
        self._pid: int | None = None
        self._over: asyncio.Task[Ran] | None = None
        self._trouble: Unmet | None = None
        self.start_s = 0.0

    @property
    def reach(self) -> Reach:
        """The way in; only while it runs."""
        assert self._reach is not None
        return self._reach

    @property
    def is_over(self) -> bool:
        """Whether its main process has ended."""
        return self._over is not None and self._over.done()

    # --- starting ----------------------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until it listens where others can reach it; raises `Unmet`, each time anew, if it does not."""
        if self._trouble is not None:
            raise self._trouble
        if self._reach is not None and not self.is_over:
            return
        try:
            await asyncio.gather(self._come_up(), load_client())
        except Unmet as trouble:
            self._trouble = trouble
            raise

    async def _come_up(self) -> None:
        began = time.monotonic()
        network = ["--network=none"] if can_enter_namespaces() else ["--publish", f"127.0.0.1::{self._inside_port}"]
        life = ("--timeout", str(LIFE_LIMIT_S)) if self._engine.is_podman else ()
        env = [part for name, value in self._env.items() for part in ("--env", f"{name}={value}")]
        ran = await self._engine.run(
            *("run", "--detach", "--pull=never", "--name", self._name, *network, *life, *env),
            *(*self._engine.marked(), *self._engine.limits, *CAGE, self._image.name),
            limit_s=60,
        )
        if not ran.is_ok:
            raise self._unmet(f"the container did not start:\n{ran.tail(3)}", "CMD and USER: are both in the image?")
        self._over = asyncio.create_task(self._engine.run("wait", self._name, limit_s=LIFE_LIMIT_S + 60))
        state = json.loads((await self._engine.run("inspect", "--format", "{{json .State}}", self._name)).out or "{}")
        self._pid = int(state.get("Pid") or 0) or None
        if can_enter_namespaces():
            self._reach = Reach(("127.0.0.1", self._inside_port), self._pid)
        else:
            told = await self._engine.run("port", self._name, f"{self._inside_port}/tcp")
            self._reach = Reach(("127.0.0.1", int(told.out.strip().rpartition(":")[2] or 0)))
        await self._wait_until_it_listens(began)
        self.start_s = time.monotonic() - began
        self.port = await self._reach.port()

    async def _wait_until_it_listens(self, began: float) -> None:
        elsewhere_since: float | None = None
        while True:
            found = await self._listeners()
            addresses = {address for address, port in found if port == self._inside_port}
            if addresses - {"127.0.0.1", "::1"}:
                return
            now = time.monotonic()
            elsewhere_since = elsewhere_since or (now if found else None)
            if self.is_over or await self._ends_within(POLL_S):
                raise self._unmet(await self._ending(), "the last lines: what was not there, or not allowed?")
            if elsewhere_since and now - elsewhere_since > (0 if addresses else ELSEWHERE_LIMIT_S):
                raise self._unreachable(found, bool(addresses))
            if now - began > START_LIMIT_S:
                saw = f"nothing listened on port {self._inside_port} within {START_LIMIT_S:.0f} s{await self._said()}"
                raise self._unmet(saw, "CMD: what does it start?")

    def _unreachable(self, found: set[tuple[str, int]], is_local: bool) -> Unmet:
        where = ", ".join(sorted(f"{address}:{port}" for address, port in found))
        look = "CMD, or the HOST that it reads: which address can be reached from outside a container?"
        if not is_local:
            look = "CMD, EXPOSE and `ports` in the compose file: do they speak of the same port?"
        wanted = f"0.0.0.0:{self._inside_port}, which can be reached from outside the container"
        return Unmet(
            "started the image and looked at who listens in it", f"{where}", wanted, look, cause="container start"
        )

    async def _listeners(self) -> set[tuple[str, int]]:
        if can_enter_namespaces() and self._pid is not None:
            tables = [Path(f"/proc/{self._pid}/net/{name}") for name in ("tcp", "tcp6")]
            with contextlib.suppress(OSError):
                return listeners("\n".join(table.read_text() for table in tables))
            return set()
        return listeners((await self.exec("cat", "/proc/net/tcp", "/proc/net/tcp6")).out)

    async def _ends_within(self, limit_s: float) -> bool:
        assert self._over is not None
        done, _ = await asyncio.wait({self._over}, timeout=limit_s)
        return bool(done)

    def _unmet(self, saw: str, look_at: str) -> Unmet:
        did = f"started the image with {self._engine.name}, with no network but its own and no privileges"
        wanted = f"a service that listens on port {self._inside_port}"
        return Unmet(did, saw, wanted, look_at, cause="container start")

    async def _ending(self) -> str:
        code, killed_for_memory = await self.exit_code()
        why = " (killed: it took more memory than 512 MB)" if killed_for_memory else ""
        return f"it ended by itself with exit code {code}{why}{await self._said()}"

    async def _said(self) -> str:
        lines: list[str] = []
        for _ in range(LOG_LOOKS):
            # All of it: with --tail, Podman 4.3 loses the beginning of a line that was written in two parts.
            logs = await self._engine.run("logs", self._name)
            lines = [line for line in f"{logs.out}\n{logs.err}".splitlines() if line.strip()][-6:]
            if lines or not self.is_over:
                break
        return "\nthe last it printed:\n" + "\n".join(f"    {line[:160]}" for line in lines) if lines else ""

    async def exit_code(self) -> tuple[int, bool]:
        """With which code its main process ended, and whether that was for want of memory."""
        state = json.loads((await self._engine.run("inspect", "--format", "{{json .State}}", self._name)).out or "{}")
        return int(state.get("ExitCode", -1)), bool(state.get("OOMKilled"))

    async def no_answer(self, label: str, what: str | None = None) -> Unmet:
        """Why a request got no whole answer."""
        self._silent.add(label)
        saw = what or f"no answer within {self.limit_s(label):g} s"
        if self.is_over or await self._ends_within(0.3):
            saw = await self._ending()
        did = f"sent {label} to the container"
        return Unmet(did, saw, "an answer", "what is different inside the image?", cause=f"container {label}")

    async def restart(self) -> None:
        """Nothing: a container that still works on what was given up gets to its end."""

    async def end(self, grace_s: float = 0.0) -> None:
        """Remove it, running or not, at once: how it stops when it is asked to is a check of its own."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        if self._reach is not None:
            await self._reach.close()
        await self._engine.remove([self._name])
        if self._over is not None:
            self._over.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._over

    # --- looking inside ----------------------------------------------------------------------------------------------

    async def exec(self, *command: str, limit_s: float = 10.0) -> Ran:
        """Run a command inside, as the image's own user."""
        return await self._engine.run("exec", self._name, *command, limit_s=limit_s)

    async def users(self) -> dict[int, tuple[int, str]]:
        """Who runs inside: process id to effective user id and the process's name; the one who asks is left out."""
        script = 'for f in /proc/[0-9]*/status; do [ "$f" = "/proc/$$/status" ] || cat "$f"; done 2>/dev/null'
        told = await self.exec("sh", "-c", script)
        found, name, pid = {}, "", 0
        for line in told.out.splitlines():
            key, _, value = line.partition(":")
            if key == "Name":
                name = value.strip()
            elif key == "Pid":
                pid = int(value)
            elif key == "Uid":
                found[pid] = (int(value.split()[1]), name)
        return found

    async def freeze(self) -> None:
        """Stop every process of the service in its tracks: connections are still taken, no answer comes."""
        await self._engine.run("kill", "--signal", "STOP", self._name)
        await self.exec("sh", "-c", "kill -STOP -1")

    # --- ending ------------------------------------------------------------------------------------------------------

    async def signal(self) -> None:
        """Ask it to stop, as the engine does; returns when the signal was delivered."""
        await self._engine.run("kill", "--signal", self._image.stop_signal, self._name)

    async def ended_within(self, limit_s: float) -> bool:
        """Whether it ends by itself in that time, in seconds."""
        return await self._ends_within(limit_s)

    async def refuses(self, limit_s: float) -> bool:
        """Wait until it takes no new connection; whether that was seen in time, in seconds."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if not any(port == self._inside_port for _, port in await self._listeners()):
                return True
            if await self._ends_within(POLL_S):
                return True
        return False
