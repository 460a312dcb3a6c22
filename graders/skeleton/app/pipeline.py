"""An inference pipeline in three stages, each of which waits for as long as it is told.

This file belongs to the lab. Call it from your service, and read it freely; edits to it are not graded,
because grading always puts the lab's own copy in its place.

PIPELINE_DELAYS_MS, in the environment, holds three numbers in milliseconds, one a stage, in the order
preprocess, infer, postprocess. It is read at each call; unset or empty, the delays are 5, 80 and 15.
"""

import asyncio
import math
import os

DEFAULT_DELAYS_MS = "5,80,15"
STAGES = ("preprocess", "infer", "postprocess")


async def preprocess(features: tuple[float, float]) -> tuple[float, float]:
    """Bring both features to a scale on which large values do not drown small ones."""
    await asyncio.sleep(_delay_s("preprocess"))
    feature_1, feature_2 = features
    return math.asinh(feature_1), math.asinh(feature_2)


async def infer(features: tuple[float, float]) -> float:
    """Return the raw score: the weighted sum of the scaled features."""
    await asyncio.sleep(_delay_s("infer"))
    feature_1, feature_2 = features
    return 0.7 * feature_1 + 0.3 * feature_2


async def postprocess(raw: float) -> float:
    """Return the prediction, a number from 0 to 1, by the logistic function of the raw score."""
    await asyncio.sleep(_delay_s("postprocess"))
    return 0.5 * (1.0 + math.tanh(raw / 2.0))  # the logistic function, in a form that cannot overflow


def _delay_s(stage: str) -> float:
    """Return this stage's share of PIPELINE_DELAYS_MS in seconds; ValueError where it makes no sense."""
    text = os.environ.get("PIPELINE_DELAYS_MS") or DEFAULT_DELAYS_MS
    try:
        delays_ms = [float(part) for part in text.split(",")]
    except ValueError:
        delays_ms = []
    if len(delays_ms) != len(STAGES) or not all(0 <= delay_ms < math.inf for delay_ms in delays_ms):
        raise ValueError(
            f"PIPELINE_DELAYS_MS is {text!r}; expected three numbers of milliseconds for "
            f"{', '.join(STAGES)}, such as {DEFAULT_DELAYS_MS!r}"
        )
    return delays_ms[STAGES.index(stage)] / 1000
