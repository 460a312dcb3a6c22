"""Requests of exercise 4, each with a payload of its own, so that no cache can look like speed."""

from __future__ import annotations

import itertools
import math
from typing import Any

from graders.measuring.timeline import Answer
from graders.measuring.wire import Request


class Payloads:
    """Makes request bodies that were never sent before."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def fresh(self) -> dict[str, float]:
        """A `PredictRequest`."""
        number = next(self._count)
        return {"feature_1": number + 0.5, "feature_2": 1 / number}

    def entity(self, kind: str = "entity") -> dict[str, str]:
        """A request for an entity that was never asked for."""
        return {"entity_id": f"{kind}-{next(self._count)}"}

    def predict(self, path: str = "/predict", at_s: float = 0.0) -> Request:
        """One prediction by POST."""
        body: dict[str, Any] = self.entity() if path.endswith("/entity") else self.fresh()
        return Request("POST", path, body, at_s=at_s)

    def predictions(self, count: int, path: str = "/predict") -> list[Request]:
        """Several of them, all at moment 0."""
        return [self.predict(path) for _ in range(count)]


def strangeness(answer: Answer) -> str:
    """What keeps an answer from being a `PredictResponse`, in words; empty where nothing does."""
    body = answer.json()
    if not isinstance(body, dict) or set(body) != {"prediction", "model_version"}:
        return f"the body is {answer.excerpt()}"
    prediction, version = body["prediction"], body["model_version"]
    if not isinstance(prediction, int | float) or isinstance(prediction, bool) or not math.isfinite(prediction):
        return f"prediction is {prediction!r:.80}"
    if not isinstance(version, str) or not version.strip():
        return f"model_version is {version!r:.80}"
    return ""
