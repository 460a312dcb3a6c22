"""Does /health overtake a computation? The order in which two answers reach the lab, which no noise can turn around."""

from __future__ import annotations

import asyncio
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.measuring.attempts import Sight
from graders.measuring.timeline import Answer, Timeline
from graders.measuring.wire import Connection, Request

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.payloads import Payloads

LIMIT_S = 5.0
LOOK_EVERY_S = 0.001
QUIET_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Overtaking:
    """One CPU-bound prediction with a GET /health behind it, and how long /health takes when it is alone."""

    timeline: Timeline
    health_was_first: bool
    calls: int
    alone_s: float

    @property
    def prediction(self) -> Answer:
        """The answer to the prediction."""
        return self.timeline.answers[0]

    @property
    def health(self) -> Answer:
        """The answer to GET /health."""
        return self.timeline.answers[1]

    @property
    def sight(self) -> Sight:
        """Overtaken once means that the loop is free; not overtaken may mean that /health was late for itself."""
        return Sight.SHOWN if self.health_was_first and self.calls else Sight.UNCLEAR

    @property
    def was_quiet(self) -> bool:
        """Whether /health alone is so much faster than the prediction that it could have overtaken it."""
        return self.alone_s < QUIET_SHARE * (self.prediction.latency_s or 0.0)


async def overtake(program: Program, payloads: Payloads) -> Overtaking:
    """Send a prediction, see in MODEL_LOG that the model has begun, send GET /health, and look who is first.

    First means: when the answer of /health is here, there is still not a byte of the other. Whatever answers in the
    order of arrival has written the other answer before, so that it would be here too. Raises `Unmet` where one of
    the two gets no whole answer or is not answered 200.
    """
    slow, quick = await program.connect(), await program.connect()
    host = f"{program.host}:{program.port}"
    prediction = payloads.predict("/predict/cpu")
    health = Request("GET", "/health")
    mark = program.model_log.mark()
    printed = program.printed_so_far()
    try:
        async with asyncio.timeout(LIMIT_S):
            computing = slow.send(prediction.encoded(host))
            began = slow.sent
            while not computing.done() and program.model_log.mark() == mark:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(LOOK_EVERY_S)
            await quick.send(health.encoded(host))
            was_first = not _has_come(slow)
            second = _answer(1, health, quick, began)
            await computing
            first = _answer(0, prediction, slow, began)
            alone_since = time.monotonic()
            await quick.send(health.encoded(host))
            alone_s = time.monotonic() - alone_since
    except TimeoutError:
        raise await program.broken("sent POST /predict/cpu, then GET /health", f"no answer in {LIMIT_S:g} s") from None
    finally:
        slow.close()
        quick.close()
    for answer in (first, second):
        if answer.error is not None:
            raise await program.broken(f"sent {answer.label}", answer.error)
        if answer.status != 200:
            raise program.wrong(answer, since=printed)
    calls = len(program.model_log.since(mark, "infer"))
    return Overtaking(Timeline((first, second), watched_s=LIMIT_S), was_first, calls, alone_s)


def _has_come(connection: Connection) -> bool:
    """Whether any byte of an answer is here, be it read or still in the system's hands."""
    if connection.first_byte is not None or connection.error is not None or connection.transport is None:
        return True
    descriptor = connection.transport.get_extra_info("socket").fileno()
    return descriptor < 0 or bool(select.select([descriptor], [], [], 0)[0])


def _answer(user: int, request: Request, connection: Connection, began: float) -> Answer:
    status, headers, body = connection.answer()
    first = None if connection.first_byte is None else connection.first_byte - began
    done = None if connection.done is None else connection.done - began
    return Answer(user, request.label, connection.sent - began, first, done, status, body, headers, connection.error)
