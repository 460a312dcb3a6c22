"""The feature store, over plain connections that are kept and used again."""

import asyncio
import json
import math
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Features:
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
    """A few connections, each used by one call at a time."""

    def __init__(self, url: str, pool: int, timeout_s: float) -> None:
        self._parts = urlsplit(url)
        self._timeout_s = timeout_s
        self._idle: list[Line] = []
        self._turns = asyncio.Semaphore(pool)

    async def features(self, entity_id: str) -> Features:
        """The features of an entity; raises one of the three errors above."""
        try:
            async with asyncio.timeout(self._timeout_s), self._turns:
                status, body = await self._get(f"/features/{quote(entity_id, safe='')}")
        except TimeoutError as error:
            raise StoreTimeoutError from error
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise StoreFaultError from error
        if status == 404:
            raise UnknownEntityError
        try:
            found = json.loads(body)
            values = [found["feature_1"], found["feature_2"]]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise StoreFaultError from error
        if status != 200 or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
            raise StoreFaultError
        return Features(*values)

    async def _get(self, path: str) -> tuple[int, bytes]:
        line = self._idle.pop() if self._idle else None
        if line is not None and line[0].at_eof():
            line[1].close()
            line = None
        if line is None:
            line = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        reader, writer = line
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: {self._parts.netloc}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            version, status, *_ = head[0].split(" ")
            if not version.startswith("http/1."):
                raise ValueError("not HTTP")
            length = next(int(row.partition(":")[2]) for row in head if row.startswith("content-length:"))
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        self._idle.append(line)
        return int(status), body

    async def close(self) -> None:
        """Close every connection."""
        for _, writer in self._idle:
            writer.close()
