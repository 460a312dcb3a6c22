"""Goodput and latency against offered load, in plain characters: two bars for each rate, a block for each setting."""

from __future__ import annotations

from graders.measuring.goodput import Goodput, Offered
from graders.reporting.bars import PRETTY, BarGlyphs, length

NUMBERS = 9 + 2 + 6 + 2 + 7 + 13


def goodput(picture: Goodput, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw every setting on the same scales, in lines of at most `width` characters (no less than 60)."""
    rows = [row for _, rows in picture.settings for row in rows]
    if not rows:
        return ["(nothing was measured)"]
    columns = max(10, (width - NUMBERS) // 2)
    most_per_s = max(row.good_per_s for row in rows)
    most_s = max(row.p95_s or 0.0 for row in rows)
    lines: list[str] = []
    for name, found in picture.settings:
        lines.append(name)
        lines.append(f"{'offered/s':>9}  {'good/s':<{columns + 6}}  {'p95 of the accepted':<{columns + 7}}turned away")
        lines += [_line(row, columns, most_per_s, most_s, glyphs) for row in found]
    lines.append(f"good: answered within {picture.good_s:g} s")
    return lines


def _line(row: Offered, columns: int, most_per_s: float, most_s: float, glyphs: BarGlyphs) -> str:
    good = f"{glyphs.bar * length(row.good_per_s, most_per_s, columns):<{columns}}{row.good_per_s:>6.1f}"
    bar = glyphs.bar * length(row.p95_s or 0.0, most_s, columns)
    late = f"{bar} none" if row.p95_s is None else f"{bar} {row.p95_s:.2f} s"
    return f"{row.per_s:>9g}  {good}  {late:<{columns + 7}}{100 * row.turned_away:>8.0f} %".rstrip()
