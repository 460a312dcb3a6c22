"""Every kind of picture by name: evidence in, drawings out."""

from __future__ import annotations

from collections.abc import Mapping

from graders.reporting.html.picture import Data, Draw, Drawn
from graders.reporting.html.waterfall import draw_waterfall

KINDS: Mapping[str, Draw] = {"timeline": draw_waterfall}


def pictures_in(evidence: Data) -> list[Drawn]:
    """The pictures that a check's evidence has data for; data that does not fit its kind is left to the JSON report."""
    drawn = []
    for name, data in evidence.items():
        if not isinstance(data, Mapping):
            continue
        draw = KINDS.get(str(data.get("kind", "timeline" if name == "timeline" else "")))
        if draw is None:
            continue
        try:
            drawn.append(draw(data, evidence))
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
    return drawn
