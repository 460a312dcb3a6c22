"""A burst as a waterfall: a block is concurrency, a staircase is one after another, two blocks of 40 are a pool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from graders.measuring.timeline import Answer, Timeline
from graders.reporting.html.picture import Data, Drawn, Table
from graders.reporting.html.svg import Axis, grid, joined, miniature, plot, share, tag

TOP = 22
MAX_ROWS = 160
NAMED_ROWS = 14
MOST_LABELS = 4
GAP_SHARE = 0.6
"""Answers further apart than this share of the fastest request belong to different waves."""


def draw_waterfall(data: Data, evidence: Data) -> Drawn:
    """Draw a `Timeline`; `floor_s` of the evidence is the line that it had to stay under."""
    timeline = Timeline.from_json(data)
    answers = ordered(timeline)
    if not answers:
        raise ValueError("a burst without requests")
    floor_s = evidence.get("floor_s")
    floor_s = float(floor_s) if isinstance(floor_s, int | float) and 0 < floor_s < 60 else None
    axis = Axis.covering(max(timeline.span_s, 1.1 * (floor_s or 0.0), 0.01))
    shown = thinned(answers)
    pitch = 22 if len(shown) <= NAMED_ROWS else max(3, min(9, 420 // len(shown)))
    bottom = TOP + pitch * len(shown) + (26 if timeline.blocked else 4)
    fastest = fastest_of(answers)
    parts = [grid(axis, bottom, "s", TOP)]
    for row, answer in enumerate(shown):
        parts.append(_row(answer, fastest[answer.label], axis, TOP + row * pitch, pitch))
    parts.append(_row_names(shown, pitch) if len(shown) <= NAMED_ROWS else _wave_names(shown, axis, pitch))
    parts += [_held(timeline, axis, bottom - 20)] if timeline.blocked else []
    parts += [_floor(floor_s, axis, bottom)] if floor_s else []
    says = what_it_shows(timeline)
    return Drawn(
        plot("waterfall", says, bottom + (18 if floor_s else 2), *parts),
        _mini(shown, fastest, max(timeline.span_s, 0.001), timeline),
        says,
        _table(answers),
        _legend(timeline, floor_s),
        tuple(dict.fromkeys(f"{b.file}, line {b.line}, in {b.function}: {b.code}" for b in timeline.blocked)),
    )


def ordered(timeline: Timeline) -> list[Answer]:
    """Label by label in the order they were sent, inside a label by the end."""
    place = {label: i for i, label in enumerate(dict.fromkeys(a.label for a in timeline.answers))}
    return sorted(timeline.answers, key=lambda a: (place[a.label], _end(a), a.sent_s))


def fastest_of(answers: Sequence[Answer]) -> dict[str, float]:
    """The shortest latency of each label, in seconds; infinite where nothing was answered."""
    fastest: dict[str, float] = {}
    for answer in answers:
        latency_s = math.inf if answer.latency_s is None else answer.latency_s
        fastest[answer.label] = min(fastest.get(answer.label, math.inf), latency_s)
    return fastest


def thinned(answers: Sequence[Answer]) -> list[Answer]:
    """At most so many rows as fit; evenly chosen, first and last kept."""
    if len(answers) <= MAX_ROWS:
        return list(answers)
    return [answers[round(i * (len(answers) - 1) / (MAX_ROWS - 1))] for i in range(MAX_ROWS)]


def waves(timeline: Timeline) -> list[list[Answer]]:
    """The answers in groups that came together: a new group begins after a gap of most of a request's time."""
    came = sorted((a for a in timeline.answers if a.done_s is not None), key=_end)
    if not came:
        return []
    gap_s = GAP_SHARE * timeline.fastest_s
    groups = [[came[0]]]
    for before, answer in pairwise(came):
        if _end(answer) - _end(before) > gap_s:
            groups.append([])
        groups[-1].append(answer)
    return groups


def what_it_shows(timeline: Timeline) -> str:
    """The picture in a sentence or two."""
    labels = list(dict.fromkeys(a.label for a in timeline.answers))
    told = [_one_label(timeline.only(label), label) for label in labels[:MOST_LABELS]]
    more = len(labels) - MOST_LABELS
    return " ".join([*told, f"And {more} more."] if more > 0 else told)


def _one_label(part: Timeline, label: str) -> str:
    count, groups = len(part.answers), waves(part)
    silent = count - sum(map(len, groups))
    end = f" {silent} had no answer within {part.watched_s:.1f} s." if silent else ""
    if not groups:
        return f"{count} × {label}: no answer within {part.watched_s:.1f} s."
    first, last = _end(groups[0][0]), _end(groups[-1][-1])
    if count == 1:
        return f"{label}: answered after {last:.3f} s."
    head = f"{count} × {label}: "
    if count - silent == 1:
        return f"{head}one answered after {last:.2f} s.{end}"
    if len(groups) == 1:
        return f"{head}a block, answered together after {_range(first, last)}.{end}"
    sizes = [len(group) for group in groups]
    if max(sizes) == 1:
        return f"{head}a staircase, one answer at a time from {first:.2f} to {last:.2f} s.{end}"
    if len(groups) <= 4:
        told = ", ".join(f"{len(g)} after {_range(_end(g[0]), _end(g[-1]))}" for g in groups)
        return f"{head}{len(groups)} waves, {told}.{end}"
    return f"{head}{len(groups)} waves from {first:.2f} to {last:.2f} s.{end}"


def _row(answer: Answer, fastest_s: float, axis: Axis, top: float, pitch: float) -> Markup:
    bar = max(2.0, pitch * 0.64) if pitch > 4 else pitch - 1
    line = max(1.0, bar * 0.28)
    middle = top + pitch / 2
    failed = answer.error is not None or (answer.status or 200) >= 400
    end_s = axis.span if answer.done_s is None else answer.done_s
    work_s = min(fastest_s if math.isfinite(fastest_s) else 0.0, end_s - answer.sent_s)
    begins = end_s if answer.done_s is None else end_s - work_s
    parts = []
    if begins > answer.sent_s + axis.span / 500:
        parts.append(_bar(axis, answer.sent_s, begins, middle, line, "wait"))
    if answer.done_s is None:
        parts.append(tag("text", "×", class_="lost", x="100%", y=middle + 4, dx=-2, text_anchor="end"))
    else:
        parts.append(_bar(axis, begins, end_s, middle, bar, "bad" if failed else "work"))
    return joined(parts)


def _bar(axis: Axis, start_s: float, end_s: float, middle: float, height: float, kind: str) -> Markup:
    return tag(
        "rect",
        class_=kind,
        x=axis.at(start_s),
        y=middle - height / 2,
        width=axis.length(start_s, end_s),
        height=height,
        rx=2 if height > 6 else None,
    )


def _row_names(shown: Sequence[Answer], pitch: float) -> Markup:
    labels = {a.label for a in shown}
    parts = []
    for row, answer in enumerate(shown):
        same = [a for a in shown if a.label == answer.label]
        short = answer.label.rsplit("/", 1)[-1][:9] or answer.label[:9]
        name = str(row + 1) if len(labels) == 1 else short if len(same) == 1 else f"{short} {same.index(answer) + 1}"
        y = TOP + row * pitch + pitch / 2 + 4
        parts.append(tag("text", name, class_="name", x=0, y=y, dx=-8, text_anchor="end"))
        end = "no answer" if answer.done_s is None else f"{answer.done_s:.2f} s"
        if answer.status and answer.status >= 400:
            end += f" · {answer.status}"
        parts.append(tag("text", end, class_="value", x="100%", y=y, dx=8))
    return joined(parts)


def _wave_names(shown: Sequence[Answer], axis: Axis, pitch: float) -> Markup:
    """The rows of a crowd have no names of their own; each run of answers that came together has its count."""
    parts, start = [], 0
    fastest_s = min((a.latency_s for a in shown if a.latency_s is not None), default=0.0)
    for row in range(1, len(shown) + 1):
        if row < len(shown) and _together(shown[row - 1], shown[row], fastest_s):
            continue
        middle = TOP + pitch * (start + row) / 2
        if row - start >= 3 or len(shown) < 60:
            parts.append(tag("text", f"{row - start}", class_="name", x=0, y=middle + 4, dx=-8, text_anchor="end"))
            last = shown[row - 1]
            end = "no answer" if last.done_s is None else f"{last.done_s:.2f} s"
            if pitch * (row - start) >= 13:
                parts.append(tag("text", end, class_="value", x="100%", y=middle + 4, dx=8))
        start = row
    return joined(parts)


def _together(before: Answer, after: Answer, fastest_s: float) -> bool:
    if before.label != after.label or (before.done_s is None) != (after.done_s is None):
        return False
    return before.done_s is None or _end(after) - _end(before) <= GAP_SHARE * fastest_s


def _held(timeline: Timeline, axis: Axis, top: float) -> Markup:
    parts = [tag("text", "loop", class_="name", x=0, y=top + 12, dx=-8, text_anchor="end")]
    held = sum(b.length_s for b in timeline.blocked)
    for interval in timeline.blocked[:400]:
        parts.append(_bar(axis, interval.start_s, interval.end_s, top + 8, 10, "held"))
    parts.append(tag("text", f"{held:.2f} s", class_="value", x="100%", y=top + 12, dx=8))
    return joined(parts)


def _floor(floor_s: float, axis: Axis, bottom: float) -> Markup:
    at = axis.at(floor_s)
    return joined(
        [
            tag("line", class_="floor", x1=at, x2=at, y1=TOP - 4, y2=bottom + 2),
            tag("text", f"floor {floor_s:g} s", class_="floor-name", x=at, y=bottom + 14, text_anchor="middle"),
        ]
    )


def _mini(shown: Sequence[Answer], fastest: dict[str, float], span_s: float, timeline: Timeline) -> Markup:
    chosen = [shown[round(i * (len(shown) - 1) / max(1, min(9, len(shown)) - 1))] for i in range(min(9, len(shown)))]
    pitch = 20 / len(chosen)
    parts = []
    for row, answer in enumerate(chosen):
        end_s = span_s if answer.done_s is None else answer.done_s
        known = fastest[answer.label]
        begins = end_s - min(known if math.isfinite(known) else 0.0, end_s - answer.sent_s)
        y, height = row * pitch + pitch * 0.15, max(1.0, pitch * 0.7)
        if answer.done_s is None or begins > answer.sent_s + span_s / 50:
            thin = max(0.8, height * 0.3)
            parts.append(_mini_bar("wait", answer.sent_s, begins, span_s, y + (height - thin) / 2, thin))
        if answer.done_s is not None:
            kind = "bad" if (answer.status or 200) >= 400 else "work"
            parts.append(_mini_bar(kind, begins, end_s, span_s, y, min(height, 7)))
    return miniature(*parts)


def _mini_bar(kind: str, start_s: float, end_s: float, span_s: float, y: float, height: float) -> Markup:
    width = share(max(0.0, end_s - start_s), span_s)
    return tag("rect", class_=kind, x=share(start_s, span_s), y=y, width=width, height=height)


def _table(answers: Sequence[Answer]) -> Table:
    rows = [
        (
            str(number),
            a.label,
            f"{a.sent_s:.4f}",
            "no answer" if a.done_s is None else f"{a.done_s:.4f}",
            "" if a.latency_s is None else f"{a.latency_s:.4f}",
            str(a.status or a.error or ""),
        )
        for number, a in enumerate(answers[:MAX_ROWS], 1)
    ]
    return Table(("", "request", "sent at, s", "answered at, s", "took, s", "status"), tuple(rows))


def _legend(timeline: Timeline, floor_s: float | None) -> tuple[tuple[str, str], ...]:
    found = [("work", "as long as the fastest one took"), ("wait", "waited")]
    if any((a.status or 200) >= 400 or a.error for a in timeline.answers):
        found.append(("bad", "answered with an error"))
    if timeline.blocked:
        found.append(("held", "event loop held"))
    if floor_s:
        found.append(("floor", "floor: where requests wait for one another, they need at least this long"))
    if timeline.clock == "exact":
        found.append(("clock", "exact time: no noise in it"))
    return tuple(found)


def _end(answer: Answer) -> float:
    return math.inf if answer.done_s is None else answer.done_s


def _range(first_s: float, last_s: float) -> str:
    return f"{last_s:.2f} s" if f"{first_s:.2f}" == f"{last_s:.2f}" else f"{first_s:.2f} to {last_s:.2f} s"
