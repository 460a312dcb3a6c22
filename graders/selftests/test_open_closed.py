"""The closed-versus-open experiment: the same stall, hidden from one kind of load and seen by the other."""

from __future__ import annotations

import pytest

from graders.experiments import open_closed
from graders.experiments.open_closed import measure, p99_ms, says
from graders.measuring.open_closed import Asked, OpenClosed, percentile
from graders.reporting.pictures import drawn, picture_from
from graders.running.launcher import Launcher

FAST_MS, STALL_S = 10.0, 1.0


def as_in_theory() -> OpenClosed:
    """What both loads would see of a stall from 2 s to 3 s on a machine without noise."""
    due = [i / 100 for i in range(600)]
    opened = [Asked(d, d, 3.0 if 2.0 <= d < 3.0 else d + FAST_MS / 1000) for d in due]
    calm = [Asked(d, d, d + FAST_MS / 1000) for d in due if not 2.0 < d < 3.0]
    caught = [Asked(1.99 + i / 100, 1.99 + i / 100, 3.0) for i in range(3)]
    return OpenClosed(3, 100, 6.0, (*calm, *caught), tuple(opened))


def test_waiting_hides_the_stall() -> None:
    """A closed load has three slow requests in five hundred, an open one a hundred in six hundred."""
    seen = as_in_theory()

    assert percentile(seen.closed_ms, 95) == pytest.approx(FAST_MS)
    assert percentile(seen.closed_ms, 99) == pytest.approx(FAST_MS)
    assert percentile(seen.open_ms, 95) > 500
    assert percentile(seen.open_ms, 50) == pytest.approx(FAST_MS)


@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("width", [60, 84, 100])
def test_both_curves_are_drawn(width: int, is_plain: bool) -> None:
    """One line over time for each load, with the gap in which nobody sent; then a line for each percentile."""
    lines = drawn(as_in_theory(), width, is_plain)

    closed, opened = (next(line for line in lines if line.startswith(f"{name}  ")) for name in ("closed", "open"))
    assert "   " in closed[8:].strip()
    assert " " not in opened[8:].strip()
    assert [line.split()[0] for line in lines[-6:]] == ["p50", "p90", "p95", "p99", "p99.9", "max"]
    assert max(map(len, lines)) <= max(width, 78)
    assert not is_plain or all(line.isascii() for line in lines)


def test_the_same_again() -> None:
    """It comes back from its data as it was, to a tenth of a millisecond."""
    seen = as_in_theory()

    assert picture_from(seen.to_json()).to_json() == seen.to_json()


def test_the_sentence_follows_the_figures() -> None:
    """What hides the stall is called so only where it was hidden."""
    seen = as_in_theory()
    alike = OpenClosed(3, 100, 6.0, seen.open, seen.open)

    assert "p99 of 10 ms and 3 of 504 answers above 250 ms, the open one 940 ms and 75 of 600: users" in says([seen])
    assert "both saw it alike" in says([alike])
    assert p99_ms([], "open") is None


async def test_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real service: open latencies reach the length of the stall, and far more of them are slow."""
    monkeypatch.setattr(open_closed, "LASTS_S", 1.5)
    monkeypatch.setattr(open_closed, "STALL_AFTER_S", 0.4)
    monkeypatch.setattr(open_closed, "STALL_S", 0.6)

    told: list[str] = []
    with Launcher() as launcher:
        (seen,) = [part async for part in measure(launcher, told.append)]

    slow = [sum(latency_ms > 250 for latency_ms in found) for found in (seen.closed_ms, seen.open_ms)]
    assert len(seen.open) == 150
    assert slow[0] <= 2 * open_closed.USERS < 20 < slow[1]
    assert max(seen.open_ms) > 550
    assert [text.split(":")[0] for text in told] == ["the closed load", "the open load"]
    assert len(seen.to_json()["open"]) == 150
