"""A closed and an open load side by side in plain characters: their latencies over time, and by percentile."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graders.measuring.open_closed import OpenClosed, percentile
from graders.reporting.bars import PRETTY, BarGlyphs, length

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)
BINS = 50
LEVELS = {True: " .:-=+*#%@", False: " ▁▂▃▄▅▆▇█"}


def open_closed(picture: OpenClosed, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw both latency curves in lines of at most `width` characters (no less than 78)."""
    if not picture.closed or not picture.open:
        return ["(nothing was measured)"]
    levels = LEVELS[glyphs.bar.isascii()]
    bins = max(20, min(BINS, width - 16))
    top = max(*picture.closed_ms, *picture.open_ms)
    closed = [(asked.sent_s, asked.measured_ms) for asked in picture.closed]
    opened = [(asked.due_s, asked.waited_ms) for asked in picture.open]
    return [
        f"closed: {picture.users} users who wait for their answers, {len(closed)} requests",
        f"open:   {picture.rate_rps:g} requests a second, whatever happens, {len(opened)} requests",
        "",
        f"{'':8}the slowest answer to what was sent then; a gap: nothing was sent",
        f"{'closed':8}{_over_time(closed, bins, picture.lasts_s, top, levels)}",
        f"{'open':8}{_over_time(opened, bins, picture.lasts_s, top, levels)}",
        f"{'':8}{_axis(bins, picture.lasts_s)}",
        "",
        *_by_percentile(picture, max(10, (width - 32) // 2), top, glyphs),
    ]


def _by_percentile(picture: OpenClosed, columns: int, top: float, glyphs: BarGlyphs) -> list[str]:
    lines = [f"{'ms':8}{'closed':<{columns + 10}}open"]
    for percent in PERCENTILES:
        name = "max" if percent == 100 else f"p{percent:g}"
        values = [percentile(found, percent) for found in (picture.closed_ms, picture.open_ms)]
        parts = [f"{value:>6.0f} {glyphs.bar * length(value, top, columns):<{columns + 3}}" for value in values]
        lines.append(f"{name:8}{''.join(parts)}".rstrip())
    return lines


def _over_time(points: Sequence[tuple[float, float]], bins: int, lasts_s: float, top: float, levels: str) -> str:
    found: list[list[float]] = [[] for _ in range(bins)]
    for at_s, latency_ms in points:
        found[min(bins - 1, int(at_s / lasts_s * bins))].append(latency_ms)
    steps = len(levels) - 1
    return "".join(levels[max(1, math.ceil(steps * max(inside) / top))] if inside else levels[0] for inside in found)


def _axis(bins: int, lasts_s: float) -> str:
    marks = [" "] * (bins + 4)
    for second in range(int(lasts_s) + 1):
        text = f"{second} s" if second == int(lasts_s) else f"{second}"
        at = round(second / lasts_s * bins)
        marks[at : at + len(text)] = list(text)
    return "".join(marks).rstrip()
