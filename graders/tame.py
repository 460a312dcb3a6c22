"""What a learner's program said, made fit to be kept and shown: no control characters, no NaN, no flood."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

MAX_TEXT = 8_000
MAX_ITEMS = 20_000
MAX_DEPTH = 30
HARMLESS = frozenset("\n\t")
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Control, format (direction overrides among them), surrogate and private characters; separators of lines."""

JOINERS = frozenset("\u200c\u200d")
"""Format characters that scripts and emoji need."""


def tame(text: str, most: int = MAX_TEXT) -> str:
    """The text with what a terminal, a page or a file might obey made visible, cut at `most` characters."""
    if len(text) > most:
        text = f"{text[:most]}\n… ({len(text) - most} more characters)"
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_visible, text))


def tame_data(value: Any, depth: int = 0) -> Any:
    """JSON data with every text tamed, no number that JSON does not know, no nesting without end."""
    if isinstance(value, str):
        return tame(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool | int | None):
        return value
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {tame(str(k), 200): tame_data(v, depth + 1) for k, v in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, list | tuple):
        return [tame_data(v, depth + 1) for v in value[:MAX_ITEMS]]
    return tame(repr(value), 200)


def _visible(char: str) -> str:
    if char in HARMLESS or char in JOINERS or unicodedata.category(char) not in HIDDEN:
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
