"""The scales see what a store keeps, and say which store it is."""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from graders.running.weigh import Scales


class Kept:
    """A store under a name."""

    def __init__(self, samples: Any) -> None:
        self.samples = samples


@pytest.mark.parametrize(
    ("make", "entry_bytes"),
    [
        (lambda n: [n + i / 7 for i in range(n)], 32),
        (lambda n: array("d", bytes(8 * n)), 8),
        (lambda n: bytearray(4 * n), 4),
        (lambda n: {i: str(i) for i in range(1_000_000, 1_000_000 + n)}, 120),
    ],
)
def test_a_store_weighs_what_it_keeps(make: Callable[[int], Any], entry_bytes: int) -> None:
    """A hundred thousand more entries weigh as much as they take, in a list, an array or a dictionary."""
    scales = Scales()
    store = Kept(make(1_000))
    scales.weigh(0)

    store.samples = make(101_000)
    scales.weigh(1)

    (_, before), (_, after) = scales.weights
    assert 100_000 * entry_bytes < after - before < 100_000 * entry_bytes * 1.9


def test_weighing_adds_nothing() -> None:
    """Weighing again finds the same, to a few hundred bytes."""
    scales = Scales()
    for n in range(3):
        scales.weigh(n)

    (_, second), (_, third) = scales.weights[1:]
    assert abs(third - second) < 2_000


def test_the_largest_store_is_named() -> None:
    """By its kind, its entries, and the attribute that holds it."""
    store = Kept([float(n) for n in range(1_500_000)])

    assert Scales().largest() == "a list with 1,500,000 entries (samples of Kept)"
    assert len(store.samples) == 1_500_000


def test_the_width_of_a_crowd_is_nobodys_store() -> None:
    """Tables in which the event loop notes its tasks stay wide after a crowd, though nothing is kept of it."""

    async def crowd() -> int:
        noted: Any = vars(asyncio.tasks).get("_all_tasks", vars(asyncio.tasks).get("_scheduled_tasks"))
        before = sys.getsizeof(noted.data)
        await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0)) for _ in range(9_000)))
        scales = Scales()
        scales.weigh(0)
        wide = sys.getsizeof(noted.data)
        noted.data = set(noted.data)  # as narrow as it was
        scales.weigh(1)
        assert wide - before > 200_000
        (_, first), (_, last) = scales.weights
        return first - last

    assert asyncio.run(crowd()) < 50_000
