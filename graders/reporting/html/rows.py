"""A list of named bars: names and values are real text that wraps, the bars are decoration beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from graders.reporting.html.svg import joined, miniature, share, tag


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a row, as long as its amount; `kind` is its class."""

    amount: float
    kind: str = "work"


@dataclass(frozen=True, slots=True)
class Row:
    """A name, bars one after another, and what the value is called."""

    name: str
    bars: tuple[Bar, ...]
    value: str
    note: str = ""
    is_bad: bool = False

    @property
    def total(self) -> float:
        """How far the bars reach."""
        return sum(bar.amount for bar in self.bars)


def rows_of(rows: Sequence[Row], limit: float | None = None) -> Markup:
    """Rows over one another on one scale; `limit` is drawn through every row."""
    most = max([row.total for row in rows] + ([limit] if limit else []), default=0.0) or 1.0
    return tag("ul", joined(_row(row, most, limit) for row in rows), class_="rows")


def _row(row: Row, most: float, limit: float | None) -> Markup:
    words = [tag("span", row.name, class_="row-name")]
    if row.note:
        words.append(tag("span", row.note, class_="row-note"))
    words.append(tag("span", row.value, class_="row-value"))
    parts, reached = [], 0.0
    for bar in row.bars:
        kinds = {"class_": bar.kind, "x": share(reached, most), "width": share(bar.amount, most)}
        parts.append(tag("rect", **kinds, y=1, height=10, rx=1.5))
        reached += bar.amount
    if limit:
        parts.append(tag("line", class_="limit", x1=share(limit, most), x2=share(limit, most), y1=-3, y2=15))
    picture = tag("svg", *parts, class_="row-bar", width="100%", height=12, aria_hidden="true", focusable="false")
    return tag("li", *words, picture, class_="bad-row" if row.is_bad else None)


def mini_of(rows: Sequence[Row]) -> Markup:
    """The same rows as a thumbnail; at most seven of them."""
    shown = rows[:7]
    most = max((row.total for row in shown), default=0.0) or 1.0
    pitch = 20 / max(len(shown), 1)
    parts = []
    for number, row in enumerate(shown):
        reached = 0.0
        for bar in row.bars:
            parts.append(
                tag(
                    "rect",
                    class_=bar.kind,
                    x=share(reached, most),
                    width=share(bar.amount, most),
                    y=number * pitch,
                    height=min(6.0, pitch * 0.72),
                )
            )
            reached += bar.amount
    return miniature(*parts)
