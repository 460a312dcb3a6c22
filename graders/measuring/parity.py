"""The same service as a plain process and as a container, in the same few quantities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Parity:
    """Seconds per quantity: of the process, of the container; `None` where it was not measured."""

    rows: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)

    def note(self, quantity: str, process_s: float | None, container_s: float | None) -> None:
        """Keep what was measured; what was known before stays."""
        old = self.rows.get(quantity, (None, None))
        self.rows[quantity] = (
            old[0] if process_s is None else process_s,
            old[1] if container_s is None else container_s,
        )

    def short(self, *quantities: str) -> str:
        """Some of the quantities, or all, in one line; what was not measured on both sides is left out."""
        pairs = [(name, *self.rows[name]) for name in quantities or self.rows if name in self.rows]
        told = [f"{name} {a:.2f} / {b:.2f} s" for name, a, b in pairs if a is not None and b is not None]
        return f"process / container: {', '.join(told)}" if told else ""

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports, rounded to a millisecond."""
        rows = [
            {"quantity": quantity, "process_s": _rounded(process_s), "container_s": _rounded(container_s)}
            for quantity, (process_s, container_s) in self.rows.items()
        ]
        return {"kind": "parity", "rows": rows}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Parity:
        """The comparison again from what `to_json` made of it."""
        return cls({row["quantity"]: (row["process_s"], row["container_s"]) for row in data["rows"]})


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
