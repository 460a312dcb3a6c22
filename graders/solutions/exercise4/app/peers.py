"""The workers of one service tell one another what they measured, so that any of them can answer for all."""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

from app.metrics import Metrics

FOLDER_VARIABLE = "APP_PEERS"
ANSWER_LIMIT_S = 0.5


def _port_in(path: Path) -> int:
    return int(path.read_text())


class Peers:
    """Answers the other workers of this service, and asks them; alone where no folder of peers is given."""

    def __init__(self, metrics: Metrics) -> None:
        folder = os.environ.get(FOLDER_VARIABLE)
        self._folder = Path(folder) if folder else None
        self._metrics = metrics
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen for the others, on a port that they find in the folder."""
        if self._folder is None:
            return
        self._server = await asyncio.start_server(self._tell, "127.0.0.1", 0)
        self._own.write_text(str(self._server.sockets[0].getsockname()[1]))

    @property
    def _own(self) -> Path:
        assert self._folder is not None
        return self._folder / f"{os.getpid()}.port"

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(self._metrics.raw()).encode())
            await writer.drain()
        writer.close()

    async def ask(self) -> list[dict[str, Any]]:
        """What the others have measured; one that has ended has nothing to say any more."""
        if self._folder is None:
            return []
        others = [path for path in self._folder.glob("*.port") if path != self._own]
        answers = await asyncio.gather(*(self._ask_one(path) for path in others))
        return [answer for answer in answers if answer is not None]

    async def _ask_one(self, path: Path) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(ANSWER_LIMIT_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", _port_in(path))
                try:
                    return json.loads(await reader.read())
                finally:
                    writer.close()
        return None

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._own.unlink(missing_ok=True)
