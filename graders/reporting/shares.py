"""How CPU-bound work was shared among processes, in plain characters: a bar of processor time for each."""

from __future__ import annotations

from graders.measuring.tuning_pictures import Shares
from graders.reporting.bars import PRETTY, BarGlyphs, length


def shares(picture: Shares, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw a row for each process in lines of at most `width` characters."""
    if not picture.rows:
        return ["(no process used any processor time)"]
    columns = max(12, width - 46)
    most = max(row.cpu_s for row in picture.rows)
    lines = []
    for number, row in enumerate(picture.rows, 1):
        bar = glyphs.bar * length(row.cpu_s, most, columns)
        calls = f"{row.calls} calls of the model" if row.calls != 1 else "1 call of the model"
        lines.append(f"process {number:<3} {bar:<{columns}} {row.cpu_s:5.2f} s  {calls if row.calls else 'no call'}")
    return lines
