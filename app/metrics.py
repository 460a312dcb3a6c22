"""What was measured, and what can be said about it: `app/timing.py` fills it, `GET /metrics` reads it.

Exercise 2 builds this file. When you think that a step is done: `uv run pytest -k exercise2`.
"""


class LatencyStats:
    """One row of the metrics: counts since the start, figures over the latest latencies."""

    # TODO (lessons/exercise2.md, step 2): take in one request, its duration in milliseconds and whether it failed.

    # TODO (lessons/exercise2.md, step 3): answer the eight figures: count, errors, min_ms, max_ms, avg_ms,
    # p50_ms, p95_ms, p99_ms; each _ms is None as long as nothing was measured.


class Metrics:
    """Every request of the service, in total and by route."""

    # TODO (lessons/exercise2.md, step 4): keep one LatencyStats for all requests and one for each route, and answer
    # what GET /metrics is to say. The endpoint itself belongs into app/main.py.

    # TODO (lessons/exercise4.md, step 9, bonus): with several workers, answer what all of them served together.
