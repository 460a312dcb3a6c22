"""The feature store: one client with one pool of connections for the whole life of the process."""

import asyncio
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError


class Features(BaseModel):
    """What the store has to answer."""

    feature_1: float
    feature_2: float


class UnknownEntityError(Exception):
    """The store knows no such entity."""


class StoreTimeoutError(Exception):
    """The store took too long."""


class StoreFaultError(Exception):
    """The store is down, or what it says makes no sense."""


class FeatureStore:
    """Fetches features over connections that are kept open and used again."""

    def __init__(self, url: str, pool: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            base_url=url,
            limits=httpx.Limits(max_connections=pool, max_keepalive_connections=pool),
            timeout=None,  # httpx limits each wait by itself; here the whole call is limited
        )

    async def features(self, entity_id: str) -> Features:
        """The features of an entity; raises one of the three errors above."""
        path = f"/features/{quote(entity_id, safe='')}"  # an id with a slash in it must stay one segment
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.get(path)
        except TimeoutError as error:
            raise StoreTimeoutError from error
        except httpx.HTTPError as error:
            raise StoreFaultError from error
        if response.status_code == 404:
            raise UnknownEntityError
        try:
            return Features.model_validate_json(response.content)
        except ValidationError as error:
            raise StoreFaultError from error

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
