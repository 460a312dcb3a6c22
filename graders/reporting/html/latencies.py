"""A distribution of latencies, each reported figure marked, and the sandwich that it had to lie in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from graders.reporting.html.picture import Data, Drawn, Table
from graders.reporting.html.svg import Axis, grid, joined, miniature, plot, share, tag

COLUMNS = 60
TOP = 22
HEIGHT = 84
LANE = 22
SHORT = {"min_ms": "min", "avg_ms": "avg", "p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99", "max_ms": "max"}


def draw_dots(data: Data, evidence: Data) -> Drawn:
    """One figure that cannot be right, over the sample that it speaks of."""
    figure = {str(data["figure"]): {"reported_ms": data["reported_ms"], "interval_ms": data["interval_ms"]}}
    return draw_latencies({"latencies_ms": data["latencies_ms"], "figures": figure}, evidence)


def draw_latencies(data: Data, evidence: Data) -> Drawn:
    """The sample as columns over an axis of milliseconds; below, a lane for each figure: its interval and its mark."""
    sample = sorted(float(ms) for ms in data["latencies_ms"])
    figures: Mapping[str, Data] = data["figures"]
    if not sample or not all(math.isfinite(ms) for ms in sample):
        raise ValueError("a sample without latencies")
    most = max([sample[-1], *(f["interval_ms"][1] for f in figures.values())])
    axis = Axis.covering(max(most, 0.1))
    counts = Counter(min(COLUMNS - 1, int(COLUMNS * max(ms, 0.0) / axis.span)) for ms in sample)
    bottom = TOP + HEIGHT + LANE * len(figures) + 6
    parts = [grid(axis, bottom, "ms", TOP), _columns(counts)]
    for lane, (name, figure) in enumerate(figures.items()):
        parts.append(_lane(name, figure, axis, TOP + HEIGHT + lane * LANE + 6))
    wrong = [name for name, figure in figures.items() if not _is_inside(figure)]
    says = f"{len(sample)} requests from {sample[0]:.1f} to {sample[-1]:.1f} ms. " + _told(figures, wrong)
    legend = [("work", "requests"), ("band", "where the figure must lie")]
    legend += [("good", "as reported")] if len(wrong) < len(figures) else []
    legend += [("bad", "as reported, and cannot be right")] if wrong else []
    return Drawn(
        plot("latencies", says, bottom + 4, *parts),
        _mini(counts),
        says,
        _table(figures),
        tuple(legend),
    )


def _told(figures: Mapping[str, Data], wrong: Sequence[str]) -> str:
    if wrong:
        name = wrong[0]
        low, high = figures[name]["interval_ms"]
        return (
            f"{_short(name)} was reported as {figures[name]['reported_ms']:g} ms; it lies from {low:g} to {high:g} ms."
        )
    return f"Every reported figure lies where it must: {', '.join(map(_short, figures))}."


def _is_inside(figure: Data) -> bool:
    """Resolution and rounding as the verdict allows them: 1 ms below, half a digit on both sides."""
    low, high = figure["interval_ms"]
    return bool(low - 1.06 <= figure["reported_ms"] <= high + 0.06)


def _columns(counts: Counter[int]) -> Markup:
    highest = max(counts.values())
    bars = []
    for column, count in sorted(counts.items()):
        height = max(2.0, (HEIGHT - 8) * count / highest)
        bars.append(
            tag(
                "rect",
                class_="work",
                x=share(column, COLUMNS),
                width=share(0.82, COLUMNS),
                y=TOP + HEIGHT - height,
                height=height,
            )
        )
    ground = tag("line", class_="axis", x1="0%", x2="100%", y1=TOP + HEIGHT, y2=TOP + HEIGHT)
    top = tag("text", f"{highest} ×", class_="name", x=0, y=TOP + 14, dx=-8, text_anchor="end")
    return joined([*bars, ground, top])


def _lane(name: str, figure: Data, axis: Axis, top: float) -> Markup:
    low, high = figure["interval_ms"]
    reported = float(figure["reported_ms"])
    kind = "good" if _is_inside(figure) else "bad"
    at = axis.at(reported)
    band = tag(
        "rect",
        class_="band",
        x=axis.at(low),
        width=axis.length(low, max(high, low + axis.span / 150)),
        y=top + 3,
        height=13,
        rx=2,
    )
    outside = " →" if reported > axis.span else " ←" if reported < 0 else ""
    return joined(
        [
            tag("text", _short(name), class_="name", x=0, y=top + 13, dx=-8, text_anchor="end"),
            band,
            tag("circle", class_=kind, cx=at, cy=top + 9.5, r=5),
            tag("text", f"{reported:.5g}{outside}", class_="value", x="100%", y=top + 13, dx=8),
        ]
    )


def _mini(counts: Counter[int]) -> Markup:
    highest = max(counts.values())
    return miniature(
        *(
            tag(
                "rect",
                class_="work",
                x=share(column, COLUMNS),
                width=share(1, COLUMNS),
                y=20 - max(1.5, 20 * count / highest),
                height=max(1.5, 20 * count / highest),
            )
            for column, count in sorted(counts.items())
        )
    )


def _table(figures: Mapping[str, Data]) -> Table:
    rows = tuple(
        (_short(name), f"{f['reported_ms']:g}", f"{f['interval_ms'][0]:g}", f"{f['interval_ms'][1]:g}")
        for name, f in figures.items()
    )
    return Table(("", "reported, ms", "at least, ms", "at most, ms"), rows)


def _short(name: str) -> str:
    return SHORT.get(name, name)
