"""What a load test asks for: which part of its requests are predictions, by its own weights where they tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

SURE_DEVIATIONS = 3.5


def is_prediction(method: str, path: str) -> bool:
    """Whether a request asks for a prediction."""
    return method == "POST" and (path == "/predict" or path.startswith("/predict/"))


@dataclass(frozen=True, slots=True)
class Mix:
    """So many predictions among so many requests; `share` is exact where the weights of the tasks say it."""

    predictions: int
    requests: int
    by_weights: float | None

    @property
    def share(self) -> float:
        """The part of the requests that are predictions."""
        return self.by_weights if self.by_weights is not None else self.predictions / max(1, self.requests)

    @property
    def is_majority(self) -> bool | None:
        """Whether predictions are the majority; `None` where so few requests, drawn at random, cannot tell."""
        if self.by_weights is not None or self.share <= 0.5:
            return self.share > 0.5
        least = 0.5 + SURE_DEVIATIONS * math.sqrt(0.25 / max(1, self.requests))
        return True if self.share > least else None


def share_by_weights(weights: Mapping[str, int] | None, executions: Mapping[str, Mapping[str, int]]) -> float | None:
    """The part of all requests that will be predictions in the long run; `None` where the weights do not tell.

    Args:
        weights: task to how often it is drawn, relative to the others.
        executions: task to what its executions sent, as "2 of 3" (predictions of requests), and how often.

    Drawing tasks at random makes the count of a short run differ from the long run, and equal weights would pass by
    luck. The weights tell it exactly if each task always sends the same.
    """
    if not weights or any(len(executions.get(task, {})) != 1 for task in weights):
        return None
    sent = {task: next(iter(executions[task])).split(" of ") for task in weights}
    requests = sum(weight * int(sent[task][1]) for task, weight in weights.items())
    predictions = sum(weight * int(sent[task][0]) for task, weight in weights.items())
    return predictions / requests if requests else None
