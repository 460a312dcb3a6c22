"""The request log of a service, read from what it wrote to standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def request_lines(written: bytes) -> list[dict[str, Any]]:
    """The JSON objects whose `event` is "request", in order.

    Other lines are nobody's business here: uvicorn's own, other events, a line that is still being written.
    """
    found = []
    for line in written.split(b"\n")[:-1]:
        if not line.lstrip().startswith(b"{"):
            continue
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("event") == "request":
            found.append(told)
    return found


def line_trouble(line: Mapping[str, Any]) -> str:
    """What is wrong with the fields of a line, or nothing."""
    for name in ("method", "path", "status", "duration_ms", "request_id", "timestamp"):
        if name not in line:
            return f"{name} is missing"
    status, duration_ms, request_id = line["status"], line["duration_ms"], line["request_id"]
    if not isinstance(status, int) or isinstance(status, bool):
        return f"status is {status!r}, not an integer"
    if not is_number(duration_ms):
        return f"duration_ms is {duration_ms!r}, not a number"
    if not isinstance(request_id, str) or not request_id.strip():
        return f"request_id is {request_id!r}, not a text"
    if not is_moment(line["timestamp"]):
        return f"timestamp is {line['timestamp']!r}, neither ISO text nor a number"
    return ""


def is_number(value: Any) -> bool:
    """Whether it is a finite JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_moment(value: Any) -> bool:
    """Whether it is a point in time: a number, or a text in ISO 8601."""
    if not isinstance(value, str):
        return is_number(value)
    try:
        datetime.fromisoformat(value.strip())
    except ValueError:
        return False
    return True
