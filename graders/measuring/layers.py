"""The layers of an image as a picture: what each step added, and which ones a build made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: the step that made it, its size, how long that took, whether this build made it (if known)."""

    step: str
    bytes: int
    seconds: float | None = None
    is_anew: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """What is known of it."""
        known = {"step": self.step, "bytes": self.bytes, "seconds": self.seconds, "anew": self.is_anew}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers of an image, the base first."""

    layers: tuple[Layer, ...]
    limit_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """The size of the image."""
        return sum(layer.bytes for layer in self.layers)

    def short(self, named: int = 3) -> str:
        """The heaviest layers in one line, by the first words of their steps, and what all others add."""
        heaviest = sorted(self.layers, key=lambda layer: -layer.bytes)[:named]
        told = [f"{' '.join(layer.step.split()[:3])} {layer.bytes / 10**6:.1f} MB" for layer in heaviest]
        if rest := len(self.layers) - len(heaviest):
            left = self.total_bytes - sum(layer.bytes for layer in heaviest)
            told.append(f"{rest} more {left / 10**6:.1f} MB")
        return ", ".join(told)

    def limited_to(self, limit_bytes: int) -> Layers:
        """The same layers beside a limit."""
        return replace(self, limit_bytes=limit_bytes)

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports."""
        return {
            "kind": "layers",
            "layers": [layer.to_json() for layer in self.layers],
            **({"limit_bytes": self.limit_bytes} if self.limit_bytes else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layers:
        """The layers again from what `to_json` made of them."""
        layers = tuple(Layer(e["step"], e["bytes"], e.get("seconds"), e.get("anew")) for e in data["layers"])
        return cls(layers, data.get("limit_bytes", 0))
