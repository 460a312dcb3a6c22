"""Does a store grow with every request, or does it stop? Judged by what the interpreter kept on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_ENTRY_BYTES = 4.0
"""The smallest thing that anybody keeps of a latency: a number of single precision."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes that were kept of each request: of the first ones, which every store keeps, and of the later ones."""

    early_bytes: float
    late_bytes: float

    @classmethod
    def of(cls, weights: Sequence[tuple[int, int]], full_after: int) -> Growth:
        """From how many requests there had been and the bytes kept by then, in order; a window is full after so many.

        Raises `ValueError` where there are not two weights before that and two from then on.
        """
        early = [weight for weight in weights if weight[0] < full_after]
        late = [weight for weight in weights if weight[0] >= full_after]
        if len(early) < 2 or len(late) < 2:
            raise ValueError(f"weighed after {[requests for requests, _ in weights]} requests")
        return cls(_slope(early), _slope(late))

    @property
    def is_unbounded(self) -> bool:
        """Whether later requests are kept as the first ones were.

        A store without a bound keeps each later request as it kept each early one. A window of 10,000 that is cut
        now and then holds at most 9,000 more at one time than at another, less than a third of 30,000: half is between.
        """
        return self.late_bytes > max(self.early_bytes, LEAST_ENTRY_BYTES) / 2


def _slope(weights: Sequence[tuple[int, int]]) -> float:
    (first, least), (last, most) = weights[0], weights[-1]
    return (most - least) / (last - first)
