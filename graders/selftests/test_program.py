"""`python -m app` as a child: found on its port, seen from outside, and clear about why it is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from graders.expect import Unmet
from graders.running import processes
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.running.tuning.answering import answering
from graders.submission import Submission

SERVE = """
import asyncio, os
from pathlib import Path

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\nok")
    writer.close()

async def serve(sock=None, port=int(os.environ["PORT"])):
    host = os.environ.get("HOST", "127.0.0.1")
    server = await (asyncio.start_server(answer, sock=sock) if sock else asyncio.start_server(answer, host, port))
    await server.serve_forever()
"""
ONE = SERVE + "asyncio.run(serve())\n"
THREE = SERVE + dedent("""
    import socket
    sock = socket.create_server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])))
    if os.fork() and os.fork():  # three of them accept from one socket
        pass
    asyncio.run(serve(sock))
    """)


Make = Callable[..., Program]


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes programs out of the text of their app/__main__.py; ends them also where their test failed."""
    made: list[Program] = []

    def make(main: str | None, settings: Mapping[str, str] | None = None) -> Program:
        (tmp_path / "app").mkdir()
        (tmp_path / "app/__init__.py").touch()
        if main is not None:
            (tmp_path / "app/__main__.py").write_text(main, encoding="utf-8")
        made.append(Program(launcher, Submission.at(tmp_path), settings or {}))
        return made[-1]

    with Launcher() as launcher:
        yield make
        for one in made:
            await one.end()


async def trouble(program: Program) -> str:
    """What the learner reads about a program that does not come up; nothing of it is left running."""
    with pytest.raises(Unmet) as caught:
        await program.ready()
    assert program.processes() == []
    await program.end()
    return caught.value.text


async def test_one_process_answers(program: Make) -> None:
    """A program that listens is ready; the process that took the connections is the one that was started."""
    one = program(ONE)
    seen = await answering(one, 1)
    pids = [process.pid for process in one.processes()]
    await one.end()

    assert list(seen.pids) == pids
    assert {answer.status for answer in seen.answers} == {200}
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_every_process_is_found(program: Make) -> None:
    """Three processes that accept from one socket are all found, and all go on afterwards."""
    three = program(THREE)
    seen = await answering(three, 3)
    alive = {p.pid: p.status() for p in three.processes()}
    await three.end()

    assert sorted(seen.pids) == sorted(alive)
    assert psutil.STATUS_STOPPED not in alive.values()
    assert {answer.status for answer in seen.answers} == {200}


async def test_one_more_than_expected_is_enough(program: Make) -> None:
    """The search ends with the first process that should not be there."""
    three = program(THREE)
    seen = await answering(three, 1)
    await three.end()

    assert len(seen.pids) == 2


async def test_holders_are_those_who_accepted(program: Make) -> None:
    """A connection belongs to the process that accepted it, also where a forked child holds a copy."""
    forks = SERVE + dedent("""
    import time
    async def answer(reader, writer):
        if os.fork() == 0:
            time.sleep(60)
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")
    asyncio.run(serve())
    """)
    one = program(forks)
    line = await one.connect()
    await line.send(b"GET / HTTP/1.1\r\n\r\n")
    assert line.transport is not None
    port = line.transport.get_extra_info("sockname")[1]
    root, *children = (process.pid for process in one.processes())
    held = processes.holders(one.processes(), one.port)
    line.close()
    await one.end()

    assert held[port] == root
    assert children
    assert not any(psutil.pid_exists(pid) for pid in children)


async def test_no_main(program: Make) -> None:
    """A submission without app/__main__.py is told so, and not what Python says about packages."""
    told = await trouble(program(None))

    assert "there is no file app/__main__.py" in told


async def test_ends_by_itself(program: Make) -> None:
    """A program that ends is told with its exit code and the last that it printed."""
    told = await trouble(program("print('all done')\nraise SystemExit(3)\n"))

    assert "exit code 3" in told
    assert "all done" in told


async def test_raises(program: Make) -> None:
    """A program that raises shows its own line."""
    told = await trouble(program("import os\nworkers = int(os.environ['WEB_CONCURRENCY'])\n"))

    assert "app/__main__.py, line 2" in told
    assert "KeyError: 'WEB_CONCURRENCY'" in told
    assert "graders" not in told


async def test_listens_elsewhere(program: Make) -> None:
    """A program that listens on another port is told which one, and which setting it did not read."""
    told = await trouble(program(SERVE + "asyncio.run(serve(port=0))\n"))

    assert "it listens on 127.0.0.1:" in told
    assert "where does it read PORT?" in told


async def test_starts_again_after_its_death(program: Make) -> None:
    """A program that died is told as dead for the rest of the check, and is started again for the next one."""
    one = program(ONE)
    await one.ask_200("GET", "/health")
    first = one.processes()[0]
    first.kill()
    with pytest.raises(Unmet, match="SIGKILL"):
        await one.ask_200("GET", "/health")
    await one.ready()
    answer = await one.ask_200("GET", "/health")
    second = one.processes()[0].pid
    await one.end()

    assert answer.body == b"ok"
    assert second != first.pid


async def test_environment_is_built_from_nothing(program: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the learner's shell nothing arrives; of the settings everything."""
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    show = SERVE + dedent("""
    Path("environment.txt").write_text(repr(dict(os.environ)))
    asyncio.run(serve())
    """)
    one = program(show, {"BATCH_SIZE": "8"})
    await one.ready()
    environment = (one.root / "environment.txt").read_text(encoding="utf-8")
    await one.end()

    assert "WEB_CONCURRENCY" not in environment
    assert "'BATCH_SIZE': '8'" in environment
    assert f"'PORT': '{one.port}'" in environment
    assert "'HOST'" not in environment
