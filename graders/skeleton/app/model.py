"""The model, as far as this lab needs one: work that takes time, in two kinds.

This file belongs to the lab. Call it from your service, and read it freely; edits to it are not graded,
because grading always puts the lab's own copy in its place.

`infer` is pure CPU work in Python: while it runs it holds the interpreter, and no await can help.
`infer_batch` waits, as for a device that takes many items in one go, and blocks its thread meanwhile.
"""

import json
import math
import os
import time

INFER_STEPS = 600_000  # about 50 ms: 45 ms on CPython 3.11, 54 ms on 3.12 and 3.13, same 2-core machine
SETTLED_STEPS = 100  # far past the step from which the result changes no more: each one halves the error
BATCH_FIXED_S = 0.050
BATCH_ITEM_S = 0.001


def infer(feature_1: float, feature_2: float) -> float:
    """Return the model's score for one item, after about 50 ms of computing.

    The amount of work is fixed, so the time depends on the machine and never on the features. The score
    is finite for finite features and grows with each of them.
    """
    _log_call("infer", items=1)
    return _score(feature_1, feature_2, steps=INFER_STEPS)


def infer_batch(items: list[tuple[float, float]]) -> list[float | ValueError]:
    """Return the scores of many items, in their order, after 50 ms plus 1 ms an item.

    The scores are those of `infer`. An item whose `feature_1` is negative gets a ValueError in its
    place, returned and not raised, so that the others keep their answers.
    """
    _log_call("infer_batch", items=len(items))
    time.sleep(BATCH_FIXED_S + BATCH_ITEM_S * len(items))
    return [_batch_result(feature_1, feature_2) for feature_1, feature_2 in items]


def _batch_result(feature_1: float, feature_2: float) -> float | ValueError:
    if feature_1 < 0:
        return ValueError(f"feature_1 is {feature_1}; this model takes only values from 0 upwards")
    return _score(feature_1, feature_2, steps=SETTLED_STEPS)


def _score(feature_1: float, feature_2: float, steps: int) -> float:
    """Apply one layer, y -> drive + 0.5 * y / (1 + |y|), to its own output until it settles, and on."""
    # asinh grows like a logarithm, so even the largest float gives a drive that is small and finite.
    drive = 0.7 * math.asinh(feature_1) + 0.3 * math.asinh(feature_2)
    y = drive
    for _ in range(steps):
        y = drive + 0.5 * y / (1.0 + abs(y))
    return y


def _log_call(call: str, items: int) -> None:
    """Append this call to the file that MODEL_LOG names, if it is set: one JSON line."""
    path = os.environ.get("MODEL_LOG")
    if not path:
        return
    line = json.dumps({"call": call, "items": items, "pid": os.getpid()}) + "\n"
    # One write of one line to a descriptor opened for appending: lines of several processes never mix.
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(log, line.encode())
    finally:
        os.close(log)
