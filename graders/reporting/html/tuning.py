"""Exercise 4 in pictures: who was shed, who computed, which calls were shared, what became of faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from graders.reporting.html.picture import Data, Drawn, Table
from graders.reporting.html.rows import Bar, Row, mini_of, rows_of
from graders.reporting.html.svg import Axis, grid, miniature, plot, share, tag

SHED = 503
MAX_REQUESTS = 120
TOP = 22


def draw_shedding(data: Data, evidence: Data) -> Drawn:
    """A burst at a service with a limit: the accepted first, then who was turned away, each as a bar of time."""
    limit, requests = int(data["limit"]), [dict(request) for request in data["requests"][:MAX_REQUESTS]]
    if not requests:
        raise ValueError("a burst without requests")
    for request in requests:
        request["kind"] = _kind(request)
    requests.sort(key=lambda r: (("work", "other", "shed", "bad").index(r["kind"]), _end(r)))
    span_s = max([_end(r) for r in requests if _end(r) < float("inf")] + [r["sent_s"] for r in requests] + [0.01])
    axis = Axis.covering(span_s)
    pitch = max(5, min(14, 360 // len(requests)))
    parts = [grid(axis, TOP + pitch * len(requests), "s", TOP)]
    start = 0
    for row, request in enumerate(requests):
        end_s = min(_end(request), axis.span)
        kind = request["kind"]
        parts.append(
            tag(
                "rect",
                class_=kind,
                x=axis.at(request["sent_s"]),
                y=TOP + row * pitch + 1,
                width=_width(axis, request, end_s),
                height=pitch - 2,
                rx=1.5,
            )
        )
        last = row + 1 == len(requests)
        if last or requests[row + 1]["kind"] != kind:
            middle = TOP + pitch * (start + row + 1) / 2 + 4
            parts.append(tag("text", str(row + 1 - start), class_="name", x=0, y=middle, dx=-8, text_anchor="end"))
            parts.append(tag("text", WORDS[kind], class_="value", x="100%", y=middle, dx=8))
            start = row + 1
    says = _shed_sentence(requests, limit)
    return Drawn(
        plot("shedding", says, TOP + pitch * len(requests) + 4, *parts),
        _shed_mini(requests, axis.span),
        says,
        _request_table(requests),
        tuple((kind, text) for kind, text in LEGEND if any(r["kind"] == kind for r in requests)),
    )


WORDS = {"work": "accepted", "other": "others", "shed": "503", "bad": "otherwise"}
LEGEND = (
    ("work", "accepted"),
    ("shed", "turned away with 503"),
    ("other", "other routes, never shed"),
    ("bad", "answered otherwise, or not at all"),
)


def _kind(request: Data) -> str:
    if not str(request["label"]).split(" ")[-1].startswith("/predict"):
        return "other" if request["status"] == 200 else "bad"
    if request["done_s"] is None:
        return "bad"
    return {200: "work", SHED: "shed"}.get(request["status"], "bad")


def _end(request: Data) -> float:
    return float("inf") if request["done_s"] is None else float(request["done_s"])


def _width(axis: Axis, request: Data, end_s: float) -> str:
    return axis.length(request["sent_s"], max(end_s, request["sent_s"] + axis.span / 120))


def _shed_sentence(requests: Sequence[Data], limit: int) -> str:
    accepted = [r for r in requests if r["kind"] == "work"]
    shed = [r for r in requests if r["kind"] == "shed"]
    text = f"{len(accepted) + len(shed)} predictions at a limit of {limit}: {len(accepted)} accepted"
    if accepted:
        text += f" (done after {min(map(_end, accepted)):.2f} to {max(map(_end, accepted)):.2f} s)"
    if shed:
        text += f", {len(shed)} turned away, the last after {max(map(_end, shed)):.3f} s"
    bad = sum(r["kind"] == "bad" for r in requests)
    return text + (f", {bad} answered otherwise or not at all." if bad else ".")


def _shed_mini(requests: Sequence[Data], span_s: float) -> Markup:
    pitch = 20 / len(requests)
    return miniature(
        *(
            tag(
                "rect",
                class_=r["kind"],
                x=share(r["sent_s"], span_s),
                y=row * pitch,
                width=share(max(min(_end(r), span_s) - r["sent_s"], span_s / 30), span_s),
                height=max(0.8, pitch * 0.8),
            )
            for row, r in enumerate(requests)
        )
    )


def _request_table(requests: Sequence[Data]) -> Table:
    rows = tuple(
        (
            str(number),
            str(r["label"]),
            f"{r['sent_s']:.4f}",
            "no answer" if r["done_s"] is None else f"{r['done_s']:.4f}",
            str(r["status"] or ""),
        )
        for number, r in enumerate(requests, 1)
    )
    return Table(("", "request", "sent at, s", "answered at, s", "status"), rows)


def draw_shares(data: Data, evidence: Data) -> Drawn:
    """Processor time per process, with the calls of the model that it made."""
    rows = [
        Row(f"process {number}", (Bar(row["cpu_s"]),), f"{row['cpu_s']:.2f} s", _calls(row["calls"]))
        for number, row in enumerate(data["rows"], 1)
    ]
    working = sum(row["calls"] > 0 for row in data["rows"])
    says = f"Processor time of each process: {working} of {len(rows)} called the model."
    return Drawn(rows_of(rows), mini_of(rows), says, Table((), ()))


def _calls(count: int) -> str:
    return "1 call of the model" if count == 1 else f"{count} calls of the model"


def draw_batches(data: Data, evidence: Data) -> Drawn:
    """The items of each call of the model."""
    calls = [int(items) for items in data["calls"]]
    rows = [
        Row(f"call {number}", (Bar(items),), f"{items} item{'s' if items != 1 else ''}")
        for number, items in enumerate(calls[:40], 1)
    ]
    more = f" The first {len(rows)} are drawn." if len(calls) > len(rows) else ""
    says = (
        f"{data['requests']} requests at once became {len(calls)} calls of the model in {data['wall_s']:.2f} s.{more}"
    )
    return Drawn(rows_of(rows), mini_of(rows), says, Table((), ()))


def draw_faults(data: Data, evidence: Data) -> Drawn:
    """Each fault of the feature store with the status wanted and got, as long as it took."""
    rows = [_fault(row) for row in data["rows"]]
    wrong = sum(row.is_bad for row in rows)
    says = f"{len(rows)} faults of the feature store, " + (
        f"{wrong} answered otherwise than wanted."
        if wrong
        else "each answered with the status that says what happened."
    )
    legend = (("work", "as long as the answer took"), *([("bad", "another status than wanted")] if wrong else []))
    return Drawn(rows_of(rows), mini_of(rows), says, Table((), ()), legend)


def _fault(row: Data) -> Row:
    right = row["status"] == row["wanted"]
    got: Any = row["status"] or "no answer"
    value = f"{got}, {row['seconds']:.2f} s" if right else f"{got}, wanted {row['wanted']}, {row['seconds']:.2f} s"
    bar = Bar(float(row["seconds"]), "work" if right else "bad")
    return Row(f"the store {row['fault']}", (bar,), value, str(row["settings"]), not right)
