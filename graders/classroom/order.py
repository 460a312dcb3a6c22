"""What is asked of one grading, and what came of it: plain data that travels between processes and machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How a grading is isolated from the machine and from the others (design decision 8)."""

    NAMESPACES = "namespaces"
    USER = "user"
    NONE = "none"


class Ended(StrEnum):
    """How a grading ended."""

    FINISHED = "finished"
    TIMEOUT = "timeout"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Order:
    """One submission to grade: where it lies, what is graded, how it is isolated, how long it may take."""

    submission: str
    name: str
    exercises: tuple[str, ...]
    level: Level
    uid: int | None
    timeout_s: float
    state: str
    """A folder with what may be remembered from one grading to the next: facts about this machine, no verdicts."""

    def to_json(self) -> dict[str, Any]:
        """Data that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Order:
        """The order again."""
        return cls(**{**data, "exercises": tuple(data["exercises"]), "level": Level(data["level"])})


@dataclass(frozen=True, slots=True)
class Result:
    """What a grading left: the last report card (JSON, contract), how it ended, what it printed."""

    ended: Ended
    card: dict[str, Any] | None = None
    printed: str = ""
    seconds: float = 0.0
    why: str = ""
    survivors: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Data that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """The result again."""
        return cls(**{**data, "ended": Ended(data["ended"])})
