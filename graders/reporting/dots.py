"""A sample of latencies drawn as dots on an axis, with a reported figure and the place where it belongs."""

from __future__ import annotations

import math
from collections import Counter

from graders.measuring.sample import Sample
from graders.reporting.waterfall import PRETTY, Glyphs

MAX_HEIGHT = 6


def dots(sample: Sample, width: int = 72, glyphs: Glyphs = PRETTY) -> list[str]:
    """Draw a sample in lines of at most `width` characters.

    Columns of dots stand over an axis in ms; in a crowd one dot stands for several requests. Below, one line marks
    where the figure belongs and one where it was reported; an arrow at the edge points to what lies outside.
    """
    columns = max(20, width - 28)
    most = max(*sample.latencies_ms, sample.high_ms, 0.1)
    scale = (columns - 1) / most
    crowd = Counter(round(max(0.0, latency) * scale) for latency in sample.latencies_ms)
    per_dot = max(1, math.ceil(max(crowd.values()) / MAX_HEIGHT))
    heights = {column: math.ceil(count / per_dot) for column, count in crowd.items()}
    lines = []
    for level in range(max(heights.values()), 0, -1):
        row = "".join(glyphs.work if heights.get(column, 0) >= level else " " for column in range(columns))
        lines.append(row.rstrip())
    lines.append(_axis(most, columns))
    name = sample.figure.removesuffix("_ms")
    first, last = (round(max(0.0, edge) * scale) for edge in (sample.low_ms, sample.high_ms))
    belongs = " " * first + "[" + "=" * max(0, last - first - 1) + ("]" if last > first else "")
    lines.append(f"{belongs:{columns}} {name} belongs here")
    lines.append(f"{_mark(sample.reported_ms, scale, columns):{columns}} {name} as reported")
    if per_dot > 1:
        lines.append(f"each {glyphs.work} up to {per_dot} requests")
    return lines


def _mark(reported_ms: float, scale: float, columns: int) -> str:
    at = round(reported_ms * scale)
    if at < 0:
        return f"< {reported_ms:g}"
    if at >= columns:
        text = f"{reported_ms:.6g} >"
        return " " * (columns - len(text)) + text
    return " " * at + "^"


def _axis(most: float, columns: int) -> str:
    step = _step(most)
    marks = [" "] * (columns + 8)
    for i in range(int(most / step + 1e-9) + 1):
        text = f"{i * step:g}" + (" ms" if (i + 1) * step > most else "")
        at = round(i * step / most * (columns - 1))
        marks[at : at + len(text)] = list(text)
    return "".join(marks).rstrip()


def _step(most: float) -> float:
    magnitude: float = 10.0 ** math.floor(math.log10(most))
    for factor in (0.2, 0.5, 1.0, 2.0):
        if most / (factor * magnitude) <= 6:
            return factor * magnitude
    return magnitude
