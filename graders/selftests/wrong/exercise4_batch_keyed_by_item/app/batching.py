"""Micro-batching: requests that come close together share one call of the model."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

Item = tuple[float, float]
Model = Callable[[list[Item]], list[float | ValueError]]


@dataclass
class _Waiting:
    item: Item
    answer: asyncio.Future[float | ValueError]
    since: float = field(default_factory=monotonic)


class Batcher:
    """Gathers items for at most `wait_s` seconds or until there are `size`, then calls the model once for all."""

    def __init__(self, model: Model, size: int, wait_s: float) -> None:
        self._model = model
        self._size = size
        self._wait_s = wait_s
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._waiting: dict[Item, _Waiting] = {}

    async def predict(self, item: Item) -> float | ValueError:
        """The model's result for one item, from whichever batch it ends up in."""
        waiting = self._waiting[item] = _Waiting(item, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(item)
        return await waiting.answer

    async def run(self) -> None:
        """Serve batch after batch until cancelled. While the model works, the next batch fills up."""
        while True:
            batch = [self._waiting[item] for item in await self._gather()]
            try:
                results = await asyncio.to_thread(self._model, [waiting.item for waiting in batch])
            except Exception as error:
                # The callers must hear of it, and this loop must live on: without it nobody is answered again.
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)
                continue
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.answer.done():  # a caller who hung up has cancelled it
                    waiting.answer.set_result(result)

    async def _gather(self) -> list[Item]:
        batch = [await self._queue.get()]
        until = self._waiting[batch[0]].since + self._wait_s  # from the moment the first one came, not from now
        while len(batch) < self._size:
            try:
                batch.append(self._queue.get_nowait())
                continue
            except asyncio.QueueEmpty:
                pass
            try:
                async with asyncio.timeout(max(0.0, until - monotonic())):
                    batch.append(await self._queue.get())
            except TimeoutError:
                break
        return batch
