"""Were batches closed while requests still came one by one? Judged by the order of events and the model's calls."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graders.measuring.attempts import Sight
from graders.measuring.timeline import Answer, Timeline
from graders.running.model_log import Call
from graders.running.tuning.batches import BAD, EVERY_S, Batched, closes_in_time, spoilt, trickling

WAIT_S = 0.1
SENT_S = [EVERY_S * at for at in range(26)]


def trickle(sent_s: Sequence[float], first_done_s: float, calls: int, status: int = 200) -> Batched:
    """Requests sent at these moments, the first answered then and the others a second later, with so many calls."""
    answers = tuple(
        Answer(at, "POST /predict/batched", s, None, s + 1 if at else first_done_s, status)
        for at, s in enumerate(sent_s)
    )
    return Batched(Timeline(answers), (Call("infer_batch", 1, 1),) * calls)


@pytest.mark.parametrize(
    ("seen", "sight"),
    [
        (trickle(SENT_S, first_done_s=0.16, calls=4), Sight.SHOWN),
        (trickle(SENT_S, first_done_s=0.68, calls=1), Sight.UNCLEAR),  # the batch stayed open to the end
        (trickle(SENT_S, first_done_s=0.16, calls=2), Sight.UNCLEAR),  # one pause of the machine would do that
        (trickle([*SENT_S[:5], *(s + WAIT_S for s in SENT_S[5:])], first_done_s=0.3, calls=4), Sight.UNCLEAR),
        (trickle(SENT_S, first_done_s=0.16, calls=0), Sight.REFUTED),
        (trickle(SENT_S, first_done_s=0.16, calls=4, status=500), Sight.REFUTED),
    ],
)
def test_batches_that_close_in_time(seen: Batched, sight: Sight) -> None:
    """Answers before the last request, by several calls, while nobody paused for as long as the wait."""
    assert closes_in_time(seen, WAIT_S) is sight


def test_trickling() -> None:
    """Each request comes 20 ms after the one before."""
    assert [request.at_s for request in trickling(3)] == [0.0, 0.02, 0.04]


def test_spoilt() -> None:
    """The fourth is bad, the last two are alike, all others differ."""
    features = [request.json["feature_1"] for request in spoilt(8)]

    assert [at for at, feature in enumerate(features) if feature < 0] == [BAD]
    assert features[6] == features[7]
    assert len(set(features)) == 7
