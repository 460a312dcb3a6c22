"""The bounds of a latency follow from what was sent and answered, and hold whatever a service does after its answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.measuring.ledger import Exchange, Waited, is_credible, latencies, most_in_flight

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")


def exchange(sent_s: float, done_s: float, waited: tuple[float, float] | None = None, **more: object) -> Exchange:
    """A request at some moment, answered at another."""
    its = Waited(*waited) if waited else None
    return Exchange("GET", "/", "GET /", sent_s, done_s, 200, waited=its, **more)  # type: ignore[arg-type]


def bounds(exchanges: Sequence[Exchange]) -> list[tuple[float, float]]:
    """In whole milliseconds."""
    return [(round(found.low_ms), round(found.high_ms)) for found in latencies(exchanges)]


def reading(sent_s: float, done_s: float) -> Exchange:
    """A request that is not counted."""
    return exchange(sent_s, done_s, counts=False)


def test_a_request_is_bounded_by_the_wait_and_the_client() -> None:
    """A latency lies between the wait that the handler measured and the answer to a following request."""
    assert bounds([exchange(1.0, 1.1, (1.01, 1.09)), reading(1.1, 1.101)]) == [(80, 101)]


def test_the_asked_delay_stands_in_for_an_unknown_wait() -> None:
    """Where the handler could not tell, the delay that was asked for is the least."""
    assert bounds([exchange(1.0, 1.1, delay_s=0.05), reading(1.1, 1.101)]) == [(50, 101)]


def test_without_a_following_request_nothing_is_known() -> None:
    """The client's last byte alone bounds nothing: a service may stop its clock after it."""
    with pytest.raises(ValueError, match="no request was sent after GET / was answered"):
        latencies([exchange(1.0, 1.1)])


def test_the_client_waits_for_a_following_answer() -> None:
    """A service may stop its clock after the last byte: the time runs until a later request is answered."""
    assert bounds([exchange(1.0, 1.1), exchange(1.1, 1.103), reading(1.103, 1.104)]) == [(0, 103), (0, 4)]


def test_a_following_request_that_waits_bounds_little() -> None:
    """The time runs until it is answered, its own wait included."""
    assert bounds([exchange(1.0, 1.1), exchange(1.1, 1.6, (1.101, 1.6)), reading(1.7, 1.7)])[0] == (0, 600)


def test_the_earliest_answer_bounds() -> None:
    """Of several that follow, the one that is answered first."""
    assert bounds([exchange(1.0, 1.1), exchange(1.2, 1.6), reading(1.3, 1.4), reading(1.7, 1.8)])[0] == (0, 400)


def test_a_request_in_flight_does_not_follow() -> None:
    """Only a request that was sent after the answer bounds it, however early another one was answered."""
    early, late, after = exchange(1.0, 1.3), exchange(1.1, 1.31), reading(1.35, 1.36)

    assert bounds([early, late, after]) == [(0, 360), (0, 260)]


def test_readings_bound_others_and_are_not_counted() -> None:
    """A reading of the metrics follows what came before it, and has no bounds itself."""
    assert bounds([exchange(1.0, 1.1), reading(1.2, 1.21)]) == [(0, 210)]


requests = st.lists(
    st.tuples(st.floats(0, 5), st.floats(0, 0.3), st.floats(0, 0.05), st.floats(0, 0.05)), min_size=1, max_size=40
)  # sent, injected wait, overhead before and after it


@given(requests)
def test_bounds_hold_for_every_service(drawn: list[tuple[float, float, float, float]]) -> None:
    """Whatever lies between the injected wait and the answer lies between the bounds."""
    exchanges = [
        exchange(sent_s, sent_s + before_s + wait_s + after_s, (sent_s + before_s, sent_s + before_s + wait_s))
        for sent_s, wait_s, before_s, after_s in drawn
    ]
    exchanges.append(reading(99.0, 99.1))

    for found, (_, wait_s, before_s, after_s) in zip(latencies(exchanges), drawn, strict=True):
        assert found.low_ms == pytest.approx(1000 * wait_s, abs=1e-6)
        assert found.high_ms >= 1000 * (before_s + wait_s + after_s) - 1e-6


@given(requests)
def test_some_bounds_are_those_of_all(drawn: list[tuple[float, float, float, float]]) -> None:
    """The bounds of a few exchanges do not depend on who else is asked for."""
    exchanges = [exchange(sent_s, sent_s + before_s + after_s) for sent_s, _, before_s, after_s in drawn]
    exchanges.append(reading(99.0, 99.1))

    assert latencies(exchanges, exchanges[:1]) == latencies(exchanges)[:1]


@pytest.mark.parametrize(
    ("waited", "is_true"),
    [
        ((1.01, 1.06), True),
        ((1.01, 1.0595), True),
        ((1.01, 1.05), False),
        ((0.99, 1.06), False),
        ((1.01, 1.2), False),
        ((1.06, 1.01), False),
    ],
)
def test_a_reported_wait_must_be_possible(waited: tuple[float, float], is_true: bool) -> None:
    """A wait outside of its request, or shorter than asked for, is not believed."""
    assert is_credible(Waited(*waited), 1.0, 1.1, delay_s=0.05) is is_true


def test_requests_in_flight_are_counted_where_they_wait() -> None:
    """What counts is that the service itself had them at the same moment."""
    three = [exchange(0, 9, (1, 4)), exchange(0, 9, (2, 5)), exchange(0, 9, (3, 6))]

    assert most_in_flight(three) == 3
    assert most_in_flight([exchange(0, 9, (1, 2)), exchange(0, 9, (2, 3)), exchange(0, 9)]) == 1


def test_header_lines_are_joined() -> None:
    """A header on several lines is one list."""
    found = exchange(0, 1, headers=(("server-timing", "a;dur=1"), ("x", "y"), ("server-timing", "b;dur=2")))

    assert found.header("server-timing") == "a;dur=1, b;dur=2"
    assert found.header("date") is None
