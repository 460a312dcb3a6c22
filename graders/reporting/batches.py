"""How requests shared calls of the model, in plain characters: a row for each call, a mark for each item."""

from __future__ import annotations

from graders.measuring.tuning_pictures import Batches
from graders.reporting.bars import PRETTY, BarGlyphs, length

MAX_ROWS = 12


def batches(picture: Batches, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw the calls in lines of at most `width` characters."""
    if not picture.calls:
        return ["(the model was never called)"]
    columns = max(20, width - 24)
    most = max(*picture.calls, columns)
    lines = [
        f"call {number:<3} {glyphs.bar * length(items, most, columns)} {items}"
        for number, items in enumerate(picture.calls[:MAX_ROWS], 1)
    ]
    if len(picture.calls) > MAX_ROWS:
        lines.append(f"and {len(picture.calls) - MAX_ROWS} more calls")
    calls = "1 call" if len(picture.calls) == 1 else f"{len(picture.calls)} calls"
    lines.append(f"{picture.requests} requests, {calls}, {picture.wall_s:.2f} s until the last answer")
    return lines
