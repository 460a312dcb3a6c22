"""What a service made of the faults of its feature store, in plain characters: a row for each fault."""

from __future__ import annotations

from graders.measuring.tuning_pictures import FaultTable
from graders.reporting.bars import PRETTY, BarGlyphs


def faults(picture: FaultTable, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw the table in lines of at most `width` characters; a status that is not the wanted one is marked."""
    room = max(20, width - 32)
    lines = [f"  {'the feature store':<{room}} wanted   got   after"]
    for row in picture.rows:
        mark = glyphs.right if row.status == row.wanted else glyphs.wrong
        text = row.fault + (f" ({row.settings})" if row.settings else "")
        text = text if len(text) <= room else text[: room - 3] + "..."
        got = str(row.status) if row.status is not None else "none"
        lines.append(f"{mark} {text:<{room}} {row.wanted:>6}  {got:>4}  {row.seconds:>5.2f} s")
    return lines
