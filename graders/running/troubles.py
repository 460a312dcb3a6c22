"""What a child told about its trouble, put into words for the learner: file, line, caret, and no grader internals."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from graders.expect import Unmet
from graders.running.limits import CPU_S, DATA_MIB, FILE_MIB

Event = Mapping[str, Any]
START = "started your service: uvicorn app.main:app"


def start_trouble(event: Event | None, output_tail: str, waited_s: float) -> Unmet:
    """Why the service never came up, from the last thing it told (`None`: it told nothing in that many seconds)."""
    stage = event.get("stage") if event else None
    if event is None:
        saw, look_at = (
            f"nothing: it was not up after {waited_s:.0f} s",
            "app/main.py: what runs while it is imported?",
        )
    elif event["event"] == "stuck":
        saw, look_at = _stuck(event)
    elif event["event"] == "exited":
        saw = f"the process ended by itself while app.main was imported or started ({ending(event)})"
        look_at = "app/main.py: what ends the program? A service runs until it is stopped."
        saw += _indented(output_tail, "the last it printed")
    elif stage == "import":
        saw, look_at = _import_failed(event)
    elif stage == "app":
        saw, look_at = _no_app(event)
    else:
        saw = "the application's start-up (lifespan) failed:\n" + traceback_of(event)
        look_at = f"{last_place(event) or 'the lifespan function'}: what does it need that is not there?"
    wanted = "app.main imports without an error, and its `app` starts and answers"
    return Unmet(START, saw, wanted, look_at, cause="start")


def _stuck(event: Event) -> tuple[str, str]:
    where, limit_s = event.get("where"), event.get("limit_s", 0)
    doing = "importing app.main" if event.get("stage") == "import" else "the application's start-up (lifespan)"
    saw = f"{doing} did not end within {limit_s:.0f} s"
    if not where:
        return saw, "app/main.py: what runs before the service can answer?"
    return (
        f"{saw}; it was in {at(where)}, in {where['function']}:\n    {where['code']}",
        f"{at(where)}: will this ever end, and does it belong before the first request?",
    )


def _import_failed(event: Event) -> tuple[str, str]:
    kind, message = event["kind"], event["message"]
    if event.get("has_main") is False:
        return "there is no file app/main.py", "app/: `uv run lab reset app/main.py` brings the skeleton's back"
    if syntax := event.get("syntax"):
        line = syntax["line"]
        caret = " " * max(0, (syntax["column"] or 1) - 1 - _indent(syntax["code"])) + "^"
        shown = f"    {syntax['code'].strip()}\n    {caret}" if syntax["code"] else ""
        where = f"{syntax['file']}, line {line}" if line else str(syntax["file"])
        return f"{where}: {kind}: {message}\n{shown}".rstrip(), f"{where}: can Python read this line?"
    if kind == "SystemExit":
        return (
            f"importing app.main called for the program to end (SystemExit: {message or 0}):\n" + traceback_of(event),
            f"{last_place(event) or 'app/main.py'}: a module that is imported must not end the program",
        )
    if kind == "ModuleNotFoundError":
        look = (
            f"{last_place(event) or 'app/main.py'}: is the name right? If it is a package you want, "
            f"`uv add {str(event.get('module') or '').split('.')[0]}` installs it"
        )
        return traceback_of(event), look
    return (
        "importing app.main raised an exception:\n" + traceback_of(event),
        f"{last_place(event) or 'app/main.py'}: what does this line need?",
    )


def _no_app(event: Event) -> tuple[str, str]:
    others = event.get("fastapi") or []
    if event.get("found") is None:
        saw = "app/main.py defines nothing called `app`"
        if others:
            saw += f"; it does define a FastAPI application called `{others[0]}`"
    else:
        saw = f"`app` in app/main.py is a {event['found']}, which is no ASGI application"
    return saw, "app/main.py: uvicorn looks for a FastAPI application under the name `app`"


def traceback_of(event: Event) -> str:
    """The learner's own frames and the exception, innermost last."""
    lines = []
    for frame in event.get("frames", []):
        lines += [f"  {at(frame)}, in {frame['function']}", f"      {frame['code']}"]
    lines.append(f"{event['kind']}: {event['message']}".rstrip(": "))
    if event["kind"] == "MemoryError":
        lines.append(f"(the lab lets one process have {DATA_MIB // 1024} GiB of memory)")
    return "\n".join(lines)


def last_place(event: Event) -> str | None:
    """The learner's innermost frame as "file, line N"."""
    frames = event.get("frames", [])
    return at(frames[-1]) if frames else None


def at(where: Event) -> str:
    """A place in the learner's code: app/main.py, line 12."""
    return f"{where['file']}, line {where['line']}"


def ending(event: Event) -> str:
    """How a process ended, with the signal's meaning where the lab's limits are behind it."""
    if event.get("limit"):
        return f"killed by the lab for {event['limit']}"
    if number := event.get("signal"):
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        meaning = {
            "SIGKILL": "killed, as the system does with a process that takes too much memory",
            "SIGXCPU": f"it used more than {CPU_S} s of processor time, and the lab allows no more",
            "SIGXFSZ": f"it wrote a file of more than {FILE_MIB} MiB, and the lab allows no more",
            "SIGSEGV": "it crashed in native code",
        }.get(name, "ended by a signal")
        peak = f", at most {event['peak_mib']} MiB of memory" if event.get("peak_mib") else ""
        return f"{name}: {meaning}{peak}"
    return f"exit code {event.get('code')}"


def _indented(text: str, heading: str) -> str:
    lines = text.strip().splitlines()[-6:]
    return f"\n{heading}:\n" + "\n".join(f"    {line[:160]}" for line in lines) if lines else ""


def _indent(code: str) -> int:
    return len(code) - len(code.lstrip())
