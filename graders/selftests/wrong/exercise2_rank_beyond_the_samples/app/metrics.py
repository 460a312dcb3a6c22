"""What was measured, and what can be said about it."""

from collections import defaultdict, deque

# The latest latencies of each route, and of all: enough for a p99 that rests on 50 samples, and 160 KB at most.
WINDOW = 5_000
PERCENTS = (50, 95, 99)

Summary = dict[str, int | float | None]


class LatencyStats:
    """One row of the metrics: counts since the start, figures over the latest latencies."""

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self._latest_ms: deque[float] = deque(maxlen=WINDOW)

    def add(self, duration_ms: float, is_error: bool) -> None:
        """Take one request in. This runs for every request, so it does no more than it must."""
        self.count += 1
        self.errors += is_error
        self._latest_ms.append(duration_ms)

    def summary(self) -> Summary:
        """The eight figures. Sorting waits until somebody asks."""
        ordered = sorted(self._latest_ms)
        if not ordered:  # nothing was measured: null, because 0.0 ms would be a claim
            figures = dict.fromkeys(["min_ms", "max_ms", "avg_ms", *(f"p{p}_ms" for p in PERCENTS)])
            return {"count": self.count, "errors": self.errors, **figures}
        return {
            "count": self.count,
            "errors": self.errors,
            "min_ms": round(ordered[0], 3),
            "max_ms": round(ordered[-1], 3),
            "avg_ms": round(sum(ordered) / len(ordered), 3),
            **{f"p{percent}_ms": round(nearest_rank(ordered, percent), 3) for percent in PERCENTS},
        }


def nearest_rank(ordered: list[float], percent: int) -> float:
    """The smallest value that at least so many percent of the sorted values do not exceed."""
    rank = -(-percent * len(ordered) // 100)  # rounded up in whole numbers: 0.07 * 100 is 7.000000000000001
    return ordered[rank]


class Metrics:
    """Every request of the service, in total and by route."""

    def __init__(self) -> None:
        self._total = LatencyStats()
        self._routes: defaultdict[str, LatencyStats] = defaultdict(LatencyStats)

    def record(self, route: str, duration_ms: float, is_error: bool) -> None:
        """Take one request in, under its route's label, such as "GET /items/{id}"."""
        self._total.add(duration_ms, is_error)
        self._routes[route].add(duration_ms, is_error)

    def snapshot(self) -> dict[str, object]:
        """What GET /metrics answers."""
        routes = {route: stats.summary() for route, stats in sorted(self._routes.items())}
        return {**self._total.summary(), "routes": routes}
