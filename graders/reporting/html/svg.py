"""SVG elements as escaped text. Horizontal places are shares of the width, so that a picture fits any screen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

Value = str | float | None


def tag(name: str, *children: str, **attributes: Value) -> Markup:
    """One element; children and values are escaped unless they are markup already, `None` leaves an attribute out.

    `class_` means class; other underscores become hyphens.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value) if isinstance(value, int | float) else value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>")


def joined(parts: Iterable[str]) -> Markup:
    """Elements one after another."""
    return Markup("").join(parts)


def number(value: float) -> str:
    """A number with at most two digits behind the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def share(part: float, whole: float) -> str:
    """A place as a share of the width: "37.5%"."""
    return f"{100 * part / whole:.3f}".rstrip("0").rstrip(".") + "%" if whole else "0%"


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from 0 to `span` with round steps."""

    span: float
    step: float

    @classmethod
    def covering(cls, most: float, marks: int = 6) -> Axis:
        """The scale from 0 to at least `most` with at most so many steps of 1, 2 or 5 times a power of ten."""
        raw = max(most, 1e-9) / marks
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
        return cls(step * math.ceil(most / step - 1e-6), step)

    @property
    def marks(self) -> list[float]:
        """The places with a label, 0 and the end included."""
        return [round(i * self.step, 12) for i in range(round(self.span / self.step) + 1)]

    def at(self, value: float) -> str:
        """A value's place as a share."""
        return share(min(max(value, 0.0), self.span), self.span)

    def length(self, start: float, end: float) -> str:
        """The distance between two values as a share."""
        return share(max(0.0, min(end, self.span) - max(start, 0.0)), self.span)


def grid(axis: Axis, height: float, unit: str, top: float = 20) -> Markup:
    """Vertical lines with labels above them; the unit stands at the last one."""
    parts = []
    for i, mark in enumerate(axis.marks):
        after = len(axis.marks) - 1 - i
        parts.append(tag("line", class_="grid", x1=axis.at(mark), x2=axis.at(mark), y1=top - 4, y2=height))
        label = f"{mark:g}" if after else f"{mark:g} {unit}"
        kind = "tick between" if after % 2 else "tick"  # narrow screens leave every other one out
        parts.append(tag("text", label, class_=kind, x=axis.at(mark), y=top - 9, text_anchor="middle"))
    return joined(parts)


def plot(kind: str, says: str, height: float, *parts: str) -> Markup:
    """The picture itself, one image to a screen reader; labels may stand outside of its box, in the page's gutters."""
    return tag(
        "svg", *parts, class_=f"plot {kind}", role="img", aria_label=says, width="100%", height=math.ceil(height)
    )


def miniature(*parts: str) -> Markup:
    """A thumbnail of 72 by 20, decoration only."""
    return tag("svg", *parts, class_="mini", width=72, height=20, aria_hidden="true", focusable="false")
