"""Backpressure: more predictions than the limit are turned away at once instead of waiting in a queue."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException

from app.settings import settings

in_flight = 0


def take_place() -> None:
    """Take a place, or turn the request away; to be used with `Depends`."""
    global in_flight
    if settings.max_concurrency is not None and in_flight >= settings.max_concurrency:
        raise HTTPException(503, "too many predictions in flight", {"Retry-After": "1"})
    in_flight += 1


async def place() -> None:
    """As an `async def` it runs on the event loop, and needs no lock."""
    take_place()


@contextmanager
def place_taken() -> Iterator[None]:
    """Give the place back after the work."""
    global in_flight
    try:
        yield
    finally:
        in_flight -= 1
