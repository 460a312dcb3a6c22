"""The learner's own figures over time: a small line, the band of earlier runs, the best and the latest marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from graders.measuring.figures import Figure
from graders.measuring.trend import Trend
from graders.reporting.history import in_words
from graders.reporting.html.svg import number, share, tag

SHOWN = 30
HEIGHT = 46.0
MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class TrendView:
    """One figure on the page."""

    title: str
    latest: str
    says: str
    is_best: bool
    svg: Markup


def trend_views(trends: Iterable[tuple[Figure, Trend]]) -> dict[str, list[TrendView]]:
    """The figures by check ("exercise1.five_parallel"); one run is no trend and is left out."""
    views: dict[str, list[TrendView]] = {}
    for figure, trend in trends:
        if len(trend.values) > 1:
            view = TrendView(
                figure.title, figure.shown(trend.latest), in_words(figure, trend), trend.is_best, _spark(figure, trend)
            )
            views.setdefault(figure.check, []).append(view)
    return views


def _spark(figure: Figure, trend: Trend) -> Markup:
    values = trend.values[-SHOWN:]
    low, high = min(*values, trend.low), max(*values, trend.high)
    room = (high - low) or 1.0

    def y(value: float) -> float:
        return MARGIN + (HEIGHT - 2 * MARGIN) * (1 - (value - low) / room)

    def x(index: int) -> str:
        return share(index + 0.5, len(values))

    line = " ".join(f"{100 * (i + 0.5) / len(values):.2f},{number(y(v))}" for i, v in enumerate(values))
    best = max(i for i, v in enumerate(values) if v == _best(values, figure))
    parts = [
        tag(
            "rect",
            class_="band",
            x="0%",
            width="100%",
            y=y(trend.high) - 2,
            height=y(trend.low) - y(trend.high) + 4,
            rx=2,
        ),
        tag(
            "svg",
            tag("polyline", class_="line", points=line),
            viewBox=f"0 0 100 {HEIGHT:g}",
            preserveAspectRatio="none",
            width="100%",
            height=HEIGHT,
        ),
        *(tag("circle", class_="dot", cx=x(i), cy=y(v), r=2) for i, v in enumerate(values)),
        tag("circle", class_="best", cx=x(best), cy=y(values[best]), r=4),
        tag("circle", class_="last", cx=x(len(values) - 1), cy=y(values[-1]), r=3.5),
    ]
    says = f"{figure.title}: {len(values)} runs, from {figure.shown(values[0])} to {figure.shown(values[-1])}"
    return tag("svg", *parts, class_="spark", role="img", aria_label=says, width="100%", height=HEIGHT)


def _best(values: tuple[float, ...], figure: Figure) -> float:
    return min(values) if figure.better == "lower" else max(values)
