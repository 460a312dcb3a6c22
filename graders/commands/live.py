"""The page of `lab watch --page`: served on this machine alone, drawn anew whenever a verdict arrives.

    python -m graders.commands.live STATE_FOLDER SUBMISSION PORT

It draws what the grading writes to `live.json`, tells the browser that there is news (server-sent events), and ends
when its standard input does. Unlike a page from disk, one that is served reaches a browser outside of a container.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from watchfiles import watch

from graders.curriculum import LAB
from graders.grading import Grading, usable_cores
from graders.reporting.history import History, machine, of_submission, trends
from graders.reporting.html.render import render
from graders.reporting.html.trends import trend_views
from graders.submission import Submission
from graders.unlocking import Memory

REPORT = "live.json"
HISTORY = "history.jsonl"
ANY_PORT = 0
ALIVE_S = 15.0
HOSTS = ("127.0.0.1", "localhost")


class Live:
    """The latest report, and who waits for the next one."""

    def __init__(self, folder: Path, submission: Submission) -> None:
        self._folder = folder
        self._submission = submission
        self._news = threading.Condition()
        self._version = 0
        folder.mkdir(parents=True, exist_ok=True)

    def page(self) -> str:
        """The page as of now."""
        report, at = self._report()
        runs = of_submission(History(self._folder).read(), self._submission.root)
        found = trend_views(trends(runs, machine(usable_cores())))
        return render(report, at=at, trends=found, live=True)

    def _report(self) -> tuple[Mapping[str, Any], datetime | None]:
        path = self._folder / REPORT
        with contextlib.suppress(OSError, ValueError):
            return json.loads(path.read_text(encoding="utf-8")), datetime.fromtimestamp(
                path.stat().st_mtime
            ).astimezone()
        return Grading(self._submission, Memory(self._folder)).card().to_json(), None

    def follow(self) -> None:
        """Notice every change of the report or the history; returns only when the folder is gone."""
        for changes in watch(self._folder, debounce=100, step=20, recursive=False, raise_interrupt=False):
            if any(Path(name).name in (REPORT, HISTORY) for _, name in changes):
                with self._news:
                    self._version += 1
                    self._news.notify_all()

    def next_after(self, version: int) -> int:
        """The version of the page as soon as it is another one, or after `ALIVE_S` seconds."""
        with self._news:
            self._news.wait_for(lambda: self._version != version, ALIVE_S)
            return self._version


class Handler(BaseHTTPRequestHandler):
    """Three paths: the page, the page again, the news."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; another site's name in Host is refused, so that no site can read the page through its own name."""
        if self.headers.get("host", "").rsplit(":", 1)[0] not in HOSTS:
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path in ("/", "/page"):
            self._send_page()
        elif self.path == "/events":
            with contextlib.suppress(OSError):  # the browser went away
                self._send_news()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send_page(self) -> None:
        body = self._live.page().encode()
        self._head("text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_news(self) -> None:
        self._head("text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        version = -1
        while True:
            newest = self._live.next_after(version)
            self.wfile.write(b": alive\n\n" if newest == version else b"event: page\ndata: changed\n\n")
            version = newest

    def _head(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", kind)
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")

    @property
    def _live(self) -> Live:
        return cast(LiveServer, self.server).live

    def log_message(self, *ignored: Any) -> None:
        """Nothing: the terminal belongs to the card."""


class LiveServer(ThreadingHTTPServer):
    """Threads end with the process."""

    daemon_threads = True

    def __init__(self, port: int, live: Live) -> None:
        self.live = live
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is nothing to tell; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(folder: Path, submission: Submission, port: int) -> LiveServer:
    """A server that answers in threads of its own; on any free port where the wanted one is taken."""
    live = Live(folder, submission)
    try:
        server = LiveServer(port, live)
    except OSError:
        server = LiveServer(ANY_PORT, live)
    threading.Thread(target=live.follow, daemon=True).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(folder: str, root: str, port: str) -> None:
    """Say where it serves, then serve until standard input ends."""
    server = serve(Path(folder), Submission.at(Path(root) if root else LAB), int(port))
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:4])
