"""What was measured, and what can be said about it."""

from collections import Counter, deque

# The latest latencies of all routes together: enough for a p99 that rests on 50 samples.
WINDOW = 5_000
PERCENTS = (50, 95, 99)

Summary = dict[str, int | float | None]


def summary(count: int, errors: int, latest_ms: list[float]) -> Summary:
    """The eight figures. Sorting waits until somebody asks."""
    ordered = sorted(latest_ms)
    if not ordered:  # nothing is known any more: null, because 0.0 ms would be a claim
        figures = dict.fromkeys(["min_ms", "max_ms", "avg_ms", *(f"p{p}_ms" for p in PERCENTS)])
        return {"count": count, "errors": errors, **figures}
    return {
        "count": count,
        "errors": errors,
        "min_ms": round(ordered[0], 3),
        "max_ms": round(ordered[-1], 3),
        "avg_ms": round(sum(ordered) / len(ordered), 3),
        **{f"p{percent}_ms": round(nearest_rank(ordered, percent), 3) for percent in PERCENTS},
    }


def nearest_rank(ordered: list[float], percent: int) -> float:
    """The smallest value that at least so many percent of the sorted values do not exceed."""
    rank = -(-percent * len(ordered) // 100)  # rounded up in whole numbers: 0.07 * 100 is 7.000000000000001
    return ordered[rank - 1]


class Metrics:
    """Every request of the service, in total and by route."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._latest: deque[tuple[str, float]] = deque(maxlen=WINDOW)

    def record(self, route: str, duration_ms: float, is_error: bool) -> None:
        """Take one request in, under its route's label, such as "GET /items/{id}"."""
        self._counts[route] += 1
        self._errors[route] += is_error
        self._latest.append((route, duration_ms))

    def snapshot(self) -> dict[str, object]:
        """What GET /metrics answers."""
        by_route: dict[str, list[float]] = {route: [] for route in self._counts}
        for route, duration_ms in self._latest:
            by_route[route].append(duration_ms)
        routes = {
            route: summary(self._counts[route], self._errors[route], latest_ms) for route, latest_ms in by_route.items()
        }
        total = summary(self._counts.total(), self._errors.total(), [ms for _, ms in self._latest])
        return {**total, "routes": routes}
