"""The zoo: one healthy service with a capacity, and its broken siblings, each with a name that says its fault.

Each is a few lines: it says how `POST /predict` is answered. The rest, a `Service` has in common with the one that a
learner builds: `GET /health`, `GET /metrics`, 422 for a request without both features, 404 elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from graders.curriculum import PREDICT_S
from graders.measuring.load_record import Served
from graders.measuring.objective import P95_OBJECTIVE_MS

SCORES = (0.85, 0.31, 0.62, 0.07)
"""A right prediction is a number, and not always the one that the lesson made up."""
GOOD = b'{"prediction": 0.85, "model_version": "1.0.0"}'
SLOW_S = P95_OBJECTIVE_MS / 1000 + 0.005
"""Too late, and so little that a check with another limit in it does not notice."""
CALM_S = 0.05
FAST_S = 0.01
ANSWER_HEADER = b"x-lab-answer"  # by this number, what a client made of an answer is set beside what it was
MAX_RECORDS = 50_000
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


class DroppedConnectionError(Exception):
    """Ends a request half way: uvicorn closes the connection when an answer has begun and then fails."""


@dataclass
class Service:
    """Healthy at any load, and an ASGI application that keeps its own record of what it served."""

    record: list[Served] = field(default_factory=list)
    answers: int = 0
    predictions: int = 0
    on_served: Callable[[Served], None] = lambda served: None

    async def predict(self) -> tuple[int, bytes, bool]:
        """Status, body and whether it is wrong on purpose, after the time of the simulated model."""
        await asyncio.sleep(PREDICT_S)
        return 200, self.good(), False

    def good(self) -> bytes:
        """A right answer, another one than the last."""
        return json.dumps({"prediction": SCORES[self.predictions % len(SCORES)], "model_version": "1.0.0"}).encode()

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        """Serve one request and note it."""
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        began = time.monotonic()
        self.answers += 1
        number = self.answers
        status, body, fault = await self._answer(scope["method"], scope["path"], await _body(receive))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body) or 1).encode())]
        headers.append((ANSWER_HEADER, str(number).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if len(self.record) < MAX_RECORDS:  # before the last byte, so that whoever has the answer finds it there
            served = Served(began, time.monotonic(), scope["method"], scope["path"], status, fault, number)
            self.record.append(served)
            self.on_served(served)
        if not body:
            raise DroppedConnectionError
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes, bool]:
        if method == "POST" and (path == "/predict" or path.startswith("/predict/")):
            if not _has_both_features(body):
                return 422, b'{"detail": [{"loc": ["body"], "msg": "feature_1 and feature_2 are numbers"}]}', False
            self.predictions += 1
            return await self.predict()
        if (method, path) == ("GET", "/health"):
            return 200, b'{"status": "healthy"}', False
        if (method, path) == ("GET", "/metrics"):
            return 200, json.dumps({"count": len(self.record), "errors": 0, "routes": {}}).encode(), False
        return 404, b'{"detail": "Not Found"}', False


@dataclass
class LimitedCapacity(Service):
    """Healthy while the crowd is no larger than its capacity; beyond it, every third prediction takes far too long.

    A third is more than any p95 can overlook, and less than a median or a mean can see. Latency grows with the crowd,
    as it does in a closed system at its limit. The size of the crowd is asked for, so that a service breaks at the
    same number of users however often each of them sends something.
    """

    capacity: int = 1
    crowd: Callable[[], int] = lambda: 0

    async def predict(self) -> tuple[int, bytes, bool]:
        """Fast, or after the time in which a crowd that is too large holds up itself."""
        users = self.crowd()
        beyond = users / max(1, self.capacity) - 1
        # Far from the objective on both sides: what a busy machine adds should not decide.
        is_late = beyond > 0 and self.predictions % 3 == 0
        await asyncio.sleep(min(0.6, 0.4 + 0.2 * beyond) if is_late else CALM_S)
        return 200, self.good(), False


class AnswersWith500(Service):
    """Every prediction ends in status 500."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """500 at once."""
        return 500, b'{"detail": "Internal Server Error"}', True


class LeavesOutThePrediction(Service):
    """Status 200, and no prediction in it."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """A body with one key too few."""
        return 200, b'{"model_version": "1.0.0"}', True


class PredictsNull(Service):
    """Status 200, and a prediction that is null."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """A body with all keys and no value."""
        return 200, b'{"prediction": null, "model_version": "1.0.0"}', True


class AnswersNoJson(Service):
    """Status 200, and a body that was cut off: it begins like JSON and is none."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """Half a body."""
        return 200, GOOD[: len(GOOD) - 6], True


class SlowTail(Service):
    """Every second prediction takes longer than the objective allows."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """Right, and every second time too late."""
        if self.predictions % 2:
            return await super().predict()
        await asyncio.sleep(SLOW_S)
        return 200, self.good(), True


class OnePercentErrors(Service):
    """Every hundredth prediction ends in status 500."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """Right, 99 times out of a hundred."""
        if self.predictions % 100:
            return await super().predict()
        return 500, b'{"detail": "Internal Server Error"}', True


class DropsConnections(Service):
    """Every third prediction ends with the connection closed and no answer."""

    async def predict(self) -> tuple[int, bytes, bool]:
        """Right, two times out of three."""
        if self.predictions % 3:
            return await super().predict()
        return 200, b"", True


@dataclass
class StallsOnDemand(Service):
    """Fast, save for a time in which nobody is answered: POST /stall with `after_s` and `for_s` says when."""

    stall: tuple[float, float] = (0.0, 0.0)

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes, bool]:
        if (method, path) == ("POST", "/stall"):
            asked = json.loads(body)
            begins = time.monotonic() + float(asked["after_s"])
            self.stall = (begins, begins + float(asked["for_s"]))
            return 200, body, False
        return await super()._answer(method, path, body)

    async def predict(self) -> tuple[int, bytes, bool]:
        """Fast, or as late as the stall ends."""
        begins, ends = self.stall
        now = time.monotonic()
        await asyncio.sleep(ends - now if begins <= now < ends else FAST_S)
        return 200, GOOD, False


ZOO = {
    kind.__name__: kind
    for kind in (
        Service,
        LimitedCapacity,
        AnswersWith500,
        LeavesOutThePrediction,
        PredictsNull,
        AnswersNoJson,
        SlowTail,
        OnePercentErrors,
        DropsConnections,
        StallsOnDemand,
    )
}


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _has_both_features(body: bytes) -> bool:
    try:
        sent = json.loads(body)
        values = [float(sent[name]) for name in ("feature_1", "feature_2")]
    except (ValueError, TypeError, KeyError):
        return False
    return len(values) == 2
