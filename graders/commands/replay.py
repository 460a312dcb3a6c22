"""`lab replay`: the requests of a failed check once more, at a service that the learner has started and can debug."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

from rich.text import Text

from graders.commands.common import card, console, stop
from graders.curriculum import EXERCISES, LAB
from graders.grading import state_folder
from graders.measuring.crowd import WireCrowd
from graders.measuring.tape import Taped, read
from graders.measuring.timeline import Timeline
from graders.measuring.wire import Request
from graders.reporting.curl import curl_script
from graders.reporting.waterfall import waterfall
from graders.running.taping import FOLDER

LIMIT_S = 10.0
MOST_LISTED = 20
DEFAULT_PORT = 80
HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class RawRequest(Request):
    """A request whose body goes out as it was, valid JSON or not."""

    body: str = ""

    def encoded(self, host: str) -> bytes:
        """The bytes on the wire."""
        body = self.body.encode()
        headers = {"host": host, "accept": "*/*", **self.headers, "content-length": str(len(body))}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


def replay(name: str | None, url: str, curl_only: bool) -> None:
    """Send what a failed check sent, or print it as curl lines; nothing is sent to another machine."""
    parts = urlsplit(url)
    if parts.hostname not in HERE or parts.scheme != "http":
        stop(f"{url}: replays go to a service on this machine alone, such as http://127.0.0.1:8000.")
    path = _recorded(name)
    try:
        check, told, requests = read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        stop(f"{path.name}: cannot be read ({error}). Grade again: it is written anew.")
    out = console()
    out.print(Text.assemble((check, "bold"), f"  {told['did']}"), soft_wrap=True)
    for label, text in (("saw", told["saw"]), ("wanted", told["wanted"])):
        out.print(f"  {label + ':':8} " + text.replace("\n", f"\n{'':11}"), soft_wrap=True)
    out.print()
    if any(request.is_the_labs_own for request in requests):
        out.print("Routes under /_lab/ are added by the grader; your own service answers 404 there.\n", soft_wrap=True)
    if curl_only:
        _print_curl(requests, url)
        return
    try:
        asyncio.run(_send(requests, parts.port or DEFAULT_PORT))
    except OSError:
        out.print(f"Nothing listens at {url}. Start your service in another terminal:", soft_wrap=True)
        out.print(
            "  uv run uvicorn app.main:app    (in exercise 4, with its settings: uv run python -m app)", soft_wrap=True
        )
        out.print("\nThe same requests for a shell:\n")
        _print_curl(requests, url)


def _recorded(name: str | None) -> Path:
    course = [f"{exercise.id}.{check.id}" for exercise in EXERCISES for check in exercise.checks]
    kept = (state_folder(LAB) / FOLDER / f"{check}.json" for check in course)
    found = [path for path in kept if path.is_file()]
    if not found:
        stop("No failed check has sent a request yet. `uv run pytest -k exercise1` grades, and keeps what failed.")
    if name is None:
        return found[0]
    wanted = name.removeprefix("test_")
    fitting = [path for path in found if wanted in (path.stem, path.stem.partition(".")[2])]
    if not fitting:
        stop(f"{name}: no requests of it are kept. There are those of {', '.join(path.stem for path in found)}.")
    return fitting[-1]


def _print_curl(requests: Sequence[Taped], url: str) -> None:
    for line in curl_script(requests, url):
        console().print(line, soft_wrap=True)


async def _send(requests: Sequence[Taped], port: int) -> None:
    crowd = WireCrowd(port)
    try:
        for _, burst in groupby(requests, key=lambda request: request.burst):
            raw = [RawRequest(r.method, r.path, None, r.headers, r.at_s, r.body) for r in burst]
            _, timeline = await crowd.burst(raw, LIMIT_S)
            _show(timeline)
    finally:
        await crowd.leave()


def _show(timeline: Timeline) -> None:
    out = console()
    for answer in timeline.answers if len(timeline.answers) <= MOST_LISTED else ():
        took = "no answer" if answer.latency_s is None else f"{1000 * answer.latency_s:7.1f} ms"
        what = answer.excerpt(100) if answer.is_complete else answer.error or ""
        out.print(Text.assemble(f"  {answer.status or '---'}  {took}  ", (answer.label, "bold"), f"  {what}"))
    if len(timeline.answers) > 1:
        out.print()
        for line in waterfall(timeline, min(out.width - 2, 84), card().glyphs):
            out.print(f"  {line}", soft_wrap=True)
        out.print()
