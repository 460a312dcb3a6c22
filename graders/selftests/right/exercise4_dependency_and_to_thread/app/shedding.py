"""Backpressure as a dependency: a place for each prediction, or 503."""

from collections.abc import AsyncIterator

from fastapi import HTTPException

from app.settings import settings


class Places:
    """The places of this process."""

    def __init__(self, count: int | None) -> None:
        self.count = count
        self.taken = 0

    async def __call__(self) -> AsyncIterator[None]:
        """Hold a place until the prediction is over, however it ends."""
        if self.count is not None and self.taken >= self.count:
            raise HTTPException(503, "no place is free", {"Retry-After": "1"})
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


place = Places(settings.max_concurrency)
