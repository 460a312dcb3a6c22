"""Exercise 5 in pictures: the layers of an image, and a service as a process and as a container."""

from __future__ import annotations

from graders.reporting.html.picture import Data, Drawn, Table
from graders.reporting.html.rows import Bar, Row, mini_of, rows_of

MB = 10**6


def draw_layers(data: Data, evidence: Data) -> Drawn:
    """The layers of an image with what each added; those that this build made stand out."""
    layers = data["layers"]
    total, limit = sum(layer["bytes"] for layer in layers), data.get("limit_bytes") or None
    rows = [_layer(layer) for layer in layers]
    anew = [layer for layer in layers if layer.get("anew")]
    says = f"{len(layers)} layers, {total / MB:.0f} MB in all"
    says += f" of {limit / MB:.0f} MB allowed." if limit else "."
    if any(layer.get("anew") is not None for layer in layers):
        added = sum(layer["bytes"] for layer in anew)
        says += f" This build made {len(anew)} of them, {added / MB:.1f} MB; the others were there before."
    legend = [("work", "size of a layer")]
    if anew:
        legend.append(("shed", "made in this build"))
    if limit:
        whole = Row("the image", (Bar(total / MB, "bad" if total > limit else "good"),), f"{total / MB:.0f} MB")
        legend.append(("limit", f"{limit / MB:.0f} MB, the most that the image may have"))
        return Drawn(rows_of([whole, *rows], limit / MB), mini_of([whole, *rows]), says, Table((), ()), tuple(legend))
    return Drawn(rows_of(rows), mini_of(rows), says, Table((), ()), tuple(legend))


def _layer(layer: Data) -> Row:
    took = f"{layer['seconds']:.1f} s" if layer.get("seconds") is not None else ""
    kind = "shed" if layer.get("anew") else "work"
    note = ", ".join(part for part in (took, "made in this build" if layer.get("anew") else "") if part)
    size = layer["bytes"] / MB
    return Row(str(layer["step"])[:120], (Bar(size, kind),), f"{size:.1f} MB" if size else "0", note)


def draw_parity(data: Data, evidence: Data) -> Drawn:
    """The same quantities of the service as a plain process and as a container."""
    rows = []
    for entry in data["rows"]:
        for where, kind in (("process", "work"), ("container", "shed")):
            seconds = entry[f"{where}_s"]
            value = "not measured" if seconds is None else f"{seconds:.2f} s"
            rows.append(Row(f"{entry['quantity']}, {where}", (Bar(seconds or 0.0, kind),), value))
    says = "The same service as a plain process and as a container."
    return Drawn(rows_of(rows), mini_of(rows), says, Table((), ()), (("work", "process"), ("shed", "container")))
