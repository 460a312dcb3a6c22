"""Does a store grow with every request, or does it stop? Judged by what the interpreter kept on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

LEAST_ENTRY_BYTES = 4.0
"""The smallest thing that anybody keeps of a latency: a number of single precision."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes that were kept of each request: of the first ones, which every store keeps, and of the later ones.

    What happens once among the first ones, such as a cache that fills, is not taken for what each of them left behind.
    """

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
        steadily = median(_slope(*pair) for pair in pairwise(early))
        return cls(min(steadily, _slope(early[0], early[-1])), _slope(late[0], late[-1]))

    @property
    def is_unbounded(self) -> bool:
        """Whether later requests are kept as the first ones were.

        A store without a bound keeps each later request as it kept each early one. A window of 10,000 that is cut
        now and then holds at most 9,000 more at one time than at another, less than a third of 30,000: half is between.
        """
        return self.late_bytes > max(self.early_bytes, LEAST_ENTRY_BYTES) / 2


def _slope(earlier: tuple[int, int], later: tuple[int, int]) -> float:
    (first, least), (last, most) = earlier, later
    return (most - least) / (last - first)
