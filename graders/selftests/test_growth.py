"""A store that keeps every request is told from one that does not, whatever an entry weighs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.measuring.growth import Growth

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

AFTER = (200, 400, 600, 800, 1_000, 20_000, 50_000)


def weights(entries: dict[int, int], entry_bytes: float, noise: dict[int, int] | None = None) -> list[tuple[int, int]]:
    """Bytes kept after so many requests: a service of 4 MB, its store, and what else moved."""
    return [(n, 4_000_000 + int(entries[n] * entry_bytes) + (noise or {}).get(n, 0)) for n in AFTER]


entry_bytes = st.sampled_from([4, 8, 32, 64, 232, 1_000])
noise = st.fixed_dictionaries({n: st.integers(0, 1_000) for n in AFTER})


@given(entry_bytes, noise)
def test_keeping_everything_is_unbounded(size: int, moved: dict[int, int]) -> None:
    """Each later request left as much behind as the first ones."""
    kept = weights({n: n for n in AFTER}, size, moved)

    assert Growth.of(kept, 20_000).is_unbounded


@given(entry_bytes, noise, st.sampled_from(AFTER[1:5]), st.integers(0, 1_000_000))
def test_what_happens_once_does_not_hide_it(size: int, moved: dict[int, int], since: int, once: int) -> None:
    """A cache that fills among the first requests, and stays, makes each of them look dearer than it was."""
    kept = weights({n: n for n in AFTER}, size, {n: moved[n] // 5 + once * (n >= since) for n in AFTER})

    assert Growth.of(kept, 20_000).is_unbounded


@given(st.integers(1_000, 10_000), st.sampled_from([0, 4, 8, 32, 232]), noise)
def test_a_window_is_bounded(window: int, size: int, moved: dict[int, int]) -> None:
    """Once it is full, nothing is added."""
    kept = weights({n: min(n, window) for n in AFTER}, size, moved)

    assert not Growth.of(kept, 20_000).is_unbounded


@given(st.integers(1_000, 10_000), st.integers(1_000, 10_000), entry_bytes, noise)
def test_a_window_that_is_cut_now_and_then_is_bounded(early: int, late: int, size: int, moved: dict[int, int]) -> None:
    """It may be short when it is weighed first, and full when it is weighed last."""
    kept = weights({n: n for n in AFTER} | {20_000: early, 50_000: late}, size, moved)

    assert not Growth.of(kept, 20_000).is_unbounded


def test_an_array_of_full_size_is_bounded() -> None:
    """A store that never grows, because it was made at full size, is right."""
    assert not Growth.of(weights(dict.fromkeys(AFTER, 10_000), 8), 20_000).is_unbounded


def test_weights_are_needed_on_both_sides() -> None:
    """Two before the window is full, and two from then on."""
    with pytest.raises(ValueError, match="weighed after"):
        Growth.of([(200, 1), (20_000, 2), (50_000, 3)], 20_000)
