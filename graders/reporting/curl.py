"""Requests as lines for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from graders.measuring.tape import Taped


def curl_line(request: Taped, url: str) -> str:
    """One request as a curl command that shows status and headers too."""
    parts = ["curl", "-si"]
    if request.method != "GET":
        parts += ["-X", request.method]
    parts.append(url.rstrip("/") + request.path)
    for name, value in request.headers.items():
        parts += ["-H", f"{name}: {value}"]
    if request.body:
        parts += ["--data-raw", request.body]
    return shlex.join(parts)


def curl_script(requests: Sequence[Taped], url: str) -> list[str]:
    """All requests as lines: those of one burst in the background at their moments, then a wait for all of them."""
    lines = []
    for burst in sorted({request.burst for request in requests}):
        together = [request for request in requests if request.burst == burst]
        if len(together) == 1:
            lines.append(curl_line(together[0], url))
            continue
        before_s = 0.0
        for request in together:
            if request.at_s - before_s >= 0.01:
                lines.append(f"sleep {request.at_s - before_s:.3f}")
                before_s = request.at_s
            lines.append(f"{curl_line(request, url)} &")
        lines.append("wait")
    return lines
