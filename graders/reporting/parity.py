"""A service as a process and as a container, side by side in plain characters."""

from __future__ import annotations

from graders.measuring.parity import Parity

PRETTY = "█"
ASCII = "#"
NUMBER = 9


def parity(picture: Parity, width: int = 84, glyph: str = PRETTY) -> list[str]:
    """Draw each quantity as two bars to the same scale, in lines of at most `width` characters."""
    if not picture.rows:
        return ["(nothing was measured)"]
    names = max(len(name) for name in picture.rows)
    longest = max((s for pair in picture.rows.values() for s in pair if s is not None), default=0.0) or 1.0
    columns = max(10, width - names - len("  container  ") - NUMBER)
    lines = []
    for name, pair in picture.rows.items():
        for i, (who, seconds) in enumerate(zip(("process", "container"), pair, strict=True)):
            shown = "not measured" if seconds is None else f"{seconds:.2f} s"
            bar = glyph * max(1, round(columns * seconds / longest)) + " " if seconds is not None else ""
            lines.append(f"{'' if i else name:<{names}}  {who:<9}  {bar}{shown}")
    return lines
