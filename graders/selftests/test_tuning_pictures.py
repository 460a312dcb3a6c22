"""The pictures of exercise 4: the same again from their data, within their width, and saying what they should."""

from __future__ import annotations

import json

import pytest

from graders.expect import Picture
from graders.measuring.goodput import Goodput, Offered
from graders.measuring.open_closed import OpenClosed
from graders.measuring.tuning_pictures import (
    Arrival,
    Batches,
    Curve,
    Curves,
    FaultRow,
    FaultTable,
    Rate,
    Rates,
    Share,
    Shares,
    Shedding,
)
from graders.reporting.pictures import drawn, picture_from

SHEDDING = Shedding(
    4,
    (
        *(Arrival("POST /predict", 0.0, 0.1 + i / 1000, 200) for i in range(4)),
        *(Arrival("POST /predict/sync", 0.0, 0.01 + i / 1000, 503) for i in range(16)),
        Arrival("GET /health", 0.001, 0.02, 200),
        Arrival("POST /predict", 0.0, None, None),
    ),
)
CURVE = tuple((i / 80, None if i % 2 else i / 100) for i in range(240))
PICTURES: list[Picture] = [
    SHEDDING,
    Shares((Share(9, 0.42), Share(7, 0.31), Share(0, 0.03))),
    FaultTable((FaultRow("answered 500", "", 502, 500, 0.01), FaultRow("hung", "X=3", 504, 504, 1.0))),
    Batches(64, (32, 32), 0.2),
    Rates("batch", (Rate("1 at most", 19.4, 1640, 1700), Rate("32 at most", 380.5, 84.2, 91.9, "30 items a call"))),
    Goodput(
        0.25,
        (
            ("no limit", (Offered(20.0, 20.0, 0.1, 0.0), Offered(80.0, 3.0, 2.1, 0.0))),
            (
                "a limit",
                (Offered(20.0, 20.0, 0.1, 0.0), Offered(80.0, 38.0, 0.12, 0.52), Offered(160.0, 0.0, None, 1.0)),
            ),
        ),
    ),
    Curves("s", "seconds", "turned away", (Curve("queue", CURVE), Curve("limit", ((0.0, None),)))),
]


def name(picture: Picture) -> str:
    return str(picture.to_json()["kind"])


@pytest.mark.parametrize("picture", PICTURES, ids=name)
def test_the_same_again(picture: Picture) -> None:
    """A picture comes back from JSON as it was."""
    assert picture_from(json.loads(json.dumps(picture.to_json()))) == picture


@pytest.mark.parametrize("width", [60, 84, 120])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("picture", [p for p in PICTURES if name(p) != "rates"], ids=name)
def test_width(picture: Picture, plain: bool, width: int) -> None:
    """No line is longer than it may be, and plain characters are plain."""
    lines = drawn(picture, width, plain)

    assert lines
    assert max(map(len, lines)) <= width
    assert not plain or "".join(lines).isascii()


def test_shedding_says_when_they_knew() -> None:
    """Accepted requests are bars, those turned away are counted with the moment at which the last one knew."""
    lines = drawn(SHEDDING, 84, is_plain=True)

    assert sum("#" in line and "/predict " in line for line in lines) == 4
    assert any(line.strip().startswith("16 x 503") and line.endswith("0.03") for line in lines)
    assert any(line.strip().startswith("1 x other") and line.endswith("no answer") for line in lines)
    assert "at most 4 predictions in flight" in lines[-1]


def test_faults_are_marked() -> None:
    """A status that is not the wanted one is marked."""
    head, wrong, right = drawn(PICTURES[2], 84, is_plain=True)

    assert head.split() == ["the", "feature", "store", "wanted", "got", "after"]
    assert wrong.startswith("x answered 500") and "502" in wrong and "500" in wrong
    assert right.startswith("+ hung (X=3)")


def test_shares_are_in_order() -> None:
    """The busiest process has the longest bar; one that never called the model says so."""
    first, second, third = drawn(PICTURES[1], 84, is_plain=True)

    assert first.count("#") > second.count("#") > third.count("#") > 0
    assert "9 calls of the model" in first
    assert third.endswith("no call")


def test_batches_add_up() -> None:
    """Each call is a row, and the last line says what it came to."""
    *calls, total = drawn(PICTURES[3], 84, is_plain=True)

    assert [line.split()[-1] for line in calls] == ["32", "32"]
    assert total == "64 requests, 2 calls, 0.20 s until the last answer"


def test_goodput_has_one_scale() -> None:
    """The bars of all settings are comparable; who accepted nobody has no p95."""
    lines = drawn(PICTURES[5], 84, is_plain=True)
    queue, limit = (line for line in lines if line.startswith("       80"))

    assert queue.split()[1].count("#") < limit.split()[1].count("#")
    assert queue.split()[3].count("#") > 5 * limit.split()[3].count("#") > 0
    assert limit.endswith("52 %")
    assert lines[-2].split()[1:] == ["0.0", "none", "100", "%"]
    assert lines[-1] == "good: answered within 0.25 s"


@pytest.mark.parametrize("width", [80, 84, 120])
def test_rates_fit_with_their_notes(width: int) -> None:
    """Throughput, latency and notes stand in one line."""
    lines = drawn(PICTURES[4], width)

    assert max(map(len, lines)) <= width
    assert lines[-1].endswith("30 items a call")


def test_nothing_to_draw() -> None:
    """Empty pictures say so in a line."""
    empty: list[Picture] = [Shares(()), Shedding(4, ()), Batches(0, (), 0.0), Rates("x", ()), Curves("s", "s", "-", ())]
    empty += [Goodput(0.25, (("x", ()),)), OpenClosed(3, 100, 6.0, (), ())]

    assert [len(drawn(picture, 84)) for picture in empty] == [1] * 7
