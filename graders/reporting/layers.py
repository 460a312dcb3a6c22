"""The layers of an image drawn in plain characters: how heavy each one is, how long it took, which a build made."""

from __future__ import annotations

from dataclasses import dataclass

from graders.measuring.layers import Layer, Layers

NUMBERS = len("  1234.5 MB  123.4 s")
LEAST_BAR = 14
LEAST_NAME = 20


@dataclass(frozen=True, slots=True)
class LayerGlyphs:
    """The characters to draw with: a layer that was kept, and one that was made in this build."""

    kept: str = "░"
    made: str = "█"
    cut: str = "…"


PRETTY = LayerGlyphs()
ASCII = LayerGlyphs(kept="-", made="#", cut="~")


def layers(picture: Layers, width: int = 84, glyphs: LayerGlyphs = PRETTY) -> list[str]:
    """Draw the layers in lines of at most `width` characters, the base first, their sum last."""
    if not picture.layers:
        return ["(no layers)"]
    longest = max(LEAST_NAME, *(len(layer.step) for layer in picture.layers))
    names = min(longest, max(LEAST_NAME, width - NUMBERS - LEAST_BAR - 2))
    columns = max(LEAST_BAR, width - NUMBERS - names - 2)
    heaviest = max(layer.bytes for layer in picture.layers) or 1
    lines = []
    for layer in picture.layers:
        glyph = glyphs.made if layer.is_anew else glyphs.kept
        bar = glyph * max(1, round(columns * layer.bytes / heaviest))
        lines.append(f"{_cut(layer.step, names, glyphs):<{names}}  {bar:<{columns}}{_numbers(layer)}".rstrip())
    total = f"in all (max {picture.limit_bytes / 10**6:.0f} MB)" if picture.limit_bytes else "in all"
    lines.append(f"{total:<{names}}  {'':<{columns}}{_megabytes(picture.total_bytes):>11}")
    if any(layer.is_anew is not None for layer in picture.layers):
        lines.append(f"{glyphs.made} made in this build  {glyphs.kept} was there before")
    return lines


def _numbers(layer: Layer) -> str:
    seconds = "" if layer.seconds is None else f"{layer.seconds:7.1f} s"
    return f"{_megabytes(layer.bytes):>11}{seconds}"


def _megabytes(size: int) -> str:
    return f"{size / 10**6:.1f} MB"


def _cut(text: str, length: int, glyphs: LayerGlyphs) -> str:
    return text if len(text) <= length else text[: length - 1] + glyphs.cut
