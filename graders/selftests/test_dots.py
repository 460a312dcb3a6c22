"""The picture of a sample: dots over an axis, the place where a figure belongs, and where it was reported."""

from __future__ import annotations

import pytest

from graders.measuring.sample import Latencies, Sample
from graders.measuring.sandwich import FIGURES, Latency, Sandwich
from graders.reporting.dots import dots
from graders.reporting.waterfall import ASCII


def sample(reported_ms: float) -> Sample:
    """Twelve quick requests, four slower ones, and a figure."""
    return Sample((1.0,) * 12 + (20.0, 40.0, 40.0, 60.0), "p95_ms", reported_ms, 40.0, 60.0)


def test_the_whole_picture() -> None:
    """Columns of dots, an axis, the place of the figure, and its mark."""
    assert dots(sample(20.0), 72, ASCII) == [
        *[" #"] * 5,
        " #            #              #             #",
        "0      10     20      30     40     50     60 ms",
        "                             [=============] p95 belongs here",
        "              ^                              p95 as reported",
        "each # up to 2 requests",
    ]


@pytest.mark.parametrize(
    ("reported_ms", "mark"), [(-5.0, "< -5"), (3_600_020.0, "3.60002e+06 >"), (0.04, "^"), (60.0, "^")]
)
def test_a_figure_far_outside_is_pointed_to(reported_ms: float, mark: str) -> None:
    """What does not fit on the axis stands at its edge with an arrow."""
    line = next(line for line in dots(sample(reported_ms), 72, ASCII) if "as reported" in line)

    assert mark in line


@pytest.mark.parametrize("width", [40, 72, 110])
@pytest.mark.parametrize("latencies_ms", [(0.0,), (1.0, 1.0), tuple(n / 7 for n in range(500)), (0.01, 90_000.0)])
def test_lines_keep_their_width(latencies_ms: tuple[float, ...], width: int) -> None:
    """However many samples, however far apart."""
    picture = Sample(latencies_ms, "avg_ms", 1.0, 0.5, 1.5)

    assert max(len(line) for line in dots(picture, max(width, 50), ASCII)) <= max(width, 50)


def test_a_rejection_makes_a_picture() -> None:
    """The sample's middles, the figure, its interval; the data makes the same picture again."""
    sandwich = Sandwich([Latency(1, 2), Latency(3, 5)])
    rejected = sandwich.rejected({"max_ms": 9.0}, ["max_ms"])
    picture = Sample.of(sandwich, rejected[0])

    assert picture == Sample((1.5, 4.0), "max_ms", 9.0, 3.0, 5.0)
    assert picture == Sample.from_json(picture.to_json())


def test_all_figures_make_a_picture() -> None:
    """Each figure with its interval; the data makes the same picture again."""
    sandwich = Sandwich([Latency(1, 2), Latency(3, 5)])
    picture = Latencies.of(sandwich, dict.fromkeys(FIGURES, 3.5))

    assert picture.to_json()["figures"]["max_ms"] == {"reported_ms": 3.5, "interval_ms": [3, 5]}
    assert picture.to_json() == Latencies.from_json(picture.to_json()).to_json()
