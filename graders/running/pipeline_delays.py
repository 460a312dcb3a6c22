"""In the child process: the delays of the given pipeline, changed while requests are in flight.

`app/pipeline.py` reads its delays at each call. The lab counts those readings, so that a change takes place exactly
after the last reading of one request and before the first of the next, however slow the machine is.
"""

import asyncio
import importlib
import os
from typing import Annotated, Any

from fastapi import Header

LIMIT_S = 5.0
_readings = 0
_counted: Any = None


async def change(
    delays_ms: Annotated[str, Header(alias="x-lab-delays-ms")],
    after: Annotated[int, Header(alias="x-lab-after-readings")] = 0,
) -> dict[str, Any]:
    """Change the delays as soon as there were so many readings since the last change; tell how many there were."""
    global _readings
    _count_readings()
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    while _readings < after and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.001)  # no event instead: a stage may be called in another thread
    seen, _readings = _readings, 0
    os.environ["PIPELINE_DELAYS_MS"] = delays_ms
    return {"readings": seen}


def _count_readings() -> None:
    """Count each reading from now on; the submission's `app.pipeline` is the lab's own file."""
    global _counted
    pipeline: Any = importlib.import_module("app.pipeline")
    if pipeline is _counted:
        return
    read = pipeline._delay_s

    def counting(stage: str) -> Any:
        global _readings
        _readings += 1
        return read(stage)

    pipeline._delay_s, _counted = counting, pipeline
