"""A burst at a service with a limit, in plain characters: the accepted as bars, the others as the moment they knew."""

from __future__ import annotations

from collections.abc import Sequence

from graders.measuring.tuning_pictures import Arrival, Shedding
from graders.reporting.bars import PRETTY, BarGlyphs, axis, length, span

MAX_ROWS = 12
SHED = 503


def shedding(picture: Shedding, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw a burst in lines of at most `width` characters.

    A bar for each accepted request, from sending to its answer; a row for those that were turned away, with a mark
    at each moment at which one of them was told; a row for those that were answered otherwise.
    """
    if not picture.requests:
        return ["(no request was sent)"]
    seconds = span(max((r.done_s or r.sent_s) for r in picture.requests))
    names = max(len(_name(r)) for r in picture.requests)
    columns = max(20, width - names - 14)
    lines = [f"{'':{names}} {axis(seconds, columns)}"]
    accepted = sorted((r for r in picture.requests if r.status == 200), key=lambda r: r.done_s or 0.0)
    for request in accepted[:MAX_ROWS]:
        lines.append(_bar(request, names, columns, seconds, glyphs))
    if len(accepted) > MAX_ROWS:
        lines.append(f"{'':{names}} and {len(accepted) - MAX_ROWS} more that were accepted")
    lines += _moments([r for r in picture.requests if r.status == SHED], "503", names, columns, seconds, glyphs)
    other = [r for r in picture.requests if r.status not in (200, SHED)]
    lines += _moments(other, "other", names, columns, seconds, glyphs)
    lines.append(f"{glyphs.bar} accepted  {glyphs.thin} turned away  at most {picture.limit} predictions in flight")
    return lines


def _name(request: Arrival) -> str:
    return request.label.partition(" ")[2] or request.label


def _bar(request: Arrival, names: int, columns: int, seconds: float, glyphs: BarGlyphs) -> str:
    done_s = request.done_s or request.sent_s
    start = length(request.sent_s, seconds, columns) if request.sent_s > seconds / columns else 0
    end = max(start + 1, length(done_s, seconds, columns))
    return f"{_name(request):>{names}} {' ' * start}{glyphs.bar * (end - start)} {done_s:.2f}"


def _moments(
    requests: Sequence[Arrival], word: str, names: int, columns: int, seconds: float, glyphs: BarGlyphs
) -> list[str]:
    if not requests:
        return []
    row = [" "] * (columns + 1)
    for request in requests:
        if request.done_s is not None:
            row[min(columns, round(columns * request.done_s / seconds))] = glyphs.thin
    last = max((r.done_s for r in requests if r.done_s is not None), default=None)
    end = f" {last:.2f}" if last is not None else " no answer"
    return [f"{f'{len(requests)} x {word}':>{names}} {''.join(row).rstrip()}{end}"]
