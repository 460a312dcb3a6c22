"""The exact judge gives every shape of waiting its exact times: to the microsecond, every time.

LAB_EXACT_REPEATS=1000 repeats each shape that often; `benchmarks/exact_repeats.py` does so beside busy processes.
"""

from __future__ import annotations

import os

import pytest

from graders.exact.result import ExactResult
from graders.exact.run import run_exact
from graders.selftests.exact_shapes import SHAPES, Shape, what_is_wrong, write_submission

REPEATS = int(os.environ.get("LAB_EXACT_REPEATS", "20"))
PATIENCE_S = 30 + REPEATS * 5.0


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ExactResult:
    """All shapes in one child; dozens of requests at once are repeated a quarter as often."""
    root = write_submission(tmp_path_factory.mktemp("shapes") / "submission")
    bursts = tuple(shape.burst(max(1, REPEATS // (4 if shape.is_crowd else 1))) for shape in SHAPES)
    return run_exact(root, bursts, patience_s=PATIENCE_S)


def test_every_burst_is_judged(result: ExactResult) -> None:
    """Nothing in the shapes is beyond the virtual clock, and nothing stops the run."""
    assert (result.stop, result.trouble) == (None, None)
    assert [(b.name, b.cannot_judge) for b in result.bursts if b.cannot_judge] == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shape(result: ExactResult, shape: Shape) -> None:
    """Requests are answered when thought says so, the loop is held for as long as thought says."""
    runs = [burst.timeline for burst in result.bursts if burst.name == shape.name]

    assert len(runs) >= max(1, REPEATS // 4)
    for timeline in runs:
        answers = [(a.status, a.first_byte_s, a.done_s) for a in timeline.answers]
        assert what_is_wrong(shape, answers, sum(b.length_s for b in timeline.blocked)) == ""


def test_a_wrong_time_would_be_noticed() -> None:
    """The comparison itself can fail: by a microsecond, by a status, by a blocked loop."""
    shape = SHAPES[0]
    right = [(200, 0.1, 0.1)] * 5

    assert what_is_wrong(shape, right, 0.0) == ""
    assert "answered at" in what_is_wrong(shape, [*right[:4], (200, 0.1, 0.100001)], 0.0)
    assert "status 500" in what_is_wrong(shape, [*right[:4], (500, 0.1, 0.1)], 0.0)
    assert "loop held" in what_is_wrong(shape, right, 0.1)
