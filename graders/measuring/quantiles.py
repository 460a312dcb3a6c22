"""The nine definitions of a quantile by Hyndman and Fan, and what else a standard library gives (see `sandwich`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

Position = tuple[int, Fraction]
"""A rank, from 1, and the share of the way to the next one."""


def _between(position: Fraction) -> Position:
    return math.floor(position), position - math.floor(position)


def _middle_at_a_jump(n: int, p: Fraction) -> Position:
    at = n * p
    return (int(at), Fraction(1, 2)) if at.denominator == 1 else (math.ceil(at), Fraction(0))


def _nearest_even(n: int, p: Fraction) -> Position:
    below, share = _between(n * p - Fraction(1, 2))
    return below, Fraction(0 if share == 0 and below % 2 == 0 else 1)


HYNDMAN_FAN: dict[int, Callable[[int, Fraction], Position]] = {
    1: lambda n, p: (math.ceil(n * p), Fraction(0)),
    2: _middle_at_a_jump,
    3: _nearest_even,
    4: lambda n, p: _between(n * p),
    5: lambda n, p: _between(n * p + Fraction(1, 2)),
    6: lambda n, p: _between((n + 1) * p),
    7: lambda n, p: _between((n - 1) * p + 1),
    8: lambda n, p: _between((n + Fraction(1, 3)) * p + Fraction(1, 3)),
    9: lambda n, p: _between((n + Fraction(1, 4)) * p + Fraction(3, 8)),
}
"""By number, for n samples and a share p."""


def positions(count: int, percent: int) -> set[Position]:
    """Where the nine put a quantile, kept between the smallest and the largest sample.

    With them every rank that one of them touches, and the middles between these: NumPy's "lower", "higher" and
    "midpoint", or an index by truncation.
    """
    found = {_kept(define(count, Fraction(percent, 100)), count) for define in HYNDMAN_FAN.values()}
    touched = {rank for rank, _ in found} | {rank + 1 for rank, share in found if share}
    middles = {(rank, Fraction(1, 2)) for rank in touched if rank + 1 in touched}
    return found | {(rank, Fraction(0)) for rank in touched} | middles


def _kept(position: Position, count: int) -> Position:
    rank, share = position
    if share == 1:
        rank, share = rank + 1, Fraction(0)
    if rank < 1:
        return 1, Fraction(0)
    return (count, Fraction(0)) if rank >= count else (rank, share)


def value_at(ordered: Sequence[float], position: Position) -> float:
    """The value at a position of a sorted sample."""
    rank, share = position
    below = ordered[rank - 1]
    return below + float(share) * (ordered[rank] - below) if share else below
