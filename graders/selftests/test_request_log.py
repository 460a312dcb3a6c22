"""Log lines are read as they were written, and everything else on standard output is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.measuring.request_log import is_moment, line_trouble, request_lines

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

LINE: dict[str, Any] = {
    "event": "request",
    "method": "GET",
    "path": "/health",
    "status": 200,
    "duration_ms": 0.5,
    "request_id": "0a1b",
    "timestamp": "2026-03-02T09:30:00.000000Z",
}


def test_other_lines_are_ignored() -> None:
    """uvicorn's lines, other events, broken JSON and lists are nobody's business."""
    written = b"\n".join(
        [
            b'INFO:     127.0.0.1:5 - "GET /health HTTP/1.1" 200 OK',
            json.dumps(LINE).encode(),
            b'{"event": "tea is ready"}',
            b'{"event": "request", "path": ',
            b"[1, 2]",
            b"\xff\xfe{}",
            b"  " + json.dumps(LINE | {"path": "/\u00e9"}).encode() + b"\r",
            b"",
        ]
    )

    assert [line["path"] for line in request_lines(written)] == ["/health", "/\u00e9"]


def test_a_line_that_is_still_being_written_is_left() -> None:
    """Without its end of line it may be half of a line, even where that half is JSON."""
    assert request_lines(json.dumps(LINE).encode()) == []


@given(st.lists(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none()))), st.integers(0, 200))
def test_nothing_is_lost_or_made_up(extra: list[dict[str, Any]], cut: int) -> None:
    """Every whole line of the log is read, in order, wherever the reading stops."""
    lines = [json.dumps({**more, **LINE, "number": number}) for number, more in enumerate(extra)]
    written = "".join(f"{line}\n" for line in lines).encode()[: -1 - cut] if cut else "\n".join([*lines, ""]).encode()

    assert [line["number"] for line in request_lines(written)] == list(range(written.count(b"\n")))


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({}, ""),
        ({"level": "info", "more": {"is": "fine"}}, ""),
        ({"timestamp": 1_772_443_800.25}, ""),
        ({"timestamp": "2026-03-02 09:30:00+01:00"}, ""),
        ({"duration_ms": 3}, ""),
        ({"status": "200"}, "status is '200', not an integer"),
        ({"status": True}, "status is True, not an integer"),
        ({"status": None}, "status is None, not an integer"),
        ({"duration_ms": "0.5"}, "duration_ms is '0.5', not a number"),
        ({"duration_ms": float("nan")}, "duration_ms is nan, not a number"),
        ({"request_id": ""}, "request_id is '', not a text"),
        ({"request_id": 7}, "request_id is 7, not a text"),
        ({"timestamp": "today"}, "timestamp is 'today', neither ISO text nor a number"),
        ({"timestamp": None}, "timestamp is None, neither ISO text nor a number"),
    ],
)
def test_fields(change: dict[str, Any], trouble: str) -> None:
    """What is wrong with a line is said with the value that was found."""
    assert line_trouble({**LINE, **change}) == trouble


@pytest.mark.parametrize("name", ["method", "path", "status", "duration_ms", "request_id", "timestamp"])
def test_missing_fields(name: str) -> None:
    """A field that is not there is named."""
    assert line_trouble({key: value for key, value in LINE.items() if key != name}) == f"{name} is missing"


@given(st.datetimes().map(lambda moment: moment.isoformat()) | st.floats(allow_nan=False, allow_infinity=False))
def test_moments(moment: str | float) -> None:
    """Any ISO text and any number is a moment."""
    assert is_moment(moment)
