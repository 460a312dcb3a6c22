"""The page of `lab watch --page`: served to this machine alone, with news as it arrives."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graders.commands.live import REPORT
from graders.curriculum import LAB
from graders.files import write_atomically
from graders.selftests.browser import browser
from graders.selftests.page_samples import card_with
from graders.verdict import ReportCard, State

LIMIT_S = 20.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The page server as `lab watch --page` starts it, on any free port."""
    command = [sys.executable, "-P", "-m", "graders.commands.live", str(tmp_path), str(LAB), "0"]
    server = subprocess.Popen(command, cwd=LAB, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None and server.stdout is not None
    yield int(server.stdout.readline())
    server.stdin.close()
    assert server.wait(LIMIT_S) == 0, "it ends with its standard input"
    server.stdout.close()


def report(folder: Path, card: ReportCard) -> None:
    write_atomically(folder / REPORT, json.dumps(card.to_json()))


def ask(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", path, headers={"host": f"{host}:{port}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_page_is_there_before_the_first_verdict(port: int) -> None:
    """With the path and nothing graded."""
    status, text = ask(port, "/")

    assert status == 200
    assert "A first inference endpoint" in text
    assert "connect-src &#39;self&#39;" in text


def test_only_this_machine_by_its_own_name_may_ask(port: int) -> None:
    """A page of another site that points its name at this machine is refused; other paths do not exist."""
    assert ask(port, "/", host="evil.example")[0] == 403
    assert ask(port, "/page", host="localhost")[0] == 200
    assert ask(port, "/../verified.json")[0] == 404


def test_news_are_told_as_they_arrive(port: int, tmp_path: Path) -> None:
    """A changed report makes an event; a change of another file makes none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "text/event-stream"
    assert [answer.readline(), answer.readline(), answer.readline()] == [b"event: page\n", b"data: changed\n", b"\n"]

    write_atomically(tmp_path / "other.json", "{}")
    report(tmp_path, card_with(State.PASSED))

    assert answer.readline() == b"event: page\n"
    assert "Every check passes on these files." in ask(port, "/page")[1]
    connection.close()


def test_a_browser_follows_without_reloading(port: int, tmp_path: Path) -> None:
    """Verdicts replace one another in place; what was open stays open, what failed opens, and a reader hears of it."""
    report(tmp_path, card_with(State.PASSED, State.INCONCLUSIVE))
    said: list[str] = []
    with browser() as chromium:
        page: Any = chromium.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://127.0.0.1:{port}/")
        page.evaluate("window.stays = true; document.getElementById('exercise0').open = true")
        page.focus("#exercise0 > summary")

        report(tmp_path, card_with(State.PASSED, State.FAILED))
        page.locator("#news", has_text="five_parallel failed").wait_for(state="attached")

        assert page.evaluate("window.stays")
        assert page.evaluate("document.getElementById('exercise0').open")
        assert page.evaluate("document.activeElement.parentElement.id") == "exercise0"
        assert page.evaluate("document.getElementById('exercise1-five_parallel').open")
        assert said == []


def test_watch_serves_the_page_and_ends_it(tmp_path: Path) -> None:
    """`lab watch --page` prints where the page is; when it ends, nobody listens there any more."""
    command = [sys.executable, "-P", "-m", "graders.cli", "watch", "exercise0", "--page"]
    env = {**os.environ, "LAB_STATE": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=LAB, env=env, stdout=pipe, text=True) as watch, contextlib.ExitStack() as stack:
        stack.callback(watch.kill)  # one that has not ended as it should would be waited for without an end
        assert watch.stdout is not None
        lines = iter(watch.stdout.readline, "")
        told = next(line for line in lines if "The page: " in line)
        port = int(told.rsplit(":", 1)[1].strip(" /\n"))
        next(line for line in lines if "after the save" in line)

        assert "Exercise 1 is open" in ask(port, "/")[1]

        watch.send_signal(2)
        assert watch.wait(LIMIT_S) == 0
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/")
