"""What a service reports, held against the traffic that it had: figures, headers, log lines.

Each function goes on where the report is right and raises `Unmet` where it cannot be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from graders.expect import Expect
from graders.measuring.ledger import Exchange
from graders.measuring.request_log import line_trouble
from graders.measuring.sample import Sample
from graders.measuring.sandwich import (
    FIGURES,
    HALF_DIGIT_MS,
    RESOLUTION_MS,
    Interval,
    Latency,
    Rejection,
    Sandwich,
)
from graders.measuring.server_timing import durations_ms
from graders.running.traffic import Traffic

STAGES = ("preprocess", "infer", "postprocess")
STREAM = "/_lab/stream"

Row = Mapping[str, Any]


class Bounded(Protocol):
    """Traffic, on the machine's clock or on a virtual one, that tells what a latency must lie between."""

    def bounds(self, exchange: Exchange) -> Latency:
        """The injected delay and the time that the client saw."""
        ...

    def interval(self, exchange: Exchange) -> Interval:
        """Where a latency reported for the request must lie."""
        ...


HOW_COMPUTED = "how is this figure computed: from which samples, in which order, in which unit, by which clock?"


def figures_are_right(
    expect: Expect,
    told: Row,
    row: str | None,
    sandwich: Sandwich,
    did: str,
    figures: Sequence[str] = FIGURES,
    look_at: str = HOW_COMPUTED,
) -> None:
    """Each figure of a row (`None`: of all requests) lies where it must; the first that does not is drawn."""
    where = "over all requests" if row is None else f'in routes["{row}"]'
    found = told if row is None else told["routes"].get(row)
    expect(
        found is not None,
        did=did,
        saw=f"routes has {', '.join(told['routes']) or 'no entry'}",
        wanted=f'an entry "{row}"',
        look_at="the middleware: which name does it give a request, and when does it know the route?",
    )
    expect(
        found["count"] == len(sandwich),
        did=did,
        saw=f"count is {found['count']} {where}",
        wanted=f"{len(sandwich)}",
        look_at="the middleware: which requests does it record, and when?",
    )
    rejected = sandwich.rejected(found, figures)
    if rejected:
        worst, *others = rejected
        also = ", ".join(f"{other.figure} {ms(other.reported_ms)}" for other in others)
        expect(
            False,
            did=did,
            saw=f"{worst.figure} is {ms(worst.reported_ms)} {where}"
            + (f"; {worst.remark}" if worst.remark else "")
            + (f"\nnot right either: {also}" if also else ""),
            wanted=_wanted(worst, len(sandwich)),
            look_at=look_at,
            picture=Sample.of(sandwich, worst),
        )


def _wanted(rejected: Rejection, count: int) -> str:
    interval = rejected.interval
    between = ""
    if interval.ranks and interval.ranks[0] != interval.ranks[1]:
        between = f", between ranks {interval.ranks[0]} and {interval.ranks[1]} of {count}"
    return f"{rejected.figure} {interval}{between}"


def header_is_right(expect: Expect, traffic: Bounded, exchange: Exchange, did: str) -> None:
    """The response carries Server-Timing, and its `app` took as long as it must have taken."""
    header = exchange.header("server-timing")
    wanted = "a header such as Server-Timing: app;dur=12.3 (milliseconds)"
    expect(
        header is not None,
        did=did,
        saw="no header Server-Timing",
        wanted=wanted,
        look_at="the middleware: where does a response's head pass by, and which responses take another way?",
    )
    found = durations_ms(str(header), "app")
    expect(
        found != [], did=did, saw=f"Server-Timing: {header}", wanted=wanted, look_at="what is written into the header?"
    )
    right = traffic.interval(exchange)
    expect(
        all(right.holds(duration_ms) for duration_ms in found),
        did=did,
        saw=f"Server-Timing: {header}{_in_seconds(right, found[0])}",
        wanted=f"app;dur {right}",
        look_at="the middleware: when does its clock start, which clock is it, and in which unit does it write?",
    )


def stages_are_right(
    expect: Expect, traffic: Bounded, exchange: Exchange, delays_ms: Sequence[float], did: str
) -> bool:
    """Each stage is named with a duration that is possible, and `app` holds all of them.

    Whether another stage could not have been taken for the slowest: on a busy machine everything takes long.
    """
    header = exchange.header("server-timing") or ""
    saw = f"Server-Timing: {header or '(none)'}"
    found = {stage: durations_ms(header, stage) for stage in STAGES}
    missing = [stage for stage in STAGES if not found[stage]]
    expect(
        not missing,
        did=did,
        saw=saw,
        wanted=f"an entry with a duration for {', '.join(missing)}",
        look_at="the handler of /predict/staged: how does what it measures reach the header?",
    )
    whole_ms = traffic.bounds(exchange).high_ms
    rights = {}
    for stage, delay_ms in zip(STAGES, delays_ms, strict=True):
        others_ms = sum(delays_ms) - delay_ms - 2 * RESOLUTION_MS
        rights[stage] = Interval(delay_ms, whole_ms - others_ms)
    for stage, right in rights.items():
        expect(
            all(right.holds(duration_ms) for duration_ms in found[stage]),
            did=did,
            saw=saw,
            wanted=f"{stage};dur {right}",
            look_at="the stages: what starts their clocks, and where are durations kept until the header is written?",
        )
    sum_ms = sum(max(durations) for durations in found.values())
    app = durations_ms(header, "app")
    expect(
        app != [] and min(app) >= sum_ms - RESOLUTION_MS - 4 * HALF_DIGIT_MS,
        did=did,
        saw=saw,
        wanted=f"app;dur of {sum_ms:.1f} ms or more, the sum of the stages",
        look_at="which clock starts first: that of the whole request, or that of its first stage?",
    )
    slowest = max(STAGES, key=lambda stage: rights[stage].low_ms)
    return all(rights[stage].most_ms < rights[slowest].least_ms for stage in STAGES if stage != slowest)


def log_is_right(expect: Expect, traffic: Traffic, lines: Sequence[Row], did: str) -> None:
    """Each request has exactly one line, with fields that are true; each path was asked once.

    How long a stream took may be told by who saw only its beginning: that is for the bonus check to judge.
    """
    exchanges = {(e.method, e.path): e for e in traffic.counted()}
    found: dict[tuple[str, str], list[Row]] = {key: [] for key in exchanges}
    for line in lines:
        found.get(_key(line), []).append(line)
    strangers = [line for line in lines if _key(line) not in exchanges and _key(line)[1] != "/metrics"]
    among = ", one of them for {!r} {!r}".format(*_key(strangers[0])) if strangers else ""
    for key, exchange in exchanges.items():
        expect(
            len(found[key]) == 1,
            did=did,
            saw=f"{len(found[key])} lines for {exchange.label}, which was answered {exchange.status}; "
            + (f'{len(lines)} lines with event "request" in all{among}' if lines else _printed_instead(traffic)),
            wanted='one JSON line with event "request", on standard output, for each request, failed ones too',
            look_at="where is the line written, and which requests never get there?",
        )
        right = None if exchange.path == STREAM else traffic.interval(exchange)
        _line_is_right(expect, found[key][0], exchange, right, did)
    expect(
        not strangers,
        did=did,
        saw=f"a line for a request that nobody sent: {strangers[:1]}",
        wanted="no other line with that event",
        look_at="what else calls itself a request?",
    )


def _key(line: Row) -> tuple[str, str]:
    return str(line.get("method")), str(line.get("path"))


def _line_is_right(expect: Expect, line: Row, exchange: Exchange, right: Interval | None, did: str) -> None:
    trouble = line_trouble(line)
    expect(
        not trouble,
        did=did,
        saw=f"{trouble}: {line}",
        wanted="event, method, path, status (an integer), duration_ms (a number), request_id, timestamp",
        look_at="the call that writes the line: what does it pass, and what do the processors add?",
    )
    expect(
        line["status"] == exchange.status,
        did=did,
        saw=f"status {line['status']} in the line of {exchange.label}, which was answered {exchange.status}",
        wanted=f"status {exchange.status}",
        look_at="where is the status kept until the line is written, and who else writes there meanwhile?",
    )
    if right is None:
        return
    expect(
        right.holds(line["duration_ms"]),
        did=did,
        saw=f"duration_ms {line['duration_ms']} for {exchange.label}{_in_seconds(right, line['duration_ms'])}",
        wanted=f"duration_ms {right}",
        look_at="which clock does the line read, and in which unit?",
    )


def _printed_instead(traffic: Traffic) -> str:
    if b'"event"' in traffic.stderr() and b"{" in traffic.stderr():
        return "there are JSON lines on standard error"
    printed = [line for line in traffic.stdout().decode(errors="replace").splitlines() if line.strip()]
    if any(line.strip() == "{" for line in printed):
        return "standard output has JSON that is spread over several lines"
    return f"standard output ends with\n{printed[-1][:160]}" if printed else "nothing is on standard output"


def ids_are_right(
    expect: Expect, exchanges: Collection[Exchange], given: Mapping[str, str], did: str
) -> dict[str, str]:
    """Each answer carries the id that was given with its request, or one of its own; ids by method and path.

    An answer to an exception that nobody handled may come from a layer further out and carry none.
    """
    ids = {}
    for exchange in exchanges:
        told, wanted = exchange.header("x-request-id"), given.get(exchange.label)
        if told is None and exchange.status == 500:
            if wanted is not None:
                ids[exchange.label] = wanted
            continue
        expect(
            bool(told) and told == (wanted or told),
            did=did,
            saw=f"{exchange.label} was answered with " + (f"X-Request-ID: {told}" if told else "no X-Request-ID"),
            wanted=f"X-Request-ID: {wanted}, as it was sent" if wanted else "an id made by the service",
            look_at="the middleware: what becomes of an id that came with the request, and where is it kept meanwhile?",
        )
        ids[exchange.label] = str(told)
    expect(
        len(set(ids.values())) == len(ids),
        did=did,
        saw=f"{len(ids)} requests with {len(set(ids.values()))} different ids",
        wanted="an id of its own for each request",
        look_at="when is an id made: once, or for each request?",
    )
    return ids


def logged_ids_are_right(expect: Expect, lines: Sequence[Row], ids: Mapping[str, str], did: str) -> None:
    """Each request's log line carries its id."""
    found = {" ".join(_key(line)): line.get("request_id") for line in lines}
    for label, wanted in ids.items():
        expect(
            found.get(label) == wanted,
            did=did,
            saw=f"the log line of {label} " + (f"has request_id {found[label]!r}" if label in found else "is missing"),
            wanted=f"request_id {wanted!r}, as in the answer's header",
            look_at="how does the id come into the log line, and whose id is it by then?",
        )


def ms(value: float) -> str:
    """A figure as the service reported it."""
    return f"{value:g} ms"


def _in_seconds(right: Interval, value: float) -> str:
    return "; in seconds it would be right" if value and right.holds(1000 * value) else ""
