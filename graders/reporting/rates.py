"""An experiment in plain characters: throughput as a bar, latency beside it, a row for each setting."""

from __future__ import annotations

from graders.measuring.tuning_pictures import Rates
from graders.reporting.bars import PRETTY, BarGlyphs, length


def rates(picture: Rates, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw the rows in lines of at most `width` characters (no less than 80)."""
    if not picture.rows:
        return ["(nothing was measured)"]
    names = max(len(picture.setting), *(len(row.name) for row in picture.rows))
    notes = max(len(row.note) for row in picture.rows)
    columns = max(12, width - names - 31 - (notes + 2 if notes else 0))
    most = max(row.per_s for row in picture.rows)
    lines = [f"{picture.setting:>{names}}  {'answers/s':<{columns + 8}} {'p50':>8} {'p95':>9}"]
    for row in picture.rows:
        bar = glyphs.bar * length(row.per_s, most, columns)
        note = f"  {row.note}" if row.note else ""
        lines.append(
            f"{row.name:>{names}}  {bar:<{columns}} {row.per_s:>7.1f} {row.p50_ms:>6.0f} ms {row.p95_ms:>6.0f} ms{note}"
        )
    return lines
