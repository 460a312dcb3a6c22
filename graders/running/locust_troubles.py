"""What became of a locustfile that cannot be run, put into words for the learner: file, line, and what to look at."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graders.expect import Unmet
from graders.files import read_regular
from graders.running.troubles import Event, at, ending, last_place, traceback_of

if TYPE_CHECKING:
    from graders.running.load_run import LoadRun

MAX_OUTPUT_BYTES = 2**20
LOADED = "loaded locustfile.py into Locust, headless"
WANTED = "a locustfile that Locust can load, with InferenceUser, StepLoad and find_breaking_point in it"
FRAME = re.compile(r'^ {2}File "(?P<file>[^"]+)", line (?P<line>\d+),? in (?P<function>.+)$')


def load_trouble(event: Event | None, where: dict[str, Any] | None, waited_s: float) -> Unmet:
    """Why the locustfile was never loaded, from the last thing told (`None`: nothing in that many seconds)."""
    if event is None:
        saw, look_at = _hangs("loading it did not end", where, waited_s), "what runs while locustfile.py is loaded?"
    elif event["event"] == "exited":
        saw = f"the process ended by itself while locustfile.py was loaded ({ending(event)})"
        look_at = "locustfile.py: what ends the program? Locust decides when a run is over."
    elif syntax := event.get("syntax"):
        place = f"{syntax['file']}, line {syntax['line']}" if syntax["line"] else str(syntax["file"])
        saw = f"{place}: {event['kind']}: {event['message']}{_pointed(syntax)}"
        look_at = f"{place}: can Python read this line?"
    elif event["kind"] == "SystemExit":
        saw = f"it called for the program to end (SystemExit: {event['message'] or 0}):\n{traceback_of(event)}"
        look_at = f"{last_place(event) or 'locustfile.py'}: a file that is loaded must not end the program"
    else:
        saw = "loading it raised an exception:\n" + traceback_of(event)
        look_at = f"{last_place(event) or 'locustfile.py'}: what does this line need?"
    return Unmet(LOADED, saw, WANTED, look_at, cause="locustfile")


def missing_file() -> Unmet:
    """There is no locustfile at all."""
    saw = "there is no file locustfile.py"
    look_at = "beside app/: `uv run lab reset locustfile.py` brings the skeleton's back"
    return Unmet(LOADED, saw, WANTED, look_at, cause="locustfile")


def no_user_class(found: list[str]) -> Unmet:
    """Locust found no user, or none of the right name."""
    saw = f"user classes called {', '.join(found)}" if found else "no user class: Locust has nobody to send"
    look_at = "locustfile.py: is there a class InferenceUser(HttpUser), and is it not abstract?"
    return Unmet(LOADED, saw, "a class InferenceUser(HttpUser)", look_at, cause="locustfile")


def tick_trouble(event: Event, at_s: float) -> Unmet:
    """The shape's `tick()` raised, or returned what Locust cannot use."""
    frames = event.get("frames")
    saw = f"after {at_s:.0f} s of run time it raised:\n{traceback_of(event)}" if frames else str(event["message"])
    look_at = f"{last_place(event) or 'StepLoad.tick()'}: what does tick() return, and when?"
    return Unmet("called StepLoad.tick()", saw, "(users, spawn_rate), or None at the end", look_at, cause="tick")


def ended_early(did: str, run: LoadRun) -> Unmet | None:
    """Why a run did not get as far as it should, where it did not."""
    if run.left:
        return left(did, run.left)
    if run.exited and run.exited.get("signal"):
        look_at = "locustfile.py: what uses so much, or what in it is not Python?"
        return Unmet(did, f"Locust's process ended: {ending(run.exited)}", "a run that goes on", look_at, "crashed")
    if run.where:
        return hanging(did, "it hung: Locust came to no end", run.where, run.seconds, "a run that goes on, and ends")
    return None


def raised_instead(run: LoadRun) -> str:
    """What the tasks raised, to be said after what was seen."""
    if run.raised is None:
        return f"\nthe last exception that it printed:\n{run.printed}" if run.printed else ""
    return "\na task raised:\n" + traceback_of(run.raised)


def hanging(did: str, what: str, where: dict[str, Any] | None, waited_s: float, wanted: str) -> Unmet:
    """Something in a run that did not end."""
    look_at = f"{at(where)}: will this ever end?" if where else "locustfile.py: what waits for what?"
    return Unmet(did, _hangs(what, where, waited_s), wanted, look_at, cause="hangs")


def left(did: str, event: Event) -> Unmet:
    """The locustfile ended the program from inside a run."""
    saw = f"your code ended Locust (SystemExit: {event['message'] or 0}):\n{traceback_of(event)}"
    look_at = f"{last_place(event)}: the shape decides when a run is over, and a wrong answer is a failure to report"
    return Unmet(did, saw, "a run that goes on until the shape ends it", look_at, cause="left")


def _hangs(what: str, where: dict[str, Any] | None, waited_s: float) -> str:
    saw = f"{what} within {waited_s:.0f} s"
    if where:
        saw += f"; it was in {at(where)}, in {where['function']}:\n    {where['code']}"
    return saw


def _pointed(syntax: dict[str, Any]) -> str:
    code = str(syntax["code"])
    if not code.strip():
        return ""
    indent = len(code) - len(code.lstrip())
    return f"\n    {code.strip()}\n    {' ' * max(0, (syntax['column'] or 1) - 1 - indent)}^"


def last_exception(output: Path, root: Path) -> str:
    """The last traceback that a run printed, with the learner's own lines alone; empty where there is none."""
    text = read_regular(output, MAX_OUTPUT_BYTES).decode("utf-8", "replace")
    _, found, traceback = text.rpartition("Traceback (most recent call last)")
    error = re.search(r"^[A-Za-z_][\w.]*(?:: .*)?$", traceback, re.MULTILINE)
    if not found or not error:
        return ""
    frames = _frames(traceback, root)
    lines = [f"  {at(frame)}, in {frame['function']}\n      {frame['code']}" for frame in frames]
    return "\n".join([*lines, error[0][:300]])


def _frames(text: str, root: Path) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        frame = FRAME.match(line)
        path = Path(frame["file"]) if frame else None
        if frame and path and path.is_relative_to(root):
            number = int(frame["line"])
            code = linecache.getline(str(path), number).strip()
            file = path.relative_to(root).as_posix()
            found.append({"file": file, "line": number, "function": frame["function"], "code": code})
    return found
