"""The shape of /metrics: all keys, the right types, null where nothing was measured."""

from __future__ import annotations

from typing import Any

import pytest

from graders.measuring.metrics import coarse_figures, shape_trouble
from graders.measuring.sandwich import FIGURES

EMPTY: dict[str, Any] = {"count": 0, "errors": 0, **dict.fromkeys(FIGURES)}
ROW: dict[str, Any] = {"count": 2, "errors": 0, **dict.fromkeys(FIGURES, 1.25)}


@pytest.mark.parametrize(
    "told",
    [
        {**EMPTY, "routes": {}},
        {**EMPTY, "routes": {"GET /health": EMPTY}},
        {**ROW, "routes": {"GET /health": ROW}},
        {**ROW, "routes": {"GET /health": ROW, "GET /never": EMPTY}, "uptime_s": 3},
        {**ROW, "count": 1_002, "routes": {"GET /long-ago": {**EMPTY, "count": 2}}},
        {**ROW, "max_ms": 3, "routes": {"GET /health": {**ROW, "window": 5000}}},
    ],
)
def test_right_shapes(told: dict[str, Any]) -> None:
    """More keys, whole numbers and routes without traffic are fine."""
    assert shape_trouble(told) == ""


@pytest.mark.parametrize(
    ("told", "trouble"),
    [
        ([], "the answer is a JSON array, not an object"),
        (None, "the answer is a JSON null, not an object"),
        ({**EMPTY}, "routes is missing"),
        ({**EMPTY, "routes": []}, "routes is a JSON array, not an object"),
        ({**ROW, "routes": {"GET /": 3}}, 'routes["GET /"] is a JSON number, not an object'),
        ({**EMPTY, "min_ms": 0.0, "routes": {}}, "min_ms is 0.0 although nothing was measured"),
        (
            {**ROW, "count": 1_001, "routes": {"GET /": {**EMPTY, "count": 2}}},
            'in routes["GET /"], min_ms is null although count is 2',
        ),
        ({**ROW, "p95_ms": None, "routes": {}}, "p95_ms is null although count is 2"),
        ({**ROW, "p95_ms": "1.2", "routes": {}}, "p95_ms is '1.2', not a number"),
        ({**ROW, "p95_ms": float("nan"), "routes": {}}, "p95_ms is nan, not a number"),
        ({**ROW, "count": "2", "routes": {}}, "count is '2', not a whole number"),
        ({**ROW, "errors": 0.5, "routes": {}}, "errors is 0.5, not a whole number"),
        ({**ROW, "errors": -1, "routes": {}}, "errors is -1, not a whole number"),
        ({"count": 0, "routes": {}}, "errors, min_ms, max_ms, avg_ms, p50_ms, p95_ms, p99_ms are missing"),
        ({**ROW, "routes": {"GET /": {**ROW, "avg_ms": True}}}, 'in routes["GET /"], avg_ms is True, not a number'),
    ],
)
def test_wrong_shapes(told: Any, trouble: str) -> None:
    """What is wrong is named, with its place."""
    assert shape_trouble(told) == trouble


def rows(count: int, **figures: float) -> dict[str, Any]:
    """Metrics of so many rows, that of all requests among them."""
    row = {**ROW, **figures}
    return {**row, "routes": {f"GET /{n}": row for n in range(count - 1)}}


def test_coarse_figures() -> None:
    """Smallest and largest latencies that are all whole were rounded, and so were means; which of them is told."""
    assert coarse_figures(rows(4, min_ms=3, max_ms=4.0)) == "min_ms and max_ms"
    assert coarse_figures(rows(6, avg_ms=3)) == "avg_ms"
    assert coarse_figures(rows(6)) == ""


def test_figures_that_happen_to_be_whole() -> None:
    """One fraction among them, or too few to tell, says nothing, and neither does a route without traffic."""
    whole = rows(4, min_ms=3, max_ms=4)

    assert coarse_figures({**whole, "routes": {**whole["routes"], "GET /": {**ROW, "min_ms": 3.1}}}) == ""
    assert coarse_figures(rows(3, min_ms=3, max_ms=4)) == ""
    assert coarse_figures(rows(5, avg_ms=3)) == ""
    assert coarse_figures({**rows(3, min_ms=3, max_ms=4), "routes": {"GET /": EMPTY}}) == ""
