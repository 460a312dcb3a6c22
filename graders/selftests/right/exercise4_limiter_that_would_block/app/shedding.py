"""Backpressure by AnyIO's own limiter: who would have to wait for a token is turned away."""

from collections.abc import Awaitable, Callable

from anyio import CapacityLimiter, WouldBlock
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.settings import settings

tokens = CapacityLimiter(settings.max_concurrency or float("inf"))


async def shed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """One token for each prediction."""
    if not request.url.path.startswith("/predict"):
        return await call_next(request)
    borrower = object()
    try:
        tokens.acquire_on_behalf_of_nowait(borrower)
    except WouldBlock:
        return JSONResponse({"detail": "overloaded"}, 503, headers={"Retry-After": "2"})
    try:
        return await call_next(request)
    finally:
        tokens.release_on_behalf_of(borrower)
