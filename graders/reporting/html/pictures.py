"""Every kind of picture by name: evidence in, drawings out."""

from __future__ import annotations

from collections.abc import Mapping

from graders.reporting.html.containers import draw_layers, draw_parity
from graders.reporting.html.latencies import draw_dots, draw_latencies
from graders.reporting.html.load_steps import draw_load_steps
from graders.reporting.html.picture import Data, Draw, Drawn
from graders.reporting.html.tuning import draw_batches, draw_faults, draw_shares, draw_shedding
from graders.reporting.html.waterfall import draw_waterfall

KINDS: Mapping[str, Draw] = {
    "timeline": draw_waterfall,
    "dots": draw_dots,
    "latencies": draw_latencies,
    "load_steps": draw_load_steps,
    "shedding": draw_shedding,
    "shares": draw_shares,
    "batches": draw_batches,
    "faults": draw_faults,
    "layers": draw_layers,
    "parity": draw_parity,
}
"""The `kind` of a picture's data to what draws it; data under the name `timeline` without a kind is a timeline."""


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
        except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
            continue
    return drawn
