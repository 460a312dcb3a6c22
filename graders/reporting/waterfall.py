"""A burst drawn as a waterfall in plain characters: a block is concurrency, a staircase is one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graders.measuring.timeline import Answer, Timeline

MAX_ROWS = 10
NO_ANSWER = " no answer"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters to draw with."""

    work: str = "█"
    wait: str = "░"
    held: str = "▒"
    lost: str = "?"
    dot: str = "·"


PRETTY = Glyphs()
ASCII = Glyphs(work="#", wait="-", held="x", lost="?", dot=".")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    sent_s: float
    done_s: float | None
    work_s: float


def waterfall(timeline: Timeline, width: int = 72, glyphs: Glyphs = PRETTY) -> list[str]:
    """Draw a timeline in lines of at most `width` characters (no less than 45).

    Each row is one request, or several with neighbouring ends where there are more than ten; the last part of a bar
    is as long as the fastest request of the burst took, what lies before it is waiting. Requests without an answer
    end in question marks. A last row shows when a line of the learner's code held the event loop.
    """
    if not timeline.answers:
        return ["(no request was sent)"]
    rows = _rows(timeline)
    names = max(len(row.name) for row in rows)
    names = max(names, 4) if timeline.blocked else names
    columns = max(20, width - names - len(NO_ANSWER) - 1)
    span = _round_up(timeline.span_s)
    scale = columns / span

    lines = [f"{'':{names}} {_axis(span, columns)}"]
    for row in rows:
        lines.append(f"{row.name:>{names}} {_bar(row, scale, columns, glyphs)}")
    if timeline.blocked:
        held = [" "] * columns
        for interval in timeline.blocked:
            for column in range(int(interval.start_s * scale), min(columns, math.ceil(interval.end_s * scale))):
                held[column] = glyphs.held
        lines.append(f"{'loop':>{names}} {''.join(held).rstrip()}")
    return lines + _legend(timeline, glyphs, width)


def _rows(timeline: Timeline) -> list[_Row]:
    labels = list(dict.fromkeys(a.label for a in timeline.answers))
    rows: list[_Row] = []
    for label in labels:
        answers = sorted(timeline.only(label).answers, key=_end)
        fastest = timeline.only(label).fastest_s
        per_row = math.ceil(len(answers) / MAX_ROWS)
        for start in range(0, len(answers), per_row):
            group = answers[start : start + per_row]
            number = f"{start + 1}" if per_row == 1 else f"{start + 1}-{start + len(group)}"
            name = number if len(labels) == 1 else _short(label) if len(answers) == 1 else f"{_short(label)} {number}"
            done = None if group[-1].done_s is None else group[-1].done_s
            rows.append(_Row(name, min(a.sent_s for a in group), done, fastest))
    return rows


def _short(label: str) -> str:
    return label.rsplit("/", 1)[-1] or label


def _end(answer: Answer) -> float:
    return math.inf if answer.done_s is None else answer.done_s


def _bar(row: _Row, scale: float, columns: int, glyphs: Glyphs) -> str:
    start = round(row.sent_s * scale)
    if row.done_s is None:
        return " " * start + glyphs.wait * (columns - start - 3) + glyphs.lost * 3 + NO_ANSWER
    end = max(start + 1, round(row.done_s * scale))
    work = max(1, min(end - start, round(row.work_s * scale) if math.isfinite(row.work_s) else 1))
    return " " * start + glyphs.wait * (end - start - work) + glyphs.work * work + f" {row.done_s:.2f}"


def _axis(span: float, columns: int) -> str:
    marks = [" "] * (columns + len(NO_ANSWER))
    step = _step(span)
    count = int(span / step + 1e-9)
    for i in range(count + 1):
        text = f"{i * step:g}" + (" s" if i == count else "")
        at = round(i * step / span * columns)
        marks[at : at + len(text)] = list(text)
    return "".join(marks).rstrip()


def _step(span: float) -> float:
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0):
        if span / step <= 6 + 1e-6:
            return step
    return span


def _round_up(span: float) -> float:
    step = _step(max(span, 0.02))
    return max(step, math.ceil(span / step - 1e-6) * step)


def _legend(timeline: Timeline, glyphs: Glyphs, width: int) -> list[str]:
    parts = [f"{glyphs.work} as long as the fastest one took", f"{glyphs.wait} waited"]
    if timeline.blocked:
        parts.append(f"{glyphs.held} loop held")
    if timeline.clock == "exact":
        parts.append(f"{glyphs.dot} exact time, no noise")
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines
