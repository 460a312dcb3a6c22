"""Backpressure: at most so many predictions at a time."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE_S = 0.25


class SheddingMiddleware:
    """Lets at most `limit` predictions of this process run at a time."""

    def __init__(self, app: ASGIApp, limit: int | None) -> None:
        self.app = app
        self.limit = limit
        self.places = asyncio.Semaphore(limit or 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request when there is a place for it soon."""
        if self.limit is None or scope["type"] != "http" or not scope["path"].startswith("/predict"):
            await self.app(scope, receive, send)
            return
        try:
            await asyncio.wait_for(self.places.acquire(), PATIENCE_S)
        except TimeoutError:
            await JSONResponse({"detail": "too busy"}, 503, headers={"Retry-After": "1"})(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.places.release()
