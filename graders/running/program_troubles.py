"""Why `python -m app` does not serve, or answers something else than it should, told to the learner."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graders.expect import Unmet
from graders.running.printed import last_lines, traceback_in
from graders.running.troubles import ending

MAIN = "app/__main__.py"


def no_start(
    did: str,
    exited: Mapping[str, Any] | None,
    printed: str,
    root: Path,
    wanted: tuple[str, int],
    listens: Sequence[tuple[str, int]],
    waited_s: float,
) -> Unmet:
    """The program did not come to listen where it was told to: it ended, or listens elsewhere, or nowhere."""
    host, port = wanted
    want = f"a service that listens on {host}:{port}"
    cause = "program start"
    if not (root / MAIN).is_file():
        return Unmet(did, f"there is no file {MAIN}", want, f"`python -m app` runs {MAIN}", cause)
    if not listens and port_was_taken(printed):  # as a supervisor it may live on, while its workers do not
        saw = f"it wanted to listen where somebody else does already (Address already in use){last_lines(printed, 2)}"
        return Unmet(did, saw, want, f"{MAIN}: where does it read PORT?", cause)
    if exited is not None:
        found = traceback_in(printed, root)
        saw = f"the program ended by itself ({ending(exited)})"
        if found is not None:
            text, place = found
            return Unmet(did, f"{saw}:\n{text}", want, _question(place), cause)
        look_at = f"{MAIN}: what ends the program? A service runs until it is stopped."
        return Unmet(did, saw + last_lines(printed), want, look_at, cause)
    if listens:
        places = ", ".join(f"{ip}:{number}" for ip, number in listens)
        asked = "PORT" if all(number != port for _, number in listens) else "HOST"
        look_at = f"{MAIN}: where does it read {asked}?"
        return Unmet(did, f"it listens on {places}, not on {host}:{port}", want, look_at, cause)
    saw = f"after {waited_s:.0f} s nothing listened on {host}:{port}"
    look_at = f"{MAIN}: what runs before the server does?"
    if found := traceback_in(printed, root):
        saw, look_at = f"{saw}; it printed:\n{found[0]}", _question(found[1])
        return Unmet(did, saw, want, look_at, cause)
    return Unmet(did, saw + last_lines(printed), want, look_at, cause)


def _question(place: str | None) -> str:
    """What to ask of a traceback: of its last line of the learner's, if it names one."""
    return f"{place}: what does this line need?" if place else f"{MAIN}: which of its lines leads to this error?"


def port_was_taken(printed: str) -> bool:
    """Whether the program says that somebody else had the port."""
    return bool(re.search(r"address already in use|Errno 98|WinError 10048|Errno 48\b", printed, re.IGNORECASE))


def wrong_status(did: str, label: str, status: int | None, wanted: str, printed: str, root: Path) -> Unmet:
    """An answer of another status than wanted, with the learner's own traceback behind a 500."""
    saw = f"{label} was answered {status}"
    look_at = {
        404: f"is there a route for {label}, and does app.main include it?",
        405: f"which methods does the route {label.partition(' ')[2]} accept?",
        422: f"{label}: what does it ask of the request that this one does not have?",
        500: "what did your code raise?",
        503: f"{label}: what refuses it, and why now?",
    }.get(status or 0, f"the handler of {label}")
    if status == 500 and (found := traceback_in(printed, root)):
        text, place = found
        saw += ", because your code raised:\n" + text
        look_at = f"{place or f'the handler of {label}'}: what does it need?"
    return Unmet(did or f"sent {label}", saw, f"status {wanted}", look_at, cause=f"program {label} {status}")
