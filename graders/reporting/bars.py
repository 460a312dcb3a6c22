"""What several pictures in plain characters share: a bar of a given length, an axis of seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


@dataclass(frozen=True, slots=True)
class BarGlyphs:
    """The characters to draw with."""

    bar: str = "█"
    thin: str = "▏"
    faint: str = "░"
    point: str = "●"
    none: str = "·"
    right: str = "✓"
    wrong: str = "✗"


PRETTY = BarGlyphs()
ASCII = BarGlyphs(bar="#", thin="|", faint="-", point="o", none=".", right="+", wrong="x")


def length(value: float, most: float, columns: int) -> int:
    """How many columns a value takes where `most` takes all; at least one where there is anything to show."""
    if value <= 0 or most <= 0:
        return 0
    return max(1, min(columns, round(columns * value / most)))


def span(seconds: float) -> float:
    """The next full step of the axis, in seconds."""
    step = step_s(max(seconds, 0.02))
    return max(step, math.ceil(seconds / step - 1e-6) * step)


def step_s(seconds: float) -> float:
    """The distance of the marks on an axis of so many seconds: at most six of them."""
    return next((step for step in STEPS_S if seconds / step <= 6), seconds)


def axis(seconds: float, columns: int) -> str:
    """The marks of an axis that is `columns` wide and ends at `seconds`."""
    marks = [" "] * (columns + 8)
    step = step_s(seconds)
    count = int(seconds / step + 1e-9)
    for i in range(count + 1):
        text = f"{i * step:g}" + (" s" if i == count else "")
        at = round(i * step / seconds * columns)
        marks[at : at + len(text)] = list(text)
    return "".join(marks).rstrip()
