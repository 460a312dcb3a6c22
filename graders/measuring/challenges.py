"""The bursts of exercise 1 with the floors that they must stay under: what both judges send."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graders.curriculum import PREDICT_S
from graders.measuring.timeline import Timeline
from graders.measuring.wire import Request

FLOOR_OF_TWO_S = round(2 * PREDICT_S, 6)
"""The least time, in seconds, of any two predictions that wait for one another."""

FLOOR_OF_POOL_S = round(3 * PREDICT_S, 6)
"""The least time of 81 predictions through the default pool of 40 threads: three rounds."""

_fresh = itertools.count(1)


def prediction() -> Request:
    """A prediction whose payload no earlier one had, so that a cache cannot look like concurrency."""
    number = next(_fresh)
    return Request("POST", "/predict", {"feature_1": number + 0.25, "feature_2": 1 / number})


def predictions(count: int) -> list[Request]:
    """So many predictions at one moment."""
    return [prediction() for _ in range(count)]


def health_among_predictions() -> list[Request]:
    """Five predictions, and a health check while they are in flight."""
    return [*predictions(5), Request("GET", "/health", at_s=PREDICT_S / 4)]


def health_came_first(timeline: Timeline) -> bool:
    """Whether GET /health was answered before every prediction."""
    health = timeline.only("GET /health").answers[0]
    return health.done_s is not None and all(
        a.done_s is None or health.done_s < a.done_s for a in timeline.only("POST /predict").answers
    )


def whole(timeline: Timeline) -> float:
    """The wall time of a burst, in seconds."""
    return timeline.wall_s


def of_predictions(timeline: Timeline) -> float:
    """The wall time of the predictions alone, in seconds."""
    return timeline.only("POST /predict").wall_s


@dataclass(frozen=True, slots=True)
class Challenge:
    """A burst, made anew for each attempt, and what an attempt must show: `wall` under `floor_s`, and `meets`."""

    requests: Callable[[], Sequence[Request]]
    floor_s: float
    wall: Callable[[Timeline], float] = whole
    meets: Callable[[Timeline], bool] = lambda timeline: True

    def is_met(self, timeline: Timeline) -> bool:
        """Whether one attempt shows it; times are compared in whole microseconds, exact ones hit a floor exactly."""
        return round(self.wall(timeline), 6) < round(self.floor_s, 6) and self.meets(timeline)


ALONE = Challenge(lambda: predictions(1), FLOOR_OF_TWO_S)
FIVE_AT_ONCE = Challenge(lambda: predictions(5), FLOOR_OF_TWO_S)
EIGHTY_ONE_AT_ONCE = Challenge(lambda: predictions(81), FLOOR_OF_POOL_S)
HEALTH_AMONG_FIVE = Challenge(health_among_predictions, FLOOR_OF_TWO_S, of_predictions, health_came_first)

IN_EXACT_TIME: Mapping[str, Mapping[str, Challenge]] = {
    "exercise1": {
        "takes_its_time": ALONE,
        "five_parallel": FIVE_AT_ONCE,
        "many_parallel": EIGHTY_ONE_AT_ONCE,
        "stays_responsive": HEALTH_AMONG_FIVE,
    },
}
"""Per exercise, the checks that the exact judge can decide within tenths of a second."""
