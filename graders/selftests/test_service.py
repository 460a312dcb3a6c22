"""One learner's service as the lab sees it: answers, silences, deaths, and the line that is behind them."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from graders.curriculum import SKELETON
from graders.expect import Unmet
from graders.measuring.crowd import HttpxCrowd, WireCrowd
from graders.measuring.wire import Request
from graders.running import service as service_module
from graders.running.contest import wrong_status
from graders.running.launcher import Launcher
from graders.running.service import Service
from graders.running.troubles import start_trouble
from graders.submission import GIVEN, Submission

APP = """
import asyncio, os, threading, time
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()
NEVER = threading.Event()


@app.get("/health")
async def health():
    return {"status": "healthy", "pid": os.getpid()}


@app.get("/environment")
async def environment():
    return dict(os.environ)


@app.get("/blocks")
async def blocks():
    time.sleep(0.3)  # the line that blocks


@app.get("/pool")
def pool():
    time.sleep(0.3)


@app.get("/awaits")
async def awaits():
    await asyncio.Event().wait()  # the line that waits


@app.get("/holds")
async def holds():
    NEVER.wait()  # the line that holds


@app.get("/thread")
def thread():
    NEVER.wait()  # the line in a thread


@app.get("/raises")
async def raises():
    return {}["no such key"]  # the line that raises


@app.get("/divides")
async def divides():
    return 1 / 0  # the line that divides


@app.get("/exits")
async def exits():
    os._exit(3)


@app.get("/dies")
async def dies():
    os.kill(os.getpid(), 9)


@app.get("/floods")
async def floods():
    return StreamingResponse(b"x" * 2**16 for _ in range(2**10))


@app.get("/breaks")
async def breaks():
    return StreamingResponse(iter([b"a", 1]), headers={"content-length": "1000"})
"""
GIVEN_MARK = "raise SystemExit('this is not the file that the lab gave')\n"


def line_of(words: str) -> int:
    return next(number for number, line in enumerate(APP.splitlines(), 1) if words in line)


def write_app(folder: Path, code: str = APP) -> Submission:
    (folder / "app").mkdir(parents=True)
    (folder / "app/__init__.py").touch()
    (folder / "app/main.py").write_text(code, encoding="utf-8")
    return Submission.at(folder)


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """One warm process for this file."""
    with Launcher() as launcher:
        yield launcher


@pytest.fixture
async def serve(launcher: Launcher, tmp_path: Path) -> AsyncIterator[Callable[..., Service]]:
    """Orders a service of some code; it ends with the test."""
    services: list[Service] = []

    def order(code: str = APP, **options: Any) -> Service:
        submission = write_app(tmp_path / f"submission{len(services)}", code)
        services.append(Service(options.pop("launcher", launcher), submission, **options))
        services[-1].start()
        return services[-1]

    yield order
    for service in services:
        await service.end()


Serve = Callable[..., Service]


async def unmet(service: Service, path: str) -> str:
    """What the learner reads when a request gets no whole answer."""
    with pytest.raises(Unmet) as caught:
        await service.get(path)
    return str(caught.value)


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_answers(serve: Serve) -> None:
    """A service is up once it is ready, answers, and reports the time that the answer took."""
    service = serve()
    answer = await service.get("/health")

    assert (answer.status, answer.label) == (200, "GET /health")
    assert answer.json()["status"] == "healthy"
    assert answer.latency_s is not None and 0 < answer.latency_s < service.limit_s("GET /health")
    assert service.fastest_s("GET /health") == answer.latency_s


async def test_without_forks(serve: Serve) -> None:
    """Where processes cannot be forked, the same service is started by itself, with a port that it chose."""
    with Launcher(fork=False) as alone:
        service = serve(launcher=alone, env={"FLAVOUR": "vanilla"})
        health, environment = await service.get("/health"), await service.get("/environment")
        await service.end()

    assert health.json()["status"] == "healthy"
    assert environment.json()["FLAVOUR"] == "vanilla"
    assert not psutil.pid_exists(health.json()["pid"])


async def test_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's environment is what the check gave it, and nothing of the shell's."""
    monkeypatch.setenv("SECRET", "of the shell")
    found = (await serve(env={"MAX_CONCURRENCY": "4"}).get("/environment")).json()

    assert found.pop("MAX_CONCURRENCY") == "4"
    assert set(found) <= {"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_CTYPE", "PYTHONUNBUFFERED", "PYTHONUTF8"}


async def test_given_files(launcher: Launcher, tmp_path: Path) -> None:
    """The service runs with the lab's own given files, whatever the submission has in their places."""
    submission = write_app(tmp_path / "submission", "import app.model, app.pipeline\n" + APP)
    for name in GIVEN:
        (submission.root / name).write_text(GIVEN_MARK, encoding="utf-8")
    service = Service(launcher, submission)
    try:
        assert (await service.get("/health")).status == 200
        assert [(service.root / name).read_bytes() for name in GIVEN] == [(SKELETON / g).read_bytes() for g in GIVEN]
    finally:
        await service.end()


async def test_probe(serve: Serve) -> None:
    """A probe adds the lab's routes to the learner's application before it starts."""
    service = serve(probe="graders.selftests.children:add_route")

    assert (await service.get("/_lab/probed")).json() == {"probe": "was here"}
    assert (await service.get("/health")).status == 200


async def test_restart(serve: Serve) -> None:
    """A restarted service is another process; the one before has ended."""
    service = serve()
    before = (await service.get("/health")).json()["pid"]
    await service.restart()
    after = (await service.get("/health")).json()["pid"]

    assert before != after
    assert not psutil.pid_exists(before)


@pytest.mark.parametrize("kind", [HttpxCrowd, WireCrowd])
async def test_crowd(serve: Serve, kind: type[HttpxCrowd] | type[WireCrowd]) -> None:
    """Each user of a crowd has a connection of its own and gets its own answer; what hangs is left unanswered."""
    service = serve()
    await service.ready()
    crowd = HttpxCrowd(service.url) if kind is HttpxCrowd else WireCrowd(service.port)
    _, timeline = await crowd.burst([*[Request("GET", "/health")] * 4, Request("GET", "/awaits")], limit_s=1.0)
    await crowd.leave()

    assert [a.status for a in timeline.answers] == [200, 200, 200, 200, None]
    assert timeline.answers[4].done_s is None and timeline.wall_s == float("inf")


# --- what held it up -------------------------------------------------------------------------------------------------


async def test_blocked_loop(serve: Serve) -> None:
    """A blocked event loop is reported with the learner's file, line and code, and for how long."""
    service = serve()
    await service.ready()
    since = time.monotonic()
    await service.get("/blocks")
    blocked, pool = await service.evidence(since, time.monotonic())

    assert [(b.file, b.line, b.function) for b in blocked] == [("app/main.py", line_of("line that blocks"), "blocks")]
    assert blocked[0].code.startswith("time.sleep(0.3)")
    assert blocked[0].length_s > 0.2
    assert pool is None


async def test_full_pool(serve: Serve) -> None:
    """A thread pool that ran full is reported with its size and the requests that waited."""
    service = serve()
    await service.ready()
    crowd, since = WireCrowd(service.port), time.monotonic()
    await crowd.burst([Request("GET", "/pool")] * 48, limit_s=20)
    await crowd.leave()
    blocked, pool = await service.evidence(since, time.monotonic())

    assert pool is not None
    assert (pool.threads, pool.waiting) == (40, 8)
    assert all(b.function != "pool" for b in blocked)


SILENT = {
    "/awaits": ("line that waits", "in awaits waits:"),
    "/holds": ("line that holds", "in holds blocks the event loop:"),
    "/thread": ("line in a thread", "in thread runs in a pool thread:"),
}


@pytest.mark.parametrize("path", SILENT)
async def test_silent_handler(serve: Serve, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without an answer is told with the line where the handler stands; the service is fit again after."""
    monkeypatch.setattr(service_module, "REQUEST_LIMIT_S", 0.4)
    service = serve()
    await service.ready()
    words, how = SILENT[path]
    said = await unmet(service, path)

    assert f"saw:     no answer within 0.4 s; app/main.py, line {line_of(words)}, {how}" in said
    assert f"look at: app/main.py, line {line_of(words)}: will this line ever end?" in said
    assert service.is_known_silent(f"GET {path}")
    monkeypatch.undo()
    assert (await service.get("/health")).status == 200


async def test_known_silence_is_short(serve: Serve) -> None:
    """A route that once stayed silent is waited for less long."""
    service = serve()
    patient = service.limit_s("GET /awaits")
    service._silent.add("GET /awaits")

    assert service.limit_s("GET /awaits") < patient == service.limit_s("GET /health")


RAISES = {
    "/raises": ("line that raises", "KeyError: 'no such key'"),
    "/divides": ("line that divides", "ZeroDivisionError: division by zero"),
}


async def test_exceptions(serve: Serve) -> None:
    """Behind each 500 is the learner's own traceback, the innermost line of it to look at, and none of the lab's."""
    service = serve()
    for path, (words, message) in RAISES.items():
        answer = await service.get(path)
        said = str(await wrong_status(service, answer))

        assert answer.status == 500
        assert f"saw:     GET {path} was answered 500, because your code raised:" in said
        assert f"app/main.py, line {line_of(words)}, in {path[1:]}" in said
        assert message in said
        assert f"look at: app/main.py, line {line_of(words)}: what does it need?" in said
        assert "graders" not in said and "site-packages" not in said


async def test_death(serve: Serve) -> None:
    """A service that dies while it is asked is told with its exit code, and is started again for the next check."""
    service = serve()
    said = await unmet(service, "/exits")

    assert "saw:     your service's process ended while it was asked (exit code 3)" in said
    assert (await service.get("/health")).status == 200


async def test_killed(serve: Serve) -> None:
    """A service that was killed is told by the signal's name."""
    assert "(SIGKILL: killed" in await unmet(serve(), "/dies")


async def test_ended_before_it_began(serve: Serve) -> None:
    """A service that is ended right after its start is really ended, and at once."""
    service = serve()
    child = service._child
    assert child is not None
    await service.end()

    assert (child.last("exited") or {})["signal"] == signal.SIGKILL


async def test_too_much(serve: Serve) -> None:
    """An answer without end is cut off and told."""
    assert "an answer of more than 4 MiB" in await unmet(serve(), "/floods")


async def test_broken_answer(serve: Serve) -> None:
    """An answer that ends too early is told as a broken connection."""
    assert "the connection broke (RemoteProtocolError)" in await unmet(serve(), "/breaks")


# --- what does not start ---------------------------------------------------------------------------------------------

STUCK: Mapping[str, tuple[str, str, str]] = {
    "import": (
        "import threading\nthreading.Event().wait()\n",
        "importing app.main did not end within 0 s; it was in app/main.py, line 2, in <module>:",
        "app/main.py, line 2: will this ever end",
    ),
    "startup": (
        "import asyncio\nfrom contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n"
        "@asynccontextmanager\nasync def lifespan(app):\n    await asyncio.Event().wait()\n    yield\n"
        "app = FastAPI(lifespan=lifespan)\n",
        "the application's start-up (lifespan) did not end within 0 s",
        "app/main.py",
    ),
}


@pytest.mark.parametrize("stage", STUCK)
async def test_stuck(launcher: Launcher, tmp_path: Path, stage: str) -> None:
    """An import or a start-up that does not end is reported in time, with the line that it stands in."""
    code, saw, look_at = STUCK[stage]
    folder = write_app(tmp_path / "submission", code).copy_to(launcher.folder("stuck"))
    spec = {"root": str(folder), f"{stage}_limit_s": 0.2, "output": str(folder / "output.txt")}
    child = launcher.start("graders.running.serve:main", spec, socket.socket())
    try:
        stuck = await child.wait_for("stuck", "broken", "exited", timeout_s=20)
        trouble = start_trouble(stuck, "", 1.0)

        assert stuck is not None and (stuck["event"], stuck["stage"]) == ("stuck", stage)
        assert saw in trouble.saw
        assert trouble.look_at.startswith(look_at)
    finally:
        await child.end()


BROKEN = {
    "syntax": ("def f(:\n    pass\n", "app/main.py, line 1: SyntaxError"),
    "exception": ("x = 1\nint('seven')\n", "app/main.py, line 2, in <module>"),
    "exit": ("raise SystemExit(4)\n", "called for the program to end (SystemExit: 4)"),
    "os_exit": ("import os\nprint('bye')\nos._exit(5)\n", "the process ended by itself"),
    "no_app": ("from fastapi import FastAPI\nserver = FastAPI()\n", "a FastAPI application called `server`"),
    "no_asgi": ("app = 7\n", "`app` in app/main.py is a int, which is no ASGI application"),
}


async def test_broken(serve: Serve) -> None:
    """What keeps a service from starting is told with its line, again at every check that needs the service."""
    services = {name: serve(code) for name, (code, _) in BROKEN.items()}
    for name, service in services.items():
        first, again = await unmet(service, "/health"), await unmet(service, "/predict")

        assert BROKEN[name][1] in first, name
        assert first == again
        assert "graders" not in first, first
