"""The shape of an experiment: what is asked beforehand, how it is measured, drawn and summed up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from graders.expect import Picture
from graders.running.launcher import Launcher

Part = TypeVar("Part")
Tell = Callable[[str], None]
"""Says what is measured next."""

DIGITS = {"s": 2}


@dataclass(frozen=True, slots=True)
class Question(Generic[Part]):
    """A figure to predict; `found` gives it, or None as long as it is not measured."""

    text: str
    unit: str
    found: Callable[[Sequence[Part]], float | None]

    def number(self, typed: str) -> float | None:
        """What a person typed as a number, with or without the unit; raises ValueError where it is none."""
        text = typed.strip().removesuffix(self.unit).strip().replace(",", ".")
        return float(text) if text else None

    def shown(self, value: float) -> str:
        """A figure with its unit."""
        return f"{value:.{DIGITS.get(self.unit, 0)}f} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Experiment(Generic[Part]):
    """One row of the table.

    `measure` yields parts as they are measured. `each` is what is shown of a part at once (a heading, a picture),
    `pictures` what is drawn of all of them at the end, `notes` what is to be copied from them, and `says` the one
    sentence to take along. `exactly` measures a part again on a virtual clock; where there is no such thing,
    `no_exact` says why.
    """

    name: str
    line: str
    lesson: int
    takes_s: int
    asks: str
    questions: tuple[Question[Part], ...]
    measure: Callable[[Launcher, Tell], AsyncGenerator[Part, None]]
    says: Callable[[Sequence[Part]], str]
    pictures: Callable[[Sequence[Part]], list[Picture]] = lambda _: []
    each: Callable[[Part], tuple[str, Picture]] | None = None
    notes: Callable[[Sequence[Part]], list[str]] = lambda _: []
    exactly: Callable[[Launcher, Part], Awaitable[Picture | None]] | None = None
    no_exact: str = ""
