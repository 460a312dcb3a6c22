"""Every kind of picture that an outcome may carry: read back from its data, and drawn in plain characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graders.expect import Picture
from graders.measuring.goodput import Goodput
from graders.measuring.layers import Layers
from graders.measuring.load_test import LoadPicture
from graders.measuring.open_closed import OpenClosed
from graders.measuring.parity import Parity
from graders.measuring.sample import Latencies, Sample
from graders.measuring.timeline import Timeline
from graders.measuring.tuning_pictures import Batches, Curves, FaultTable, Rates, Shares, Shedding
from graders.reporting import bars, layers, load_steps, parity, waterfall
from graders.reporting.batches import batches
from graders.reporting.curves import curves
from graders.reporting.dots import dots
from graders.reporting.faults import faults
from graders.reporting.goodput import goodput
from graders.reporting.open_closed import open_closed
from graders.reporting.rates import rates
from graders.reporting.shares import shares
from graders.reporting.shedding import shedding

TUNING = {kind.KIND: kind for kind in (Batches, Curves, FaultTable, Goodput, OpenClosed, Rates, Shares, Shedding)}


def picture_from(data: Mapping[str, Any]) -> Picture:
    """The picture again from its data; what names no kind is a timeline."""
    if data.get("kind") == "load_steps":
        return LoadPicture.from_json(data)
    if (kind := TUNING.get(str(data.get("kind")))) is not None:
        return kind.from_json(data)
    if data.get("kind") == "layers":
        return Layers.from_json(data)
    if data.get("kind") == "parity":
        return Parity.from_json(data)
    if data.get("kind") == Sample.KIND:
        return Sample.from_json(data)
    if data.get("kind") == Latencies.KIND:
        return Latencies.from_json(data)
    return Timeline.from_json(data)


def drawn(picture: Picture, width: int, is_plain: bool = False) -> list[str]:
    """The picture in lines of at most `width` characters; nothing for a kind that is for pages only."""
    match picture:
        case Timeline():
            return waterfall.waterfall(picture, width, waterfall.ASCII if is_plain else waterfall.PRETTY)
        case LoadPicture():
            return load_steps.load_steps(picture, width, load_steps.ASCII if is_plain else load_steps.PRETTY)
        case Layers():
            return layers.layers(picture, width, layers.ASCII if is_plain else layers.PRETTY)
        case Parity():
            return parity.parity(picture, width, parity.ASCII if is_plain else parity.PRETTY)
        case Sample():
            return dots(picture, width, waterfall.ASCII if is_plain else waterfall.PRETTY)
        case Batches():
            return batches(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case Curves():
            return curves(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case FaultTable():
            return faults(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case Goodput():
            return goodput(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case OpenClosed():
            return open_closed(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case Rates():
            return rates(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case Shares():
            return shares(picture, width, bars.ASCII if is_plain else bars.PRETTY)
        case Shedding():
            return shedding(picture, width, bars.ASCII if is_plain else bars.PRETTY)
    return []
