"""Every kind of picture that an outcome may carry: read back from its data, and drawn in plain characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graders.expect import Picture
from graders.measuring.load_test import LoadPicture
from graders.measuring.timeline import Timeline
from graders.reporting import load_steps, waterfall


def picture_from(data: Mapping[str, Any]) -> Picture:
    """The picture again from its data; what names no kind is a timeline."""
    if data.get("kind") == "load_steps":
        return LoadPicture.from_json(data)
    return Timeline.from_json(data)


def drawn(picture: Picture, width: int, is_plain: bool = False) -> list[str]:
    """The picture in lines of at most `width` characters; nothing for a kind that is for pages only."""
    match picture:
        case Timeline():
            return waterfall.waterfall(picture, width, waterfall.ASCII if is_plain else waterfall.PRETTY)
        case LoadPicture():
            return load_steps.load_steps(picture, width, load_steps.ASCII if is_plain else load_steps.PRETTY)
    return []
