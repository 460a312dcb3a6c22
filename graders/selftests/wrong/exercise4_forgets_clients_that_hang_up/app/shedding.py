"""Backpressure: more predictions than the limit are turned away at once instead of waiting in a queue."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class SheddingMiddleware:
    """Lets at most `limit` predictions of this process be in flight; stops working for clients that are gone."""

    def __init__(self, app: ASGIApp, limit: int | None) -> None:
        self.app = app
        self.limit = limit
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or turn it away."""
        if self.limit is None or scope["type"] != "http" or not scope["path"].startswith("/predict"):
            await self.app(scope, receive, send)
            return
        if self.in_flight >= self.limit:
            await JSONResponse({"detail": "too busy"}, 503, headers={"Retry-After": "1"})(scope, receive, send)
            return
        self.in_flight += 1
        inbox: asyncio.Queue[Message] = asyncio.Queue()

        async def read() -> None:
            while True:
                message = await receive()
                inbox.put_nowait(message)
                if message["type"] == "http.disconnect":
                    return

        reading = asyncio.create_task(read())
        serving = asyncio.create_task(self.app(scope, inbox.get, send))
        await asyncio.wait({reading, serving}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            serving.cancel()
            return
        reading.cancel()
        self.in_flight -= 1
        serving.result()
