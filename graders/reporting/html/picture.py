"""What a picture is to the page: the drawing, a thumbnail, a sentence, the numbers, the legend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from markupsafe import Markup

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a picture, for those who would rather read."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, ready for the page; `legend` names the classes of its marks."""

    svg: Markup
    mini: Markup
    says: str
    table: Table
    legend: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """About how many characters of the page it takes."""
        cells = sum(len(cell) + 9 for row in self.table.rows for cell in row)
        return len(self.svg) + len(self.mini) + len(self.says) + cells


class Draw(Protocol):
    """Draws one kind of picture from its data and from the rest of the check's evidence."""

    def __call__(self, data: Data, evidence: Data) -> Drawn:
        """`KeyError`, `TypeError` or `ValueError` where the data is not of that kind."""
        ...
