"""The learner's service in a child process: start it, ask it, see it die, start it again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graders.expect import GraderFaultError, Unmet
from graders.files import read_regular
from graders.measuring.timeline import Answer, Blocked, PoolQueue
from graders.measuring.wire import MAX_ANSWER_BYTES, USER_AGENT
from graders.running.launcher import Child, Launcher
from graders.running.troubles import at, ending, start_trouble, traceback_of
from graders.submission import Submission

START_LIMIT_S = 12.0
REQUEST_LIMIT_S = 3.0
NEXT_LIMIT_S = 0.5  # where a route once gave no answer, further requests to it wait no longer than this
RAISED_LIMIT_S = 0.5
SYNC_LIMIT_S = 2.0
OUTPUT_TAIL_BYTES = 4096
OFTEN_IMPORTED = ("structlog", "httpx")
"""What a service may import besides the framework, and what takes longer to import than the service itself."""


def preload_for(submission: Submission | None) -> list[str]:
    """What the warm process imports, once for all, before it forks a child that serves this submission."""
    return [name for name in OFTEN_IMPORTED if submission is not None and submission.imports(name)]


class Service:
    """One submission (or the lab's reference service) under uvicorn on 127.0.0.1, as a child process."""

    def __init__(
        self,
        launcher: Launcher,
        submission: Submission | None,
        env: Mapping[str, str] | None = None,
        probe: str | None = None,
    ) -> None:
        self._launcher = launcher
        self.submission = submission
        self._env = dict(env or {})
        self._probe = probe
        self._child: Child | None = None
        self._client: Any = None
        self._silent: set[str] = set()
        self._fastest_s: dict[str, float] = {}
        self._up = False
        self._start_failure: Unmet | None = None
        self.port = 0
        self.output = Path()
        self.root = Path()

    def start(self) -> None:
        """Order a fresh process on a fresh port from a fresh copy; returns at once."""
        what = "service" if self.submission else "reference"
        folder = self._launcher.folder(what)
        self.root = self.submission.copy_to(folder / "submission") if self.submission else folder
        self.output = folder / "output.txt"
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or answers in two parts wait for 40 ms
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        spec = {
            "root": str(self.root),
            "app": "learner" if self.submission else "reference",
            "output": str(self.output),
            "env": self._env,
            "probe": self._probe,
            "listen": True,
            "preload": [*preload_for(self.submission), *([self._probe.split(":")[0]] if self._probe else [])],
        }
        self._up = False
        self._child = self._launcher.start("graders.running.serve:main", spec, listener)

    async def ready(self) -> None:
        """Wait until it serves; raise `Unmet` with what is wrong if it does not, each time anew."""
        if self._start_failure is not None:
            raise self._start_failure
        if self._child is None:
            self.start()
        if self._up and self._child is not None and not self._child.is_over:
            return
        if self._up:
            await self.restart()
        assert self._child is not None
        await load_client()
        since = time.monotonic()
        news = await self._child.wait_for("started", "broken", "stuck", "exited", timeout_s=START_LIMIT_S)
        if news is not None and news["event"] == "started":
            if bound := self._child.last("bound"):
                self.port = bound["port"]
            self._up = True
            return
        trouble = start_trouble(news, self.output_tail(), time.monotonic() - since)
        await self._child.end()
        if self.submission is None:
            raise GraderFaultError(f"the lab's own reference service did not start: {trouble.saw}")
        self._start_failure = trouble
        raise trouble

    async def is_imported(self) -> None:
        """Wait until `app.main` is imported; raise `Unmet` if that fails."""
        try:
            await self.ready()
        except Unmet:
            if self._stage() == "import":
                raise

    async def is_application(self) -> str:
        """Wait until `app.main:app` is seen to be an ASGI application and return its type's name; else `Unmet`."""
        try:
            await self.ready()
        except Unmet:
            if self._stage() in ("import", "app"):
                raise
        imported = self._child.last("imported") if self._child else None
        return str(imported["app"]) if imported else ""

    def _stage(self) -> str:
        """How far the start came: import, app (imported, but no application), startup, serve."""
        assert self._child is not None
        told = self._child.last("broken", "stuck")
        if told is not None:
            return str(told["stage"])
        return "startup" if self._child.last("imported") else "import"

    async def restart(self) -> None:
        """End it and start it afresh; whoever needs it next waits for it."""
        await self.end()
        self.start()

    async def end(self, grace_s: float = 0.0) -> None:
        """End the process and everything that it started; it has `grace_s` seconds to end by itself."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        if self._child is not None:
            await self._child.end(grace_s)
            self._child = None
        self._up = False

    def output_tail(self) -> str:
        """The end of what it printed."""
        return read_regular(self.output, OUTPUT_TAIL_BYTES).decode(errors="replace")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def limit_s(self, label: str) -> float:
        """How long to wait for an answer: a route that once stayed silent is not waited for again."""
        return NEXT_LIMIT_S if label in self._silent else REQUEST_LIMIT_S

    def is_known_silent(self, label: str) -> bool:
        """Whether such a request once got no answer."""
        return label in self._silent

    def fastest_s(self, label: str) -> float:
        """The shortest latency of all 200s to single requests of this label, in seconds; infinite without any."""
        return self._fastest_s.get(label, float("inf"))

    async def get(self, path: str) -> Answer:
        """One GET; see `request`."""
        return await self.request("GET", path)

    async def post(self, path: str, json: Any = None, *, content: bytes | None = None) -> Answer:
        """One POST of JSON, or of raw bytes declared as JSON; see `request`."""
        return await self.request("POST", path, json=json, content=content)

    async def request(self, method: str, path: str, *, json: Any = None, content: bytes | None = None) -> Answer:
        """One request with a limit of time and bytes; raises `Unmet` where no whole answer comes."""
        await self.ready()
        import httpx

        label = f"{method} {path}"
        if self._client is None:
            self._client = new_client(self.url)
        body = {"content": content, "headers": {"content-type": "application/json"}} if content is not None else {}
        if json is not None:
            body = {"json": json}
        sent = time.monotonic()
        received = bytearray()
        first_byte: float | None = None
        try:
            async with (
                asyncio.timeout(self.limit_s(label)),
                self._client.stream(method, path, **body) as response,
            ):
                async for chunk in response.aiter_raw():
                    first_byte = first_byte or time.monotonic() - sent
                    received += chunk
                    if len(received) > MAX_ANSWER_BYTES:
                        raise await self.no_answer(label, f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB")
        except TimeoutError:
            raise await self.no_answer(label) from None
        except httpx.HTTPError as error:
            raise await self.no_answer(label, f"the connection broke ({type(error).__name__})") from None
        done = time.monotonic() - sent
        headers = dict(response.headers)
        if response.status_code >= 500:  # uvicorn closes the connection after an exception, and does not announce it
            await self._client.aclose()
            self._client = None
        if response.status_code == 200:
            self._fastest_s[label] = min(done, self._fastest_s.get(label, done))
        return Answer(0, label, 0.0, first_byte or done, done, response.status_code, bytes(received), headers)

    async def no_answer(self, label: str, what: str | None = None) -> Unmet:
        """Why a request got no whole answer: the process died, the line hangs, or the connection broke."""
        assert self._child is not None
        limit_s = self.limit_s(label)
        self._silent.add(label)
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        if what is not None:
            await self._child.wait_for("exited", timeout_s=0.3)
        if exited := self._child.last("exited"):
            raised = self._child.last("raised")
            saw = f"your service's process ended while it was asked ({ending(exited)})"
            look = "what ends the process? A service survives every request"
            if raised:
                saw += "\n" + traceback_of(raised)
            return Unmet(f"sent {label}", saw, "an answer, and a service that lives on", look, f"died {label}")
        where = await self.where()
        saw = what or f"no answer within {limit_s:g} s"
        look = "what is the handler waiting for?"
        if where:
            saw += f"; {at(where)}, in {where['function']} {where['how']}:\n    {where['code']}"
            look = f"{at(where)}: will this line ever end?"
        await self.restart()  # what hangs would disturb every later check
        return Unmet(f"sent {label}", saw, "an answer", look, cause=f"silent {label}")

    async def where(self) -> dict[str, Any] | None:
        """Where the learner's code stands right now."""
        synced = await self._sync(where=True)
        place = synced.get("where")
        return place if isinstance(place, dict) else None

    async def _sync(self, **data: Any) -> dict[str, Any]:
        if self._child is None or self._child.is_over:
            return {}
        return await self._child.ask("sync", "synced", timeout_s=SYNC_LIMIT_S, **data) or {}

    async def cpu_s(self) -> tuple[float, float] | None:
        """Processor time used so far, in seconds: by the whole process, and by the event loop's thread.

        `None` where the process did not tell in time.
        """
        synced = await self._sync()
        return (float(synced["cpu_s"]), float(synced["loop_cpu_s"])) if synced else None

    async def evidence(self, since: float, until: float) -> tuple[tuple[Blocked, ...], PoolQueue | None]:
        """What the watchdog saw between two moments (`time.monotonic()`): a blocked loop, a pool that ran full."""
        synced = await self._sync()
        if self._child is None:
            return (), None
        blocked = [
            Blocked(max(0.0, e["start"] - since), e["end"] - since, e["file"], e["line"], e["function"], e["code"])
            for e in self._child.events
            if e["event"] == "blocked" and e["end"] > since and e["start"] < until
        ]
        pool = synced.get("pool")
        return tuple(blocked), PoolQueue(pool["threads"], pool["waiting"]) if pool else None

    async def raised(self, label: str) -> dict[str, Any] | None:
        """The exception that the latest request of this label let through; the answer may be ahead of the news."""
        if self._child is None:
            return None

        def found() -> dict[str, Any] | None:
            events = self._child.events if self._child else []
            return next((e for e in reversed(events) if e["event"] == "raised" and e.get("request") == label), None)

        if found() is None:
            await self._child.wait_for("raised", timeout_s=RAISED_LIMIT_S, request=label)
        return found()


async def load_client() -> None:
    """Import everything that a request needs, while the service starts: httpx loads its parts at the first request."""
    if "httpx" in sys.modules:
        return
    import httpx

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: the connection is refused at once
        async with new_client(f"http://127.0.0.1:{nobody.getsockname()[1]}") as client:
            with contextlib.suppress(httpx.HTTPError):
                await client.get("/")


def new_client(url: str) -> Any:
    """An `httpx.AsyncClient` of its own connection: no proxies, no redirects, nothing compressed."""
    import httpx

    return httpx.AsyncClient(
        base_url=url,
        trust_env=False,
        verify=False,  # nothing is encrypted here, and a client without certificates is made ten times faster
        timeout=None,
        headers={"accept-encoding": "identity", "user-agent": USER_AGENT},
        limits=httpx.Limits(max_connections=1),
    )
