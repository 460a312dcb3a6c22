"""The answer of `GET /metrics`: has it the shape of the contract?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graders.measuring.request_log import is_number
from graders.measuring.sandwich import FIGURES

COUNTS = ("count", "errors")
SMALLEST_WINDOW = 1_000
"""After so many requests to others a window for all routes may hold none to this one: its figures are null."""


def shape_trouble(told: Any) -> str:
    """What is wrong with the shape of the whole answer, or nothing."""
    if not isinstance(told, dict):
        return f"the answer is a JSON {_kind(told)}, not an object"
    if trouble := row_trouble(told):
        return trouble
    if "routes" not in told:
        return "routes is missing"
    if not isinstance(told["routes"], dict):
        return f"routes is a JSON {_kind(told['routes'])}, not an object"
    for label, row in told["routes"].items():
        if not isinstance(row, dict):
            return f'routes["{label}"] is a JSON {_kind(row)}, not an object'
        if trouble := row_trouble(row, of_all=told["count"]):
            return f'in routes["{label}"], {trouble}'
    return ""


def row_trouble(row: Mapping[str, Any], of_all: int = 0) -> str:
    """What is wrong with eight figures, or nothing: where nothing was counted each `_ms` is null, else a number."""
    missing = [name for name in (*COUNTS, *FIGURES) if name not in row]
    if missing:
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    for name in COUNTS:
        if not is_whole(row[name]) or row[name] < 0:
            return f"{name} is {row[name]!r}, not a whole number"
    if of_all - row["count"] >= SMALLEST_WINDOW and all(row[name] is None for name in FIGURES):
        return ""
    for name in FIGURES:
        if row["count"] == 0 and row[name] is not None:
            return f"{name} is {row[name]!r} although nothing was measured"
        if row["count"] and row[name] is None:
            return f"{name} is null although count is {row['count']}"
        if row["count"] and not is_number(row[name]):
            return f"{name} is {row[name]!r:.60}, not a number"
    return ""


def is_whole(value: Any) -> bool:
    """Whether it is a JSON number without a fraction."""
    return is_number(value) and value == int(value)


def coarse_figures(told: Mapping[str, Any]) -> str:
    """The figures that are whole milliseconds in every row, where that is no accident; nothing where there are none.

    A figure given to 0.1 ms is whole in one case of ten: eight smallest and largest latencies, or six means. The means
    are looked at by themselves: who rounds each latency has means with a fraction, who cuts the mean has no other.
    """
    rows = [row for row in (told, *told["routes"].values()) if row["count"]]
    for names, enough in ((("min_ms", "max_ms"), 8), (("avg_ms",), 6)):
        figures = [row[name] for row in rows for name in names]
        if len(figures) >= enough and all(is_whole(value) for value in figures):
            return " and ".join(names)
    return ""


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", str: "string", list: "array", int: "number", float: "number"}
    return names.get(type(value), "object")
