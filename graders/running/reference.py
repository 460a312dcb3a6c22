"""The grader's own reference service: a bare ASGI application that is right, to see whether the machine is quiet.

It answers `POST /predict` after 0.1 s of waiting and everything else at once. The header `x-lab-spin-ms` asks it to
burn that much processor time first, as the learner's framework does: a yardstick that is lighter than what it
measures would call a busy machine quiet.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from graders.curriculum import PREDICT_S

ANSWER = b'{"prediction": 0.85, "model_version": "1.0.0"}'


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request; the lifespan protocol is refused, as ASGI allows."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    spin_ms = next((float(value) for name, value in scope["headers"] if name == b"x-lab-spin-ms"), 0.0)
    until = time.thread_time() + spin_ms / 1000
    while time.thread_time() < until:
        pass
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/predict":
        await asyncio.sleep(PREDICT_S)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
