"""What a service did with more and more load, as data: who was served in time, who late, who was turned away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Offered:
    """One rate of requests: its answers in time, each second; the p95 of the accepted; the share turned away.

    `p95_s` is None where nobody was accepted.
    """

    per_s: float
    good_per_s: float
    p95_s: float | None
    turned_away: float


@dataclass(frozen=True, slots=True)
class Goodput:
    """A service in several settings, each by name under the same rates; an answer is good within `good_s`."""

    KIND: ClassVar[str] = "goodput"
    good_s: float
    settings: tuple[tuple[str, tuple[Offered, ...]], ...]

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        settings = [{"name": name, "rows": [asdict(row) for row in rows]} for name, rows in self.settings]
        return {"kind": self.KIND, "good_s": self.good_s, "settings": settings}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Goodput:
        """The same again."""
        settings = tuple((of["name"], tuple(Offered(**row) for row in of["rows"])) for of in data["settings"])
        return cls(data["good_s"], settings)
