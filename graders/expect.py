"""One unmet requirement, told to a person: what the check did, what it saw, what it wanted, where to look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


class Picture(Protocol):
    """Something that can be drawn beside a verdict."""

    def to_json(self) -> dict[str, Any]:
        """The data of the picture."""
        ...


class Raced(Protocol):
    """The outcome of a race against a floor."""

    @property
    def is_met(self) -> bool:
        """An attempt stayed under the floor."""
        ...

    @property
    def is_undecided(self) -> bool:
        """Nobody can tell: the reference service missed the floor too."""
        ...

    @property
    def explanation(self) -> str:
        """What held the requests up, if it was seen; for an undecided race, why nobody can tell."""
        ...

    @property
    def culprit(self) -> str:
        """The line that blocked, where one is known: the same for every check that it fails."""
        ...

    @property
    def evidence(self) -> dict[str, Any]:
        """Every time measured."""
        ...


class Unmet(Exception):  # noqa: N818 - not an error of the program: a verdict
    """The submission does not keep a promise; `cause` is the same for every check that fails for one reason."""

    def __init__(self, did: str, saw: str, wanted: str, look_at: str, cause: str = "") -> None:
        self.did, self.saw, self.wanted, self.look_at = did, saw, wanted, look_at
        self.cause = cause
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The four lines that a learner reads."""
        lines = {"did": self.did, "saw": self.saw, "wanted": self.wanted, "look at": self.look_at}
        return "\n".join(_labelled(label, text) for label, text in lines.items() if text)


class Inconclusive(Exception):  # noqa: N818
    """Nobody can tell here and now: the machine is too busy and the check cannot be judged in exact time."""


class NotRun(Exception):  # noqa: N818
    """Nothing on this machine can judge the check; the message says what to install."""


class GraderFaultError(Exception):
    """The lab itself is broken; never the learner's fault."""


@dataclass
class Expect:
    """Given to a test: states requirements and keeps what is worth showing, passed or not."""

    figure: str = ""
    pictures: list[Picture] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        holds: bool,
        *,
        did: str,
        saw: str,
        wanted: str,
        look_at: str = "",
        picture: Picture | None = None,
        cause: str = "",
    ) -> None:
        """Go on if the requirement holds; raise `Unmet` if not, with the picture of what happened."""
        if picture is not None:
            self.show(picture=picture)
        if not holds:
            raise Unmet(did, saw, wanted, look_at, cause)

    def met(self, raced: Raced, *, did: str, saw: str, wanted: str, look_at: str) -> None:
        """Require that a race was won; raise `Inconclusive` where nobody can tell."""
        self.evidence |= raced.evidence
        if raced.is_undecided:
            raise Inconclusive(raced.explanation)
        seen = f"{saw}\n{raced.explanation}" if raced.explanation else saw
        self(raced.is_met, did=did, saw=seen, wanted=wanted, look_at=look_at, cause=raced.culprit)

    def show(self, figure: str = "", picture: Picture | None = None, **evidence: Any) -> None:
        """Keep a number for the card, a picture for the page, data for the report; the last picture wins."""
        self.figure = figure or self.figure
        if picture is not None:
            self.pictures = [picture]
        self.evidence |= evidence


def _labelled(label: str, text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"{label + ':':8} {first}", *(f"{'':8} {line}" for line in rest)])
