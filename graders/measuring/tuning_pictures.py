"""What exercise 4 draws, as data: who computed, who was shed, what became of faults, which calls were shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from graders.measuring.timeline import Answer


@dataclass(frozen=True, slots=True)
class Share:
    """What one process did: calls of the model, and processor time in seconds."""

    calls: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Shares:
    """How CPU-bound work was shared among processes, the busiest first."""

    KIND: ClassVar[str] = "shares"
    rows: tuple[Share, ...]

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        return {"kind": self.KIND, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shares:
        """The same again."""
        return cls(tuple(Share(row["calls"], row["cpu_s"]) for row in data["rows"]))


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a burst: sent and done in seconds since the burst began; `done_s` is None without an answer."""

    label: str
    sent_s: float
    done_s: float | None
    status: int | None


@dataclass(frozen=True, slots=True)
class Shedding:
    """A burst at a service with a limit of predictions in flight."""

    KIND: ClassVar[str] = "shedding"
    limit: int
    requests: tuple[Arrival, ...]

    @classmethod
    def of(cls, limit: int, answers: Sequence[Answer]) -> Shedding:
        """The picture of a burst."""

        def rounded(seconds: float | None) -> float | None:
            return None if seconds is None else round(seconds, 4)

        return cls(limit, tuple(Arrival(a.label, round(a.sent_s, 4), rounded(a.done_s), a.status) for a in answers))

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        return {"kind": self.KIND, "limit": self.limit, "requests": [asdict(request) for request in self.requests]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shedding:
        """The same again."""
        return cls(data["limit"], tuple(Arrival(**request) for request in data["requests"]))


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault of the feature store, the settings if any, the status wanted and got, and after how many seconds."""

    fault: str
    settings: str
    wanted: int
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class FaultTable:
    """What a service made of each fault of its feature store."""

    KIND: ClassVar[str] = "faults"
    rows: tuple[FaultRow, ...]

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        return {"kind": self.KIND, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FaultTable:
        """The same again."""
        return cls(tuple(FaultRow(**row) for row in data["rows"]))


@dataclass(frozen=True, slots=True)
class Batches:
    """How many items each call of the model got, when so many requests came at once and took `wall_s` seconds."""

    KIND: ClassVar[str] = "batches"
    requests: int
    calls: tuple[int, ...]
    wall_s: float

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        return {"kind": self.KIND, "requests": self.requests, "calls": list(self.calls), "wall_s": self.wall_s}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Batches:
        """The same again."""
        return cls(data["requests"], tuple(data["calls"]), data["wall_s"])


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a diagram: points (x, y), and where one has no y, why (such as "503")."""

    name: str
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """Several curves over one another, each with an axis of its own and the same scale."""

    KIND: ClassVar[str] = "curves"
    x: str
    y: str
    none: str
    curves: tuple[Curve, ...]

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        curves = [{"name": curve.name, "points": [list(point) for point in curve.points]} for curve in self.curves]
        return {"kind": self.KIND, "x": self.x, "y": self.y, "none": self.none, "curves": curves}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Curves:
        """The same again."""
        curves = tuple(Curve(c["name"], tuple((x, y) for x, y in c["points"])) for c in data["curves"])
        return cls(data["x"], data["y"], data["none"], curves)


@dataclass(frozen=True, slots=True)
class Rate:
    """One setting of an experiment: throughput and latency under it."""

    name: str
    per_s: float
    p50_ms: float
    p95_ms: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rates:
    """Throughput beside its latency, a row for each setting."""

    KIND: ClassVar[str] = "rates"
    setting: str
    rows: tuple[Rate, ...]

    def to_json(self) -> dict[str, Any]:
        """The data, by which `from_json` makes it again."""
        return {"kind": self.KIND, "setting": self.setting, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rates:
        """The same again."""
        return cls(data["setting"], tuple(Rate(**row) for row in data["rows"]))
