"""Server-Timing is read as browsers read it."""

from __future__ import annotations

import pytest

from graders.measuring.server_timing import durations_ms, entries


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("app;dur=12.3", [12.3]),
        ("app;dur=12.3, db;dur=4", [12.3]),
        ("db;dur=4,app;dur=12.3", [12.3]),
        ('app;desc="all, of; it";dur=12.3', [12.3]),
        ("app ; DUR = 12.3 ; desc=x", [12.3]),
        ('app;dur="12.3"', [12.3]),
        ("app;dur=1;dur=2", [1.0]),
        ("app;dur=1, app;dur=2", [1.0, 2.0]),
        ("app;dur=.5", [0.5]),
        ("app;dur=1e2", [100.0]),
        ("application;dur=3", []),
        ("App;dur=3", []),
        ("app", []),
        ("app;dur", []),
        ("app;dur=fast", []),
        ("app;dur=nan", []),
        ("app;dur=inf", []),
        ("dur=3", []),
        ("", []),
        (",,;,", []),
    ],
)
def test_durations(header: str, expected: list[float]) -> None:
    """Entries in any order, with or without further parameters; nonsense has no duration."""
    assert durations_ms(header, "app") == expected


def test_descriptions_are_unquoted() -> None:
    """A quoted text may hold commas, semicolons and escaped quotes."""
    assert list(entries(r'a;desc="say \"hi\", b; c", d')) == [("a", {"desc": 'say "hi", b; c'}), ("d", {})]
