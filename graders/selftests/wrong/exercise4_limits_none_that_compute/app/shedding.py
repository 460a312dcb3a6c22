"""Backpressure: more predictions than the limit are turned away at once instead of waiting in a queue."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

RETRY_AFTER_S = 1
OPEN = ("/predict/cpu", "/predict/batched")


class SheddingMiddleware:
    """Lets at most `limit` predictions of this process be in flight; `None` means no limit."""

    def __init__(self, app: ASGIApp, limit: int | None) -> None:
        self.app = app
        self.limit = limit
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or turn it away; /health and /metrics always get through."""
        if self.limit is None or scope["type"] != "http" or scope["path"] in OPEN or not scope["path"].startswith("/predict"):
            await self.app(scope, receive, send)
            return
        # Between the question and the count there is no await, so no other request can come in between.
        if self.in_flight >= self.limit:
            refusal = JSONResponse(
                {"detail": "too many predictions in flight"}, 503, headers={"Retry-After": str(RETRY_AFTER_S)}
            )
            await refusal(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:  # also after an exception, a 422, and a client that hung up: a place that leaks is lost for good
            self.in_flight -= 1
