"""Backpressure: at most so many predictions at a time."""

import asyncio
from contextlib import nullcontext

from starlette.types import ASGIApp, Receive, Scope, Send


class SheddingMiddleware:
    """Lets at most `limit` predictions of this process run at a time."""

    def __init__(self, app: ASGIApp, limit: int | None) -> None:
        self.app = app
        self.places = asyncio.Semaphore(limit) if limit else nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request when there is a place for it."""
        if scope["type"] != "http" or not scope["path"].startswith("/predict"):
            await self.app(scope, receive, send)
            return
        async with self.places:
            await self.app(scope, receive, send)
