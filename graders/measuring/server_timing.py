"""The header Server-Timing: named durations, as a browser reads them (W3C, Server Timing)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

PART = re.compile(r'"(?:[^"\\]|\\.)*"|[^",;]+|[,;]')


def entries(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each entry's name and parameters, names of parameters in lower case; quoted values are unquoted."""
    for parts in _split(header):
        name, *parameters = (part.strip() for part in parts)
        if not name:
            continue
        found: dict[str, str] = {}
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            found.setdefault(key.strip().lower(), _unquoted(value.strip()))
        yield name, found


def durations_ms(header: str, name: str) -> list[float]:
    """Every duration that the header gives under a name; what is no finite number is left out."""
    found = []
    for entry, parameters in entries(header):
        if entry == name and "dur" in parameters:
            try:
                value = float(parameters["dur"])
            except ValueError:
                continue
            if math.isfinite(value):
                found.append(value)
    return found


def _split(header: str) -> Iterator[list[str]]:
    parts = [""]
    for token in PART.findall(header):
        if token == ",":
            yield parts
            parts = [""]
        elif token == ";":
            parts.append("")
        else:
            parts[-1] += token
    yield parts


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
