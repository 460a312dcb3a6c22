"""Backpressure: more predictions than the limit are turned away at once instead of waiting in a queue."""

from collections.abc import Awaitable, Callable

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp


class SheddingMiddleware(BaseHTTPMiddleware):
    """Lets at most `limit` predictions of this process be in flight; `None` means no limit."""

    def __init__(self, app: ASGIApp, limit: int | None) -> None:
        super().__init__(app)
        self.limit = limit
        self.in_flight = 0

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Serve one request or turn it away."""
        if self.limit is None or not request.url.path.startswith("/predict"):
            return await call_next(request)
        if self.in_flight >= self.limit:
            return JSONResponse({"detail": "too busy"}, 503, headers={"Retry-After": "1"})
        self.in_flight += 1
        request.state.body_bytes = len(await request.body())  # raises where the client hangs up before its end
        try:
            return await call_next(request)
        finally:
            self.in_flight -= 1
